//! The **governance** of a policy: who is responsible, what is watched, how
//! people decide, are told, and prove what was done.
//!
//! These sections are what people sign. Those that no part of Plimsoll
//! enforces yet are named by [`super::PolicySet::not_enforced`]; all of them
//! are read strictly, linted and rendered.

mod care;
mod changes;
mod client;
mod telling;

pub use care::{
    Amount, Baseline, BlockedBy, CleanUp, Cost, Disagreement, Documentation, Estimate, Forensics, Friction, OutOfBand, RemoveBy, Report, Retention, Targets,
    Unit, UnsupportedSoftware, Untaken, Verify, VerifyMethod,
};
pub use changes::{
    AccreditationPractice, ApprovePractice, AutoIf, Cycle, Emergency, MaySkip, Measure, Mitigation, OnTimeout, PendingCountsAs, PostDeploy, RebootPractice,
    TestPractice, Unpatchable, VendorCalendar,
};
pub use client::{Clauses, Client, ClientModel, Involvement, OnRefusal, OnSilence};
pub use telling::{Audience, Channel, Escalation, Notice, Notify, Overdue, QuietHours};

use super::length::Length;
use super::rollout::Select;
use super::{ChangeType, Exposure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A share in whole percent, 0 to 100.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Deserialize, Serialize)]
#[serde(try_from = "i64")]
pub struct Percent(pub u8);

impl TryFrom<i64> for Percent {
    type Error = String;

    fn try_from(value: i64) -> Result<Self, String> {
        u8::try_from(value).ok().filter(|value| *value <= 100).map(Self).ok_or_else(|| format!("{value} is no percentage, the limit is 100"))
    }
}

/// Everything a policy says of people and practice.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Governance {
    /// What the policy is for, in a sentence or two.
    pub purpose: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who signs it.
    pub approved_by: Vec<String>,
    /// How often it is looked at again.
    pub review_every: Option<Length>,
    /// What it holds for.
    pub scope: Option<Scope>,
    /// Who the names are.
    pub people: BTreeMap<String, Person>,
    /// Who does what.
    pub roles: Option<Roles>,
    /// Sources and how often is looked.
    pub monitor: Option<Monitor>,
    /// Routine patching.
    pub cycles: Vec<Cycle>,
    /// The path around routine.
    pub emergency: Option<Emergency>,
    /// What is done where no fix can be had.
    pub mitigation: Option<Mitigation>,
    /// What becomes of hosts that cannot be fixed at all.
    pub unpatchable: Option<Unpatchable>,
    /// Tests beyond what rollouts enforce.
    pub test: TestPractice,
    /// Who approves, and what follows.
    pub approve: BTreeMap<ChangeType, ApprovePractice>,
    /// Where an authority's accreditation is needed.
    pub accreditation: Option<AccreditationPractice>,
    /// How clients take part.
    pub client: Option<Client>,
    /// Reboots beyond what rollouts enforce.
    pub reboot: RebootPractice,
    /// How a fix is seen to be in effect.
    pub verify: Option<Verify>,
    /// Looking for traces before patching.
    pub forensics: Option<Forensics>,
    /// Who is told what, and when.
    pub notify: Option<Notify>,
    /// Who is called when time runs out.
    pub escalation: Vec<Escalation>,
    /// What is removed afterwards.
    pub clean_up: Option<CleanUp>,
    /// What is written down.
    pub documentation: Option<Documentation>,
    /// The configuration standard.
    pub baseline: Option<Baseline>,
    /// What counts as good enough.
    pub targets: Option<Targets>,
    /// Reports.
    pub reports: Vec<Report>,
    /// Prices.
    pub cost: Option<Cost>,
    /// How long records are kept.
    pub retention: Option<Retention>,
}

/// What a policy holds for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scope {
    /// In words.
    pub statement: Option<String>,
    /// Hosts in scope; all where it names nothing.
    pub select: Select,
    /// Hosts out of scope.
    pub exclude: Select,
    /// Named classes of hosts.
    pub classes: Vec<AssetClass>,
}

/// A named class of hosts.
#[derive(Clone, PartialEq, Debug)]
pub struct AssetClass {
    /// Name.
    pub id: String,
    /// What belongs to it, in words.
    pub description: Option<String>,
    /// Its hosts.
    pub select: Select,
}

/// A person or group that the policy names.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Name or title for readers.
    pub name: Option<String>,
    /// Address.
    pub mail: Option<String>,
    /// Members, by their names in the policy; a group has some.
    #[serde(default)]
    pub members: Vec<String>,
}

