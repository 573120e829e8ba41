//! Who authorises a change: the policy by its own conditions, the people that
//! it names, or people afterwards.

use crate::model::authorisation::{Authorised, Authority, Remark, RemarkKind, Rest};
use crate::model::deployment_package::{ChangeType, DeploymentPackage, RebootRule};
use crate::model::policy::governance::{AutoIf, Governance, OnTimeout};
use crate::model::policy::{ComponentClass, ComponentClasses, RolloutRules};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Days until the review after an emergency where `emergency.report_within`
/// names none: a fortnight is one sprint, and people still remember.
const REVIEW_DAYS: i64 = 14;
/// Changes that "recent" looks at.
const RECENT: usize = 3;
/// Beginnings of names of kernels that no list of classes has.
const KERNELS: [&str; 3] = ["linux-image", "linux-modules", "kernel"];
/// Parts of names of firmware that no list of classes has.
const FIRMWARE: [&str; 2] = ["firmware", "microcode"];

/// Everything the authority may look at.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The instant.
    pub now: Timestamp,
    /// The package.
    pub package: &'a DeploymentPackage,
    /// What the policy says of rollouts.
    pub rules: &'a RolloutRules,
    /// What it says of people.
    pub governance: &'a Governance,
    /// Its classes of software, where it has some.
    pub classes: Option<&'a ComponentClasses>,
    /// Its zone, for lengths of days.
    pub zone: &'a TimeZone,
    /// People whose signatures hold.
    pub signed: &'a BTreeSet<String>,
    /// Whether the author counts, too: an evaluation.
    pub evaluation: bool,
    /// What was said of it.
    pub remarks: &'a [Remark],
    /// Whether earlier changes of its kind succeeded, newest first.
    pub recent: &'a [bool],
    /// Its rollout, where one was started.
    pub course: Option<Course>,
}

/// When a rollout was started, and ended.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Started.
    pub started: Timestamp,
    /// Ended; none while hosts have something to do.
    pub ended: Option<Timestamp>,
}

/// Whom the policy names for a kind of change, and how many of them.
struct Asked<'a> {
    from: Vec<&'a str>,
    quorum: u32,
}

impl<'a> Asked<'a> {
    fn of(question: &Question<'a>) -> Self {
        let (kind, governance) = (question.package.change, question.governance);
        let own = Self::beforehand(question, kind);
        let conditional = governance.approve.get(&kind).is_some_and(|practice| !practice.auto_if.is_empty());
        // A standard change whose conditions do not hold is a normal one.
        if conditional && own.quorum == 0 {
            let normal = Self::beforehand(question, ChangeType::Normal);
            return Self { quorum: normal.quorum.max(1), ..normal };
        }
        own
    }

    fn beforehand(question: &Question<'a>, kind: ChangeType) -> Self {
        let practice = question.governance.approve.get(&kind);
        let mut from: Vec<&str> = practice.iter().flat_map(|practice| &practice.by).map(String::as_str).collect();
        let role = question.governance.roles.as_ref().and_then(|roles| roles.change_authority.get(&kind)).map(String::as_str);
        from.extend(role.filter(|role| *role != "auto"));
        from.retain(|name| *name != "auto");
        from.sort_unstable();
        from.dedup();
        let quorum = question.rules.approve.quorum.get(&kind).copied().unwrap_or(u32::from(!from.is_empty()));
        Self { from, quorum }
    }
}

/// Whether the policy lets a person approve or refuse a change: whom it names
/// for it, once it was escalated also its owner and those who sign the policy.
pub fn may_approve(question: &Question<'_>, account: &str, mail: Option<&str>) -> bool {
    let names = entitled(question, &Asked::of(question), is_escalated(question));
    names.is_empty() || names.iter().any(|name| question.governance.stands_for(name, account, mail))
}

fn entitled<'a>(question: &Question<'a>, asked: &Asked<'a>, escalated: bool) -> Vec<&'a str> {
    let mut names = asked.from.clone();
    if escalated && !names.is_empty() {
        names.extend(question.governance.owner.iter().chain(&question.governance.approved_by).map(String::as_str));
    }
    names
}

/// When time for approval runs out.
pub(super) fn until(question: &Question<'_>) -> Option<Timestamp> {
    let limit = question.rules.approve.timeout.get(&question.package.change)?;
    Some(question.package.created.checked_add(SignedDuration::from_secs(limit.nominal_seconds())).unwrap_or(question.package.expires))
}

fn on_timeout(question: &Question<'_>) -> Option<OnTimeout> {
    question.governance.approve.get(&question.package.change)?.on_timeout
}

