//! Clients' part in a change: who is asked, what an answer or silence does, and
//! what a rollout makes of it.
//!
//! [`decide`] says whether a client is asked at all; the other functions take a
//! [`Question`] as it stands. Time is an argument everywhere, so that an answer
//! in the last second and one in the first second after it are told apart by
//! the clock alone, whichever of two servers looks first.

use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::deployment_package::{ChangeType, ConfigurationFiles, DeploymentPackage, RebootRule};
use crate::model::policy::governance::{Client, Involvement, MaySkip, OnSilence};
use crate::model::policy::{ComponentClass, Length, PolicySet};
use crate::model::problem::{Problem, printable};
use crate::model::question::{Given, Question, QuestionState};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How long a client has where the policy asks and names no time: the three
/// days of `answer_within` in the policy's own example.
const ANSWER: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How long a waiver lasts where the policy has no cycle: vendors publish once
/// a month, so that the next question comes by then.
const CYCLE_DAYS: i32 = 31;

/// What a client is asked, or told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// How far it takes part; `none` for a change that is not its affair.
    pub involvement: Involvement,
    /// First moment that is too late for an answer.
    pub answer_by: Timestamp,
    /// When it is reminded.
    pub reminders: Vec<Timestamp>,
    /// What silence leads to.
    pub on_silence: Option<OnSilence>,
    /// Why the change itself is of high risk.
    pub risks: Vec<String>,
    /// What is down meanwhile.
    pub downtime: String,
    /// What silence leads to, in words.
    pub silence: String,
    /// What a refusal means, in words.
    pub refusal: String,
    /// The words of a waiver.
    pub waiver_text: String,
    /// The clause that allows it.
    pub clause: String,
}

/// Why a change is of high risk by itself, whatever it repairs; empty where it
/// is not.
pub fn risks(set: &PolicySet, package: &DeploymentPackage) -> Vec<String> {
    let mut risks = BTreeSet::new();
    let default = Default::default();
    let classes = set.policies.first().map_or(&default, |own| &own.classify.classes);
    for plan in package.streams.values() {
        for target in &plan.install {
            let what = match classes.of_name(&target.name) {
                ComponentClass::Kernel => "a kernel",
                ComponentClass::Driver => "a driver",
                ComponentClass::Firmware => "firmware or microcode",
                _ => continue,
            };
            risks.insert(format!("{what} is replaced: {}", printable(&target.name)));
        }
        for stays in &plan.no_way_back {
            risks.insert(format!("{} cannot be taken back: {}", printable(&stays.name), printable(&stays.reason)));
        }
        if !plan.remove.is_empty() {
            let names: Vec<String> = plan.remove.iter().map(|removal| printable(&removal.name)).collect();
            risks.insert(format!("packages are removed: {}", names.join(", ")));
        }
    }
    if package.configuration_files == ConfigurationFiles::Replace {
        risks.insert("configuration files that you changed are replaced by the vendor's".to_owned());
    }
    if package.reboot == RebootRule::Always {
        risks.insert("every host is restarted".to_owned());
    }
    risks.into_iter().collect()
}

/// How far a client takes part, and why: what stands for the class of a package
/// comes before what stands for the kind of change, and of several the
/// strictest binds.
fn involvement(client: &Client, set: &PolicySet, package: &DeploymentPackage, risks: &[String]) -> (Involvement, String) {
    let (kind, by_kind) = match package.change {
        ChangeType::Emergency => ("emergency changes", client.emergency),
        ChangeType::Standard | ChangeType::Normal => ("routine changes", client.routine),
    };
    let mut found = vec![(by_kind.unwrap_or(Involvement::None), kind.to_owned())];
    if !risks.is_empty() {
        found.push((client.high_risk.unwrap_or(Involvement::None), "changes of high risk".to_owned()));
    }
    if !client.by_class.is_empty() {
        let default = Default::default();
        let classes = set.policies.first().map_or(&default, |own| &own.classify.classes);
        let touched: BTreeSet<ComponentClass> = package.streams.values().flat_map(|plan| &plan.install).map(|target| classes.of_name(&target.name)).collect();
        let named: Vec<(Involvement, String)> =
            touched.iter().filter_map(|class| Some((*client.by_class.get(class)?, format!("class {}", class.as_str())))).collect();
        if !touched.is_empty() && named.len() == touched.len() {
            found.clear();
        }
        found.extend(named);
    }
    // Of equals the first, which is the plainest reason.
    found.into_iter().rev().max_by_key(|(how, _)| *how).unwrap_or((Involvement::None, String::new()))
}

