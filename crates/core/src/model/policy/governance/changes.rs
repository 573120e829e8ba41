//! How changes are made: cycles, emergencies, mitigations, tests, approvals.

use super::{Percent, Select};
use crate::model::policy::{ChangeType, Length, Recurrence};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Routine patching: days of one's own, or days after a vendor's.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// Name, where there are several.
    pub id: Option<String>,
    /// The days, as a recurrence.
    pub rule: Option<Recurrence>,
    /// A vendor's calendar instead.
    pub after: Option<VendorCalendar>,
    /// How long after the vendor's day, in days.
    pub offset: Option<Length>,
    /// How long before it people are told.
    pub lead_notice: Option<Length>,
}

/// A vendor's own calendar of releases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VendorCalendar {
    /// Microsoft's, the second Tuesday of each month.
    PatchTuesday,
    /// SAP's security patch day, the second Tuesday of each month.
    SapPatchDay,
    /// Oracle's critical patch updates, the third Tuesday of January, April,
    /// July and October.
    OracleCpu,
    /// Cisco's bundle for IOS, the fourth Wednesday of March and September.
    CiscoIos,
}

impl VendorCalendar {
    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PatchTuesday => "patch-tuesday",
            Self::SapPatchDay => "sap-patch-day",
            Self::OracleCpu => "oracle-cpu",
            Self::CiscoIos => "cisco-ios",
        }
    }

    /// Its days.
    pub fn rule(self) -> &'static str {
        match self {
            Self::PatchTuesday | Self::SapPatchDay => "FREQ=MONTHLY;BYDAY=2TU",
            Self::OracleCpu => "FREQ=MONTHLY;BYMONTH=1,4,7,10;BYDAY=3TU",
            Self::CiscoIos => "FREQ=MONTHLY;BYMONTH=3,9;BYDAY=4WE",
        }
    }

    /// Its name for readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::PatchTuesday => "Microsoft's Patch Tuesday (the second Tuesday of the month)",
            Self::SapPatchDay => "SAP's security patch day (the second Tuesday of the month)",
            Self::OracleCpu => "Oracle's critical patch update (the third Tuesday of January, April, July and October)",
            Self::CiscoIos => "Cisco's IOS bundle (the fourth Wednesday of March and September)",
        }
    }
}

/// The Monday from which the weeks, days and months of an `INTERVAL` count: a
/// cycle names no beginning, and its days must not hang on who asks when.
const ANCHOR: Date = jiff::civil::date(2024, 1, 1);

impl Cycle {
    /// Its name; where it has none, its rule or the vendor's calendar.
    pub fn name(&self) -> String {
        match (&self.id, &self.rule, self.after) {
            (Some(id), ..) => id.clone(),
            (None, Some(rule), _) => rule.as_str().to_owned(),
            (None, None, Some(after)) => {
                let offset = self.offset.as_ref().filter(|offset| offset.nominal_seconds() > 0);
                offset.map_or_else(|| after.as_str().to_owned(), |offset| format!("{} + {}", after.as_str(), offset.words()))
            }
            (None, None, None) => String::new(),
        }
    }

    /// Its days from one day on, at most `most` and within some twenty years.
    pub fn days(&self, from: Date, most: usize) -> Vec<Date> {
        let vendor = self.after.and_then(|after| Recurrence::parse(after.rule()).ok());
        let offset = self.offset.as_ref().map_or(0, Length::nominal_seconds) / 86_400;
        let Some(rule) = self.rule.as_ref().or(vendor.as_ref()) else { return Vec::new() };
        let early = from.saturating_sub((offset + 62).days());
        let until = from.saturating_add(7_000.days()).to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |end| end.timestamp());
        let begins = early.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |begin| begin.timestamp());
        let found = rule.beginnings(early.min(ANCHOR).at(0, 0, 0, 0), &TimeZone::UTC, begins, until);
        found.iter().map(|day| day.date().saturating_add(offset.days())).filter(|day| *day >= from).take(most).collect()
    }

    /// The most days from one cycle to the next in five years.
    pub fn longest_gap(&self, from: Date) -> Option<i32> {
        let days = self.days(from, 64);
        let gap = |pair: &[Date]| match pair {
            [one, other] => one.until(*other).ok().map(|span| span.get_days()),
            _ => None,
        };
        days.windows(2).filter_map(gap).max()
    }
}

/// The path around routine.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Severities or priorities that open it.
    #[serde(default)]
    pub triggers: Vec<String>,
    /// Who may declare it.
    #[serde(default)]
    pub declared_by: Vec<String>,
    /// What it may skip; the reason is recorded.
    #[serde(default)]
    pub may_skip: Vec<MaySkip>,
    /// By when the result and the reason are written down.
    pub report_within: Option<Length>,
}

/// What an emergency may skip.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaySkip {
    /// Maintenance windows.
    Windows,
    /// Freezes.
    Freezes,
    /// The full test.
    FullTests,
    /// Asking the client first.
    Client,
}