/// Whether time ran out and a higher authority is asked.
pub(super) fn is_escalated(question: &Question<'_>) -> bool {
    on_timeout(question) == Some(OnTimeout::Escalate) && until(question).is_some_and(|until| question.now >= until)
}

/// Decides who authorised a change.
pub fn authority(question: &Question<'_>) -> Authority {
    let Question { now, package, governance, remarks, .. } = question;
    let kind = package.change.as_str();
    let practice = governance.approve.get(&package.change);
    let asked = Asked::of(question);
    let names = entitled(question, &asked, is_escalated(question));
    let given = given(question, &names);
    let (against, later) = conditions(question);
    let conditional = practice.is_some_and(|practice| !practice.auto_if.is_empty());
    let by_policy = conditional && against.is_empty();
    let retro = practice.and_then(|practice| practice.retro_within.as_ref());
    let retro_until = retro.zip(question.course).and_then(|(within, course)| within.due(course.started, question.zone, true));
    let whom = whom(asked.quorum, &names);
    let mut because = Vec::new();
    let refused = remarks.iter().find(|remark| remark.kind == RemarkKind::Refuse);
    let standing = if let Some(remark) = refused {
        because.push(format!("{} refused it: {}", remark.who, remark.text));
        Authorised::Refused
    } else if asked.quorum > 0 && given.len() as u64 >= u64::from(asked.quorum) {
        because.push(format!("the policy asks {whom} for a {kind} change; {} approved", given.join(", ")));
        Authorised::Given
    } else if by_policy {
        because.push(format!("the policy itself approves this {kind} change: {}", held(question, &later)));
        Authorised::ByPolicy
    } else if asked.quorum == 0 {
        because.push(format!("the policy asks for nobody's approval of a {kind} change beside the signatures that hosts ask for"));
        Authorised::NotAsked
    } else if let Some(within) = retro {
        because.push(format!("a {kind} change may go first: the policy asks {whom} within {} of its start", within.words()));
        if retro_until.is_some_and(|until| *now >= until) { Authorised::Overdue } else { Authorised::Afterwards }
    } else {
        because.push(format!("the policy asks {whom} for a {kind} change; {} of {} approved", given.len(), asked.quorum));
        Authorised::Asked
    };
    because.extend(against.iter().map(|text| format!("the policy does not approve it by itself: {text}")));
    let rest = match standing {
        Authorised::ByPolicy if !later.is_empty() => Rest::WithTheFirst(format!("the policy asks {whom}")),
        Authorised::Asked if conditional => Rest::People(format!("the policy asks {whom}: {}", against.join("; "))),
        _ => Rest::Free,
    };
    let clock = match standing {
        Authorised::Asked => until(question),
        Authorised::Afterwards | Authorised::Overdue => retro_until,
        _ => None,
    };
    let review_until = review(question);
    let mut authority = Authority {
        standing,
        asked: asked.quorum,
        from: names.iter().map(|name| (*name).to_owned()).collect(),
        given,
        until: clock,
        rest,
        review_until,
        due: Vec::new(),
        because,
    };
    authority.due = due(question, &authority, &whom);
    authority
}

/// Remarks that the clock has to make: each once.
fn due(question: &Question<'_>, authority: &Authority, whom: &str) -> Vec<(RemarkKind, String)> {
    let mut due = Vec::new();
    let until = until(question).filter(|until| question.now >= *until);
    // Once it goes its rollout is what people stop.
    let is_open = authority.standing == Authorised::Asked && question.course.is_none();
    if let Some(until) = until.filter(|_| is_open) {
        match on_timeout(question) {
            Some(OnTimeout::Escalate) => due.push((RemarkKind::Escalated, format!("approval was to be had by {until}; now {whom} may give it"))),
            Some(OnTimeout::Reject) => due.push((RemarkKind::Rejected, format!("approval was to be had by {until}; the policy rejects it then"))),
            Some(OnTimeout::Expire) | None => {}
        }
    }
    if let (Authorised::Overdue, Some(until)) = (authority.standing, authority.until) {
        due.push((RemarkKind::RetroOverdue, format!("it went first and was to be approved by {until}: the policy asks {whom}")));
    }
    if let Some(until) = authority.review_until.filter(|until| question.now >= *until) {
        due.push((RemarkKind::ReviewOverdue, format!("its review was to be closed by {until}")));
    }
    due.retain(|(kind, _)| !question.remarks.iter().any(|remark| remark.kind == *kind));
    due
}