/// Decides whether a client is asked about a change before it starts.
pub fn decide(set: &PolicySet, package: &DeploymentPackage, now: Timestamp) -> Explained<Asked> {
    let risks = risks(set, package);
    let silent = |because: &str| Explained {
        decision: Asked {
            involvement: Involvement::None,
            answer_by: now,
            reminders: Vec::new(),
            on_silence: None,
            risks: risks.clone(),
            downtime: String::new(),
            silence: String::new(),
            refusal: String::new(),
            waiver_text: String::new(),
            clause: String::new(),
        },
        because: vec![Because::new(BecauseKind::Rule, because.to_owned())],
    };
    let Some(client) = &set.governance.client else { return silent("the policy does not involve clients") };
    let (mut how, mut what) = involvement(client, set, package, &risks);
    let skips = set.governance.emergency.as_ref().is_some_and(|emergency| emergency.may_skip.contains(&MaySkip::Client));
    if skips && package.change == ChangeType::Emergency && how > Involvement::Inform {
        (how, what) = (Involvement::Inform, format!("{what}, whose answer an emergency does not wait for (emergency.may_skip)"));
    }
    if how == Involvement::None {
        return silent("the policy involves no client in such a change");
    }
    let zone = set.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone());
    // To the second: a reminder at the last second of a day would wake nobody.
    let after = |length: &Length| length.due(now, &zone, true);
    let later = now.checked_add(ANSWER).unwrap_or(Timestamp::MAX);
    let answer_by = if how == Involvement::Inform { now } else { client.answer_within.as_ref().and_then(after).unwrap_or(later) };
    let mut reminders: Vec<Timestamp> = client.remind_after.iter().filter_map(after).filter(|at| *at < answer_by).collect();
    reminders.sort();
    let on_silence = match how {
        Involvement::Consult => Some(OnSilence::Proceed),
        Involvement::Consent => client.on_silence,
        _ => None,
    };
    let clauses = [
        match how {
            Involvement::Inform => client.clause.inform.as_ref(),
            Involvement::Consult => client.clause.consult.as_ref(),
            _ => client.clause.consent.as_ref(),
        },
        client.clause.silence.as_ref().filter(|_| on_silence.is_some()),
        client.clause.refusal.as_ref().filter(|_| how == Involvement::Consent),
    ];
    let named: Vec<&str> = clauses.into_iter().flatten().map(String::as_str).collect();
    let mut clause: Vec<&str> = Vec::new();
    named.into_iter().for_each(|name| if !clause.contains(&name) { clause.push(name) });
    let because = format!("{}: so the policy says of {what}", how.words());
    let decision = Asked {
        involvement: how,
        answer_by,
        reminders,
        on_silence,
        downtime: downtime(package).to_owned(),
        silence: silence_words(how, on_silence, answer_by),
        refusal: refusal_words(how, answer_by),
        waiver_text: client.waiver_text.clone().unwrap_or_else(|| WAIVER.to_owned()),
        clause: clause.join("; "),
        risks,
    };
    Explained { decision, because: vec![Because::new(BecauseKind::Rule, because)] }
}

/// What a waiver says where the policy gives no words.
const WAIVER: &str = "The patch is not applied, by the client's decision. The provider is not liable for what it would have prevented.";