/// Who does what: the ten phases, and who may decide.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Watches the sources.
    pub monitor: Option<String>,
    /// Obtains fixes.
    pub acquire: Option<String>,
    /// Judges relevance.
    pub evaluate: Option<String>,
    /// Sets priorities and windows.
    pub prioritize: Option<String>,
    /// Tests and certifies.
    pub test: Option<String>,
    /// Builds deployment packages.
    pub package: Option<String>,
    /// Deploys.
    pub deploy: Option<String>,
    /// Confirms.
    pub confirm: Option<String>,
    /// Cleans up.
    pub clean_up: Option<String>,
    /// Documents.
    pub document: Option<String>,
    /// Who authorises a change, by its kind; `auto` for nobody.
    #[serde(default)]
    pub change_authority: BTreeMap<ChangeType, String>,
    /// Who may accept a risk, by severity or priority.
    #[serde(default)]
    pub risk_acceptor: BTreeMap<String, String>,
}

impl Roles {
    /// The phases that somebody is named for.
    pub fn phases(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("monitor", &self.monitor),
            ("acquire", &self.acquire),
            ("evaluate", &self.evaluate),
            ("prioritize", &self.prioritize),
            ("test", &self.test),
            ("package", &self.package),
            ("deploy", &self.deploy),
            ("confirm", &self.confirm),
            ("clean_up", &self.clean_up),
            ("document", &self.document),
        ];
        all.into_iter().filter_map(|(name, who)| who.as_deref().map(|who| (name, who))).collect()
    }
}

/// Sources and how often is looked.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// Oldest a feed may be.
    pub max_feed_age: Option<Length>,
    /// Sources: `kev`, `csaf:*`, `vendor:debian`; none for all there are.
    pub sources: Option<Vec<String>>,
    /// How often hosts that nobody manages are looked for.
    pub discovery_every: Option<Length>,
    /// How often hosts are looked at, by how far they can be reached.
    #[serde(default)]
    pub scan_every: BTreeMap<Exposure, Length>,
    /// Who watches which sources.
    #[serde(default)]
    pub watch: Vec<Watch>,
}

/// Who watches some sources.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The sources.
    pub sources: Vec<String>,
    /// Who.
    pub by: String,
    /// For which kind of software.
    pub product: Option<String>,
    /// How often they look.
    pub every: Option<Length>,
}

impl Monitor {
    /// Kinds of sources that can be named, before the colon.
    pub const KINDS: [&'static str; 14] = [
        "advisories", "alpine", "csaf", "debian", "endoflife", "epss", "feeds", "kev", "nvd", "osv", "ubuntu", "vendor", "vex", "vulnrichment",
    ];

    /// Whether the sources hold one of these kinds; silence means all.
    pub fn collects(&self, kinds: &[&str]) -> bool {
        let kind = |source: &str| kinds.contains(&source.split(':').next().unwrap_or_default());
        self.sources.as_ref().is_none_or(|sources| sources.iter().any(|source| source == "*" || kind(source)))
    }
}

/// Words for people that every organisation has; they need no entry.
pub const AUDIENCES: [&str; 19] = [
    "approvers", "auditors", "auto", "client", "clients", "everyone", "management", "operators", "owner", "owners", "project-teams",
    "security", "service-owner", "soc", "stakeholders", "team", "teams", "users", "account-manager",
];

impl Governance {
    /// Whether the file says anything of people and practice.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }

    /// Every person, group or audience that the policy names, with the place
    /// that does, as a path of keys.
    pub fn names(&self) -> Vec<(String, &str)> {
        let mut names: Vec<(String, &str)> = Vec::new();
        names.extend(self.owner.iter().map(|name| ("policy.owner".to_owned(), name.as_str())));
        names.extend(self.approved_by.iter().map(|name| ("policy.approved_by".to_owned(), name.as_str())));
        for (id, person) in &self.people {
            names.extend(person.members.iter().map(|name| (format!("people.{id}.members"), name.as_str())));
        }
        if let Some(roles) = &self.roles {
            names.extend(roles.phases().into_iter().map(|(role, name)| (format!("roles.{role}"), name)));
            names.extend(roles.change_authority.values().map(|name| ("roles.change_authority".to_owned(), name.as_str())));
            names.extend(roles.risk_acceptor.values().map(|name| ("roles.risk_acceptor".to_owned(), name.as_str())));
        }
        let watched = self.monitor.iter().flat_map(|monitor| &monitor.watch);
        names.extend(watched.map(|watch| ("monitor.watch".to_owned(), watch.by.as_str())));
        if let Some(emergency) = &self.emergency {
            names.extend(emergency.declared_by.iter().map(|name| ("emergency.declared_by".to_owned(), name.as_str())));
        }
        names.extend(self.mitigation.iter().filter_map(|mitigation| Some(("mitigation.owner".to_owned(), mitigation.owner.as_deref()?))));
        for (kind, practice) in &self.approve {
            names.extend(practice.by.iter().map(|name| (format!("approve.{}.by", kind.as_str()), name.as_str())));
        }
        let accredits = self.accreditation.iter().flat_map(|practice| &practice.by);
        names.extend(accredits.map(|name| ("accreditation.by".to_owned(), name.as_str())));
        if let Some(refusal) = self.client.as_ref().and_then(|client| client.on_refusal.as_ref()) {
            names.extend(refusal.notify.iter().map(|name| ("client.on_refusal".to_owned(), name.as_str())));
        }
        if let Some(notify) = &self.notify {
            for (event, notice) in notify.notices() {
                names.extend(notice.to.iter().map(|name| (format!("notify.{event}"), name.as_str())));
            }
            names.extend(notify.overdue.iter().flat_map(|overdue| &overdue.to).map(|name| ("notify.overdue".to_owned(), name.as_str())));
            for (event, audience) in notify.audiences() {
                names.push((format!("notify.{event}"), audience.audience.as_str()));
            }
        }
        names.extend(self.escalation.iter().flat_map(|step| &step.to).map(|name| ("escalation".to_owned(), name.as_str())));
        names.extend(self.reports.iter().flat_map(|report| &report.to).map(|name| ("report".to_owned(), name.as_str())));
        names
    }