impl MaySkip {
    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Windows => "maintenance windows",
            Self::Freezes => "freezes",
            Self::FullTests => "the full test, for a shorter one",
            Self::Client => "the client's prior answer",
        }
    }
}

/// What is done where no fix can be had yet.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mitigation {
    /// Who answers for mitigations.
    pub owner: Option<String>,
    /// Which are allowed.
    #[serde(default)]
    pub measures: Vec<Measure>,
    /// By when one is seen to work.
    pub verify_within: Option<Length>,
    /// How long one may stand.
    pub max_life: Option<Length>,
    /// How often it is looked at again.
    pub review_every: Option<Length>,
    /// How soon after the fix it is removed.
    pub remove_within: Option<Length>,
}

/// A kind of mitigation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Cut off from networks.
    Isolate,
    /// Switched off.
    DisableService,
    /// Configured otherwise.
    Configuration,
    /// Filtered before it is reached.
    Filter,
    /// Watched closely.
    Monitoring,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Isolate, Self::DisableService, Self::Configuration, Self::Filter, Self::Monitoring];

    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::DisableService => "disable-service",
            Self::Configuration => "configuration",
            Self::Filter => "filter",
            Self::Monitoring => "monitoring",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == word)
    }

    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Isolate => "isolating the host",
            Self::DisableService => "switching off the service",
            Self::Configuration => "a change of configuration",
            Self::Filter => "a filter before it (firewall, web application firewall)",
            Self::Monitoring => "closer monitoring",
        }
    }
}

/// What becomes of hosts that cannot be fixed at all.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpatchable {
    /// Whether they are isolated.
    pub isolate: Option<bool>,
    /// By when they are replaced.
    pub replace_within: Option<Length>,
    /// How often each is looked at again.
    pub review_every: Option<Length>,
    /// Whether software without support is removed.
    pub remove_unsupported: Option<bool>,
}

/// Tests beyond what rollouts enforce.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TestPractice {
    /// Whether what is installed must be signed by its publisher.
    pub require_signature: Option<bool>,
    /// Where tests run.
    pub environment: Option<String>,
    /// What is watched afterwards.
    pub post_deploy: Option<PostDeploy>,
}

/// What is watched after a change.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostDeploy {
    /// Names of checks.
    #[serde(default)]
    pub checks: Vec<String>,
    /// For how long.
    pub watch: Option<Length>,
    /// Tickets at which a change counts as failed.
    pub ticket_limit: Option<u32>,
    /// Share of requests that may fail.
    pub error_budget_pct: Option<Percent>,
}

/// Who approves, when nobody need be asked, and what follows afterwards.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ApprovePractice {
    /// Who approves.
    pub by: Vec<String>,
    /// When nobody need be asked.
    pub auto_if: Vec<AutoIf>,
    /// What silence leads to.
    pub on_timeout: Option<OnTimeout>,
    /// By when an approval after the fact must stand.
    pub retro_within: Option<Length>,
    /// Whether each is looked at afterwards.
    pub after_action_review: Option<bool>,
}

/// A condition under which nobody need be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoIf {
    /// The tests passed.
    TestPassed,
    /// The first ring is well.
    Ring0Ok,
    /// It is no firmware.
    NotFirmware,
    /// It is no kernel.
    NotKernel,
    /// It needs no reboot.
    NoReboot,
    /// The last changes of its class succeeded.
    RecentSuccess,
}

impl AutoIf {
    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::TestPassed => "the tests passed",
            Self::Ring0Ok => "the first ring is well",
            Self::NotFirmware => "it is no firmware",
            Self::NotKernel => "it is no kernel",
            Self::NoReboot => "it needs no reboot",
            Self::RecentSuccess => "recent changes of its class succeeded",
        }
    }
}

/// What silence of approvers leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnTimeout {
    /// The next higher authority is asked.
    Escalate,
    /// It has to be drafted again.
    Expire,
    /// It is rejected: the package is withdrawn.
    Reject,
}

/// Reboots beyond what rollouts enforce.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RebootPractice {
    /// How long people may put one off.
    pub grace: Option<Length>,
    /// How long a host may wait for one.
    pub max_pending: Option<Length>,
    /// What a host that waits counts as.
    pub pending_counts_as: Option<PendingCountsAs>,
}

/// What a host that waits for a reboot counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PendingCountsAs {
    /// Not fixed.
    Open,
    /// Installed, and not in effect.
    Installed,
    /// Installed while it may be put off, then not fixed.
    InstalledWithinGrace,
}

/// Where an authority's accreditation is needed beside approvals.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccreditationPractice {
    /// Hosts that need one; all of them where it names none.
    pub select: Select,
    /// Changes that need one; all of them where it names none.
    pub change: Vec<ChangeType>,
    /// Who may give one; every approver where it names none.
    pub by: Vec<String>,
}