fn downtime(package: &DeploymentPackage) -> &'static str {
    match package.reboot {
        RebootRule::Never => "No host is restarted. Services that use what changes are started again, each for some seconds.",
        RebootRule::IfNeeded => "Services that use what changes are started again. A host is restarted where the patch needs it, inside its window.",
        RebootRule::Always => "Every host is restarted once, inside its window.",
    }
}

fn silence_words(how: Involvement, on_silence: Option<OnSilence>, by: Timestamp) -> String {
    match (how, on_silence) {
        (Involvement::Inform, _) => "Nothing is asked of you.".to_owned(),
        (_, Some(OnSilence::Proceed)) => format!("Without an answer before {by:.0} the change is made."),
        (_, Some(OnSilence::Waive)) => {
            format!("Without an answer before {by:.0} the change is not made on your hosts, and the waiver below is recorded as your decision.")
        }
        (_, None) => "Without an answer the change waits, and ends when its package does.".to_owned(),
    }
}

fn refusal_words(how: Involvement, by: Timestamp) -> String {
    match how {
        Involvement::Consent => {
            "The change is not made on your hosts, and the waiver below is recorded in your name. Findings that it would have closed stay open and are shown as excepted.".to_owned()
        }
        Involvement::Consult => format!("Your objection is recorded and shown to the provider, who decides. Unless the provider stops the change, it is made after {by:.0}."),
        _ => String::new(),
    }
}

/// What a question means for the rollout at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bearing {
    /// Nothing stands in the way.
    Goes,
    /// Nobody of the client's hosts starts, for this reason.
    Waits(String),
    /// The client's hosts take no part, for this reason.
    LeftOut(String),
}

/// What a question means for the rollout at a moment.
pub fn bearing(question: &Question, now: Timestamp) -> Bearing {
    let by = question.answer_by;
    let who = question.decided.as_ref().map_or("the client", |decided| decided.by.as_str());
    match question.state {
        QuestionState::Told | QuestionState::Approved | QuestionState::Proceeded | QuestionState::Closed => Bearing::Goes,
        QuestionState::Open => {
            let what = if question.involvement == Involvement::Consult { "an answer" } else { "consent" };
            let then = match question.on_silence {
                Some(OnSilence::Proceed) => format!("; without one it goes on at {by:.0}"),
                Some(OnSilence::Waive) => format!("; without one a liability waiver is recorded at {by:.0}"),
                None => String::new(),
            };
            Bearing::Waits(format!("the client was asked for {what} at {:.0} (question {}){then}", question.asked, question.id))
        }
        QuestionState::Objected if now < by => {
            Bearing::Waits(format!("{who} objects for the client (question {}); unless somebody aborts it, it goes on at {by:.0}", question.id))
        }
        QuestionState::Objected => Bearing::Goes,
        // Until the deadline an answer may still be changed.
        QuestionState::Refused if now < by => {
            Bearing::Waits(format!("{who} refused for the client (question {}); the answer may be changed before {by:.0}", question.id))
        }
        QuestionState::Refused => Bearing::LeftOut(format!("{who} refused for the client (question {}), and a liability waiver is recorded", question.id)),
        QuestionState::Waived => Bearing::LeftOut(format!("the client was silent (question {}), and a liability waiver is recorded", question.id)),
    }
}

/// What is due of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// So many reminders should have been sent.
    Remind(u32),
    /// Silence has decided.
    Decide(QuestionState),
    /// The rollout is over.
    Close,
}

/// What silence leads to at a moment; none while there is time, or where
/// nothing acts on it.
fn silence(question: &Question, now: Timestamp) -> Option<QuestionState> {
    if question.state != QuestionState::Open || now < question.answer_by {
        return None;
    }
    question.on_silence.map(|silence| match silence {
        OnSilence::Proceed => QuestionState::Proceeded,
        OnSilence::Waive => QuestionState::Waived,
    })
}