/// By when the review is to be closed; none where none is due.
fn review(question: &Question<'_>) -> Option<Timestamp> {
    let kind = question.package.change;
    let emergency = question.governance.emergency.as_ref().filter(|_| kind == ChangeType::Emergency);
    let within = emergency.and_then(|emergency| emergency.report_within.as_ref());
    let asked = question.governance.approve.get(&kind).is_some_and(|practice| practice.after_action_review == Some(true));
    let closed = question.remarks.iter().any(|remark| remark.kind == RemarkKind::Review);
    let ended = question.course?.ended.filter(|_| (asked || within.is_some()) && !closed)?;
    match within {
        Some(within) => within.due(ended, question.zone, false),
        None => ended.checked_add(SignedDuration::from_hours(REVIEW_DAYS * 24)).ok(),
    }
}

/// Who of the named approved or signed, each once, the author left out.
fn given(question: &Question<'_>, names: &[&str]) -> Vec<String> {
    let approved = question.remarks.iter().filter(|remark| remark.kind == RemarkKind::Approve).map(|remark| &remark.who);
    // A name of the root document and an address can be one person.
    let one = |who: &str| question.governance.person_of(who).to_lowercase();
    let author = one(&question.package.author);
    let is_author = |who: &str| one(who) == author;
    let counts = |who: &&String| question.evaluation || !is_author(who);
    // Whoever approved was held against the policy when they did; they had an
    // address then, which a signature has not.
    let signed = question.signed.iter().filter(|who| names.is_empty() || names.iter().any(|name| question.governance.stands_for(name, who, None)));
    let all: BTreeMap<String, &String> = approved.chain(signed).filter(counts).map(|who| (one(who), who)).collect();
    all.into_values().cloned().collect()
}

/// What speaks against approval by the policy itself, and which conditions
/// show with the first ring alone.
fn conditions(question: &Question<'_>) -> (Vec<String>, Vec<AutoIf>) {
    let (mut against, mut later) = (Vec::new(), Vec::new());
    let Some(practice) = question.governance.approve.get(&question.package.change) else { return (against, later) };
    for condition in &practice.auto_if {
        match condition {
            AutoIf::TestPassed | AutoIf::Ring0Ok => later.push(*condition),
            AutoIf::NotFirmware => against.extend(holding(question, ComponentClass::Firmware).map(|name| format!("{name} is firmware"))),
            AutoIf::NotKernel => against.extend(holding(question, ComponentClass::Kernel).map(|name| format!("{name} is a kernel"))),
            // A host can need one nobody foresaw: only a package that reboots
            // nothing and replaces nothing that runs below all else needs none.
            AutoIf::NoReboot if question.package.reboot != RebootRule::Never => {
                against.push(format!("it may reboot hosts: {}", question.package.reboot));
            }
            AutoIf::NoReboot => {
                let below = holding(question, ComponentClass::Kernel).or_else(|| holding(question, ComponentClass::Firmware));
                against.extend(below.map(|name| format!("{name} takes effect with a reboot")));
            }
            AutoIf::RecentSuccess if question.recent.is_empty() => against.push(format!("no {} change ended yet", question.package.change.as_str())),
            AutoIf::RecentSuccess => {
                if question.recent.iter().take(RECENT).any(|well| !well) {
                    against.push(format!("one of the last {RECENT} {} changes did not succeed", question.package.change.as_str()));
                }
            }
        }
    }
    (against, later)
}

/// The first package of a class that is installed.
fn holding(question: &Question<'_>, class: ComponentClass) -> Option<String> {
    let is = |name: &str| match question.classes.and_then(|classes| classes.named(name)) {
        Some(known) if known == class => true,
        _ if class == ComponentClass::Kernel => KERNELS.iter().any(|kernel| name.starts_with(kernel)),
        _ => class == ComponentClass::Firmware && FIRMWARE.iter().any(|part| name.contains(part)),
    };
    let targets = question.package.streams.values().flat_map(|plan| &plan.install);
    targets.map(|target| &target.name).find(|name| is(name)).cloned()
}

fn held(question: &Question<'_>, later: &[AutoIf]) -> String {
    let practice = question.governance.approve.get(&question.package.change);
    let now = practice.iter().flat_map(|practice| &practice.auto_if).filter(|condition| !later.contains(condition));
    let now: Vec<&str> = now.map(|condition| condition.words()).collect();
    let then: Vec<&str> = later.iter().map(|condition| condition.words()).collect();
    match (now.is_empty(), then.is_empty()) {
        (false, true) => now.join(", "),
        (true, false) => format!("for the rest of the hosts if {}", then.join(", ")),
        _ => format!("{}; for the rest of the hosts if {}", now.join(", "), then.join(", ")),
    }
}

fn whom(quorum: u32, names: &[&str]) -> String {
    match names {
        [] if quorum == 1 => "one person who may approve".to_owned(),
        [] => format!("{quorum} people who may approve"),
        names => format!("{quorum} of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