    /// Every severity or priority that the policy names outside of its rules,
    /// with the place that does.
    pub fn levels(&self) -> Vec<(String, &str)> {
        let mut levels: Vec<(String, &str)> = Vec::new();
        if let Some(roles) = &self.roles {
            levels.extend(roles.risk_acceptor.keys().map(|level| ("roles.risk_acceptor".to_owned(), level.as_str())));
        }
        levels.extend(self.emergency.iter().flat_map(|emergency| &emergency.triggers).map(|level| ("emergency.triggers".to_owned(), level.as_str())));
        levels.extend(self.forensics.iter().flat_map(|forensics| &forensics.trigger).map(|level| ("forensics.trigger".to_owned(), level.as_str())));
        let targets = self.targets.iter().flat_map(|targets| targets.within_sla_pct.keys());
        levels.extend(targets.map(|level| ("targets.within_sla_pct".to_owned(), level.as_str())));
        levels.extend(self.escalation.iter().flat_map(|step| &step.levels).map(|level| ("escalation".to_owned(), level.as_str())));
        levels
    }

    /// Whether a name of the policy stands for a person, by account or address:
    /// a person, a group with its members, or an audience.
    pub fn stands_for(&self, name: &str, account: &str, mail: Option<&str>) -> bool {
        self.names_person(name, account, mail, &mut BTreeSet::new())
    }

    fn names_person<'a>(&'a self, name: &'a str, account: &str, mail: Option<&str>, met: &mut BTreeSet<&'a str>) -> bool {
        // Groups may name each other.
        if !met.insert(name) {
            return false;
        }
        let is = |word: &str| word.eq_ignore_ascii_case(account) || mail.is_some_and(|mail| word.eq_ignore_ascii_case(mail));
        match self.people.get(name) {
            Some(entry) => {
                is(name)
                    || entry.mail.as_deref().is_some_and(is)
                    || entry.members.iter().any(|member| self.names_person(member, account, mail, met))
            }
            None => is(name) || AUDIENCES.contains(&name),
        }
    }

    /// Whether the policy says who a name is, so that somebody can be held
    /// against it: a person or group of its own, an address, or a word for
    /// everybody.
    pub fn explains(&self, name: &str) -> bool {
        self.people.contains_key(name) || name.contains('@') || AUDIENCES.contains(&name)
    }

    /// Whose work a phase is; none where the policy names nobody whom it
    /// explains.
    pub fn duty(&self, phase: &str) -> Option<&str> {
        let named = self.roles.as_ref()?.phases().into_iter().find(|(name, _)| *name == phase);
        named.map(|(_, who)| who).filter(|who| self.explains(who))
    }

    /// Whether the policy names somebody so, by name or address.
    pub fn mentions(&self, word: &str) -> bool {
        let is = |name: &str| name.eq_ignore_ascii_case(word);
        self.people.iter().any(|(name, person)| is(name) || person.mail.as_deref().is_some_and(is)) || self.names().iter().any(|(_, name)| is(name))
    }

    /// Whether a proven address shows that an account of this name is its
    /// owner's: it is the address itself, or the policy gives it to this person.
    pub fn vouches(&self, account: &str, mail: &str) -> bool {
        let given = |(name, person): (&String, &Person)| name.eq_ignore_ascii_case(account) && person.mail.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(mail));
        account.eq_ignore_ascii_case(mail) || self.people.iter().any(given)
    }

    /// The person of the policy whom a word means: their name in it, or their
    /// address. A word that it does not know means whoever is called so.
    pub fn person_of<'a>(&'a self, word: &'a str) -> &'a str {
        let is = |(name, person): &(&String, &Person)| {
            person.members.is_empty() && (name.eq_ignore_ascii_case(word) || person.mail.as_deref().is_some_and(|mail| mail.eq_ignore_ascii_case(word)))
        };
        self.people.iter().find(is).map_or(word, |(name, _)| name.as_str())
    }

    /// How many people a name stands for, where the policy says.
    pub fn members(&self, name: &str) -> Option<usize> {
        let person = self.people.get(name)?;
        Some(person.members.len().max(1))
    }
}