/// What is due of a question at a moment; `over` says that its rollout ended.
pub fn due(question: &Question, over: bool, now: Timestamp) -> Option<Due> {
    if question.state != QuestionState::Open {
        return None;
    }
    if let Some(state) = silence(question, now) {
        return Some(Due::Decide(state));
    }
    if over {
        return Some(Due::Close);
    }
    let passed = u32::try_from(question.reminders.iter().filter(|at| **at <= now).count()).unwrap_or(u32::MAX);
    (passed > question.reminded).then_some(Due::Remind(passed))
}

/// How far a rollout has come, for somebody who answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    /// No host was allowed to start.
    Before,
    /// A host was.
    Started,
    /// It ended.
    Over,
}

/// What an answer makes of a question.
///
/// # Errors
///
/// Why it does nothing any more: `E-QUESTION-TOLD`, `-OVER`, `-STARTED`,
/// `-LATE`, `-ANSWERED`.
pub fn answer(question: &Question, given: Given, course: Course, now: Timestamp) -> Result<QuestionState, Problem> {
    let refused = |code: &str, text: String, next: &str| Err(Problem::new(code, format!("question:{}", question.id), text, next));
    if question.state == QuestionState::Told {
        return refused("E-QUESTION-TOLD", "nothing is asked here; the change is made as announced".to_owned(), "write a remark, or ask the provider to pause it");
    }
    let late = question.state == QuestionState::Waived
        || silence(question, now) == Some(QuestionState::Waived)
        || question.state == QuestionState::Refused && now >= question.answer_by;
    if late {
        let text = format!("the time to answer ended at {:.0}; the change is not made on these hosts, and the waiver stands until its end", question.answer_by);
        return refused("E-QUESTION-LATE", text, "ask the provider for a new rollout; the waiver ends when the patch is installed or taken back");
    }
    match course {
        Course::Over => return refused("E-QUESTION-OVER", "the rollout is over, and an answer changes nothing".to_owned(), "ask the provider for a new rollout"),
        Course::Started => {
            let text = "the change has started on a host, and an answer stops it no more".to_owned();
            return refused("E-QUESTION-STARTED", text, "ask the provider to pause or abort the rollout; a remark here reaches them");
        }
        Course::Before => {}
    }
    let state = match (given, question.involvement) {
        (Given::Approve, _) => QuestionState::Approved,
        (Given::Refuse, Involvement::Consult) => QuestionState::Objected,
        (Given::Refuse, _) => QuestionState::Refused,
    };
    if state == question.state {
        let by = question.decided.as_ref().map_or_else(String::new, |decided| format!(" by {} at {:.0}", decided.by, decided.at));
        return refused("E-QUESTION-ANSWERED", format!("it was answered so already{by}"), "nothing is left to do; the other answer would change it");
    }
    Ok(state)
}

/// When a waiver ends: one cycle of the policy, and no later than the policy
/// lets an exception of these levels last.
pub fn waiver_ends(set: &PolicySet, levels: &BTreeSet<String>, now: Timestamp) -> Timestamp {
    let (zone, rules) = set.policies.first().map_or((TimeZone::UTC, None), |own| (own.zone.clone(), own.waiver.as_ref()));
    let today = now.to_zoned(zone.clone()).date();
    let days = set.governance.cycles.iter().filter_map(|cycle| cycle.longest_gap(today)).min().unwrap_or(CYCLE_DAYS);
    let cycle = now.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MAX);
    let meets = |level: &str| levels.iter().any(|own| own.eq_ignore_ascii_case(level));
    let bounds = rules.into_iter().flat_map(|rules| &rules.max_length).filter(|(level, _)| meets(level));
    bounds.filter_map(|(_, length)| length.due(now, &zone, false)).fold(cycle, Timestamp::min)
}

#[cfg(test)]
mod tests;
