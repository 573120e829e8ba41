//! Rings, windows, freezes, tests, approvals and reboots of a policy file.

mod alerts;

use super::document::Text;
use super::{Ledger, matchers};
use super::load::{length, unknown_zone, zone};
use super::suggest::suggestion;
use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use plimsoll_core::model::deployment_package::{ChangeType, RebootRule};
use plimsoll_core::model::policy::governance::{ApprovePractice, AutoIf, OnTimeout, PendingCountsAs, PostDeploy, RebootPractice, TestPractice};
use plimsoll_core::model::policy::rollout::{ApproveRules, FreezeRule, RingRule, Select, Suite, TestRule, WindowRule};
use plimsoll_core::model::policy::{Length, Recurrence, RolloutRules};
use plimsoll_core::model::problem::{Problem, printable};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Spanned, Value};

/// Most rings, windows or freezes of a policy: each host is held against all.
const MOST: usize = 64;
/// How long before a window's end nothing is started unless a policy says so:
/// a large transaction with its checks takes some minutes.
const STOP_STARTING: &str = "PT30M";
/// Longest a window may last: a longer one is none.
const LONGEST_WINDOW: i64 = 31 * 86_400;

pub(super) type Words = BTreeMap<Text, Spanned<Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RingSection {
    id: Text,
    #[serde(default)]
    select: Words,
    percent: Option<Spanned<i64>>,
    soak: Option<Text>,
    #[serde(default)]
    abort_if: AbortSection,
    #[serde(default)]
    alerts: Vec<Spanned<alerts::AlertSection>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AbortSection {
    failed_pct: Option<Spanned<f64>>,
    health_failed: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowSection {
    id: Text,
    #[serde(default)]
    select: Words,
    tz: Option<Text>,
    start: Spanned<toml::value::Datetime>,
    rule: Text,
    duration: Text,
    stop_starting: Option<Text>,
    reboot: Option<Text>,
    #[serde(default)]
    break_for: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeSection {
    id: Text,
    #[serde(default)]
    select: Words,
    from: Spanned<toml::value::Datetime>,
    to: Spanned<toml::value::Datetime>,
    #[serde(default)]
    break_for: Vec<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSection {
    standard: Option<TestLevel>,
    normal: Option<TestLevel>,
    emergency: Option<TestLevel>,
    require_signature: Option<bool>,
    environment: Option<String>,
    post_deploy: Option<PostDeploy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestLevel {
    suite: Text,
    min_soak: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveSection {
    separation_of_duties: Option<Spanned<bool>>,
    standard: Option<ApproveLevel>,
    normal: Option<ApproveLevel>,
    emergency: Option<ApproveLevel>,
}

impl ApproveSection {
    fn levels(&self) -> impl Iterator<Item = (ChangeType, &ApproveLevel)> {
        let all = [(ChangeType::Standard, &self.standard), (ChangeType::Normal, &self.normal), (ChangeType::Emergency, &self.emergency)];
        all.into_iter().filter_map(|(kind, level)| level.as_ref().map(|level| (kind, level)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveLevel {
    quorum: Option<Spanned<i64>>,
    timeout: Option<Text>,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default)]
    auto_if: Vec<AutoIf>,
    on_timeout: Option<OnTimeout>,
    retro_within: Option<Length>,
    after_action_review: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RebootSection {
    rule: Option<Text>,
    grace: Option<Length>,
    max_pending: Option<Length>,
    pending_counts_as: Option<PendingCountsAs>,
}

/// The sections of one file.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub rings: &'a [RingSection],
    pub windows: &'a [WindowSection],
    pub freezes: &'a [FreezeSection],
    pub test: Option<&'a TestSection>,
    pub approve: Option<&'a ApproveSection>,
    pub reboot: Option<&'a RebootSection>,
}

impl Sections<'_> {
    /// Names of the keys that are read without effect.
    pub(super) fn not_enforced(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut note = |name: String, is: bool| {
            if is {
                names.push(name);
            }
        };
        if let Some(test) = self.test {
            note("test.require_signature".to_owned(), test.require_signature.is_some());
            note("test.environment".to_owned(), test.environment.is_some());
            note("test.post_deploy.error_budget_pct".to_owned(), test.post_deploy.as_ref().is_some_and(|post| post.error_budget_pct.is_some()));
        }
        names
    }

    /// What it says of tests, approvals and reboots beyond the rules.
    pub(super) fn practice(&self) -> (TestPractice, BTreeMap<ChangeType, ApprovePractice>, RebootPractice) {
        let test = self.test.map_or_else(TestPractice::default, |test| TestPractice {
            require_signature: test.require_signature,
            environment: test.environment.clone(),
            post_deploy: test.post_deploy.clone(),
        });
        let levels = self.approve.into_iter().flat_map(ApproveSection::levels);
        let approve = levels.map(|(kind, level)| {
            let practice = ApprovePractice {
                by: level.by.clone(),
                auto_if: level.auto_if.clone(),
                on_timeout: level.on_timeout,
                retro_within: level.retro_within.clone(),
                after_action_review: level.after_action_review,
            };
            (kind, practice)
        });
        let reboot = self.reboot.map_or_else(RebootPractice::default, |reboot| RebootPractice {
            grace: reboot.grace.clone(),
            max_pending: reboot.max_pending.clone(),
            pending_counts_as: reboot.pending_counts_as,
        });
        (test, approve.collect(), reboot)
    }

    /// The rules; Plimsoll's own where the file is silent.
    pub(super) fn rules(&self, zone_name: &str, zone: &TimeZone, ledger: &mut Ledger<'_>, warnings: &mut Vec<Problem>) -> RolloutRules {
        let mut rules = RolloutRules::default();
        let mut reading = Reading { ledger, names: BTreeSet::new(), zone_name, zone };
        if !self.rings.is_empty() {
            rules.rings = reading.rings(self.rings);
        }
        if let Some(watch) = self.test.and_then(|test| test.post_deploy.as_ref()?.watch.as_ref()) {
            let shorter = rules.rings.iter_mut().filter(|ring| ring.soak.nominal_seconds() < watch.nominal_seconds());
            shorter.for_each(|ring| ring.soak = watch.clone());
        }
        reading.names.clear();
        rules.windows = self.windows.iter().filter_map(|section| reading.window(section)).collect();
        reading.names.clear();
        rules.freezes = self.freezes.iter().filter_map(|section| reading.freeze(section)).collect();
        if let Some(section) = self.test {
            rules.test = reading.test(section);
        }
        if let Some(section) = self.approve {
            rules.approve = reading.approve(section, warnings);
        }
        if let Some(word) = self.reboot.and_then(|section| section.rule.as_ref()) {
            rules.reboot = reading.word(word, "reboot.rule", &[("never", RebootRule::Never), ("if-needed", RebootRule::IfNeeded), ("always", RebootRule::Always)]).unwrap_or(rules.reboot);
        }
        rules
    }
}

/// Hosts by what people say of them.
pub(super) fn select(words: &Words, ledger: &mut Ledger<'_>) -> Select {
    Select(words.iter().flat_map(|(key, value)| matchers::attribute(key.get_ref(), value.get_ref(), &key.span(), ledger)).collect())
}

struct Reading<'a, 'l> {
    ledger: &'a mut Ledger<'l>,
    /// Names of this kind so far.
    names: BTreeSet<String>,
    zone_name: &'a str,
    zone: &'a TimeZone,
}

impl Reading<'_, '_> {
    /// A name that stands in packages: plain, and once of its kind.
    fn name(&mut self, what: &str, id: &Text) -> String {
        let name = id.get_ref();
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter);
        if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
            self.ledger.error(&id.span(), format!("{what} `{}` is not a plain name", printable(name)), "use 1 to 32 lower-case letters, digits, dots, hyphens and underscores");
        } else if !self.names.insert(name.clone()) {
            self.ledger.error(&id.span(), format!("there is a {what} `{name}` already"), "give each its own id");
        } else if self.names.len() > MOST {
            self.ledger.error(&id.span(), format!("there are more than {MOST} of {what}"), "put some together");
        }
        name.clone()
    }

    fn select(&mut self, words: &Words) -> Select {
        select(words, self.ledger)
    }

    fn word<T: Copy>(&mut self, word: &Text, what: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| name == word.get_ref()).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let next = suggestion(word.get_ref(), &names.iter().copied().collect()).unwrap_or_else(|| format!("use one of: {}", names.join(", ")));
            self.ledger.error(&word.span(), format!("{what} has no value `{}`", printable(word.get_ref())), next);
        }
        found
    }

    fn change_types(&mut self, words: &[Text]) -> Vec<ChangeType> {
        let known = ChangeType::ALL.map(|kind| (kind.as_str(), kind));
        words.iter().filter_map(|word| self.word(word, "break_for", &known)).collect()
    }

    fn number(&mut self, number: &Spanned<i64>, what: &str, from: i64, to: i64) -> Option<i64> {
        let value = *number.get_ref();
        if (from..=to).contains(&value) {
            return Some(value);
        }
        self.ledger.error(&number.span(), format!("{what} is {value}"), format!("write a number from {from} to {to}"));
        None
    }

    fn rings(&mut self, sections: &[RingSection]) -> Vec<RingRule> {
        let mut rings: Vec<RingRule> = sections.iter().map(|section| self.ring(section)).collect();
        // Every host has a ring, or nobody could say when its turn is.
        if let (Some(last), Some(section)) = (rings.last_mut(), sections.last())
            && (last.percent != Some(100) || !last.select.is_empty())
        {
            self.ledger.error(&section.id.span(), format!("the last ring `{}` does not take the rest of the hosts", printable(&last.id)), "end with a ring that has percent = 100 and no select");
        }
        rings
    }

    fn ring(&mut self, section: &RingSection) -> RingRule {
        let id = self.name("ring", &section.id);
        let percent = section.percent.as_ref().and_then(|percent| self.number(percent, "percent", 1, 100)).and_then(|percent| u8::try_from(percent).ok());
        if section.percent.is_none() && section.select.is_empty() {
            self.ledger.error(&section.id.span(), format!("ring `{}` takes no host", printable(&id)), "give it a select, a percent, or both");
        }
        let failed = section.abort_if.failed_pct.as_ref().map_or(0.0, |failed| {
            let value = *failed.get_ref();
            if !(0.0..=100.0).contains(&value) {
                self.ledger.error(&failed.span(), format!("failed_pct is {value}"), "write percent from 0 to 100");
            }
            value.clamp(0.0, 100.0)
        });
        let health = section.abort_if.health_failed.as_ref().and_then(|number| self.number(number, "health_failed", 1, 1_000_000));
        RingRule {
            id,
            select: self.select(&section.select),
            percent,
            soak: section.soak.as_ref().and_then(|soak| length(soak, "soak", self.ledger)).unwrap_or_else(Length::zero),
            // Thousandths are what is signed; a part of one counts as none.
            failed_per_mille: (failed * 10.0).floor() as u32,
            health_failed: health.and_then(|number| u32::try_from(number).ok()),
            alerts: alerts::read(&section.alerts, self.ledger),
        }
    }

    fn window(&mut self, section: &WindowSection) -> Option<WindowRule> {
        let id = self.name("window", &section.id);
        let (zone_name, zone) = match &section.tz {
            None => (self.zone_name.to_owned(), self.zone.clone()),
            Some(name) => match zone(name.get_ref()) {
                Some(found) => (name.get_ref().clone(), found),
                None => {
                    let place = self.ledger.line(name.span().start);
                    self.ledger.problems.push(unknown_zone(&place, name.get_ref()));
                    return None;
                }
            },
        };
        let start = self.local(&section.start, "start")?;
        let rule = match Recurrence::parse(section.rule.get_ref()) {
            Ok(rule) => rule,
            Err(wrong) => {
                self.ledger.error(&section.rule.span(), format!("rule `{}` {wrong}", printable(section.rule.get_ref())), "write it as FREQ=WEEKLY;BYDAY=TU,TH");
                return None;
            }
        };
        let duration = length(&section.duration, "duration", self.ledger)?;
        let seconds = duration.nominal_seconds();
        if seconds == 0 || seconds > LONGEST_WINDOW {
            self.ledger.error(&section.duration.span(), format!("duration `{}` is none, or longer than 31 days", duration.as_str()), "write how long the window lasts: PT4H");
            return None;
        }
        let stop_starting = match &section.stop_starting {
            Some(text) => length(text, "stop_starting", self.ledger)?,
            None if seconds < 3600 => Length::zero(),
            None => Length::parse(STOP_STARTING).unwrap_or_else(|_| Length::zero()),
        };
        if stop_starting.nominal_seconds() >= seconds {
            let at = section.stop_starting.as_ref().map_or(section.duration.span(), Text::span);
            self.ledger.error(&at, "stop_starting leaves no time to start in", "make it shorter than the window");
        }
        let reboot = section.reboot.as_ref().and_then(|word| self.word(word, "reboot", &[("allowed", true), ("never", false)])).unwrap_or(true);
        Some(WindowRule {
            id,
            select: self.select(&section.select),
            zone,
            zone_name,
            start,
            rule,
            duration,
            stop_starting,
            reboot,
            break_for: self.change_types(&section.break_for),
        })
    }

    fn freeze(&mut self, section: &FreezeSection) -> Option<FreezeRule> {
        let id = self.name("freeze", &section.id);
        let from = self.instant(&section.from, "from", false)?;
        let to = self.instant(&section.to, "to", true)?;
        if from >= to {
            self.ledger.error(&section.to.span(), format!("freeze `{}` ends before it begins", printable(&id)), "write the first day as `from` and the last as `to`");
        }
        Some(FreezeRule { id, select: self.select(&section.select), from, to, break_for: self.change_types(&section.break_for) })
    }

    /// A date and time without an offset.
    fn local(&mut self, written: &Spanned<toml::value::Datetime>, what: &str) -> Option<DateTime> {
        let value = written.get_ref();
        let parsed = (value.offset.is_none() && value.time.is_some()).then(|| value.to_string().parse().ok()).flatten();
        if parsed.is_none() {
            self.ledger.error(&written.span(), format!("{what} is not a date and time on the clock of the zone"), "write it as 2026-01-01T22:00:00, without an offset");
        }
        parsed
    }

    /// An instant; of a day alone its beginning, or its end for the last of
    /// some.
    fn instant(&mut self, written: &Spanned<toml::value::Datetime>, what: &str, is_last: bool) -> Option<jiff::Timestamp> {
        let value = written.get_ref();
        let text = value.to_string();
        let found = match (value.date.is_some(), value.time.is_some(), value.offset.is_some()) {
            (true, true, true) => text.parse().ok(),
            (true, true, false) => text.parse::<DateTime>().ok().and_then(|local| local.to_zoned(self.zone.clone()).ok()).map(|zoned| zoned.timestamp()),
            (true, false, _) => text.parse::<jiff::civil::Date>().ok().and_then(|day| {
                let day = if is_last { day.checked_add(1.day()).ok()? } else { day };
                day.to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp())
            }),
            _ => None,
        };
        if found.is_none() {
            self.ledger.error(&written.span(), format!("{what} is not a day or an instant"), "write it as 2026-12-18 or 2026-12-18T08:00:00+01:00");
        }
        found
    }

    fn test(&mut self, section: &TestSection) -> BTreeMap<ChangeType, TestRule> {
        let levels = [(ChangeType::Standard, &section.standard), (ChangeType::Normal, &section.normal), (ChangeType::Emergency, &section.emergency)];
        let mut rules = BTreeMap::new();
        for (kind, level) in levels {
            let Some(level) = level else { continue };
            let suite = self.word(&level.suite, "suite", &[("none", Suite::None), ("smoke", Suite::Smoke), ("full", Suite::Full)]);
            let min_soak = level.min_soak.as_ref().and_then(|text| length(text, "min_soak", self.ledger)).unwrap_or_else(Length::zero);
            if let Some(suite) = suite {
                rules.insert(kind, TestRule { suite, min_soak });
            }
        }
        rules
    }

    fn approve(&mut self, section: &ApproveSection, warnings: &mut Vec<Problem>) -> ApproveRules {
        let mut rules = ApproveRules::default();
        if let Some(separated) = section.separation_of_duties.as_ref().filter(|separated| !separated.get_ref()) {
            rules.separation_of_duties = false;
            warnings.push(Problem::new(
                "W-POLICY-DUTIES",
                self.ledger.line(separated.span().start),
                "separation_of_duties = false: hosts count no signature of an author all the same",
                "write separation_of_duties = true to say what is done",
            ));
        }
        for (kind, level) in section.levels() {
            let quorum = level.quorum.as_ref().and_then(|quorum| self.number(quorum, "quorum", 1, 100));
            if let Some(quorum) = quorum.and_then(|quorum| u32::try_from(quorum).ok()) {
                rules.quorum.insert(kind, quorum);
            }
            if let Some(timeout) = level.timeout.as_ref().and_then(|text| length(text, "timeout", self.ledger)) {
                rules.timeout.insert(kind, timeout);
            }
        }
        rules
    }
}
