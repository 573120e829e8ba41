//! Phase 4, prioritize: how urgent is it under the policy, and by when is it due?
//!
//! [`decide`] holds one finding against every policy in force. Obligations add
//! up and are never merged; each input that had to be assumed is printed.

mod cells;
mod clock;
mod difference;
pub mod exception;
pub mod forensics;
mod inputs;
mod linter;
pub mod mitigation;
mod severity;
mod table;
mod urgency;

pub use cells::{COMBINATION_LIMIT, Depth};
pub use difference::{Change, ChangedRow, Demand, Difference, difference};
pub use linter::{Hole, Lint, lint};
pub use table::{DecisionRow, DecisionRows, FoldedRow, decision_table, demand as demand_words};
pub use urgency::{Urgency, urgency};

use crate::model::advisory::Severity;
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::component::Component;
use crate::model::finding::SeverityChosen;
use crate::model::obligation::{Obligation, Verdict};
use crate::model::policy::{ComponentClass, Condition, HostFacts, Policy, PolicySet, Rule, Within};
use crate::model::threat::Threat;
use clock::Clocks;
use inputs::Inputs;
use jiff::Timestamp;

/// Everything the decision may look at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The instant that every clock is read at.
    pub now: Timestamp,
    /// Policies in force.
    pub policies: &'a PolicySet,
    /// The finding.
    pub finding: Facts<'a>,
    /// The host.
    pub host: &'a HostFacts,
}

/// Facts of one finding.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Severities of the advisory itself, in its order.
    pub severities: &'a [Severity],
    /// What is known of its CVEs together ([`Threat::of_bundle`]).
    pub threat: &'a Threat,
    /// Its CVE ids.
    pub cves: &'a [String],
    /// The component, for its class.
    pub component: Option<&'a Component>,
    /// Its class, where the caller knows better than the lists of names.
    pub class: Option<ComponentClass>,
    /// When the advisory was published.
    pub published: Option<Timestamp>,
    /// When the fix was released.
    pub fix_released: Option<Timestamp>,
    /// Whether any vendor has released a fix for this component's stream.
    pub fix_exists: bool,
    /// Whether an enabled repository offers it; none when not known. It stops
    /// no clock: a fix the host cannot reach is still released.
    pub fix_available: Option<bool>,
    /// When the finding was first seen here; none without a state file.
    pub first_seen: Option<Timestamp>,
    /// When it was done, if it is.
    pub closed: Option<Timestamp>,
}

/// How urgent a finding is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Decision {
    /// Severity by the first policy's order of sources.
    pub severity: SeverityChosen,
    /// Obligations, policy by policy in the set's order.
    pub obligations: Vec<Obligation>,
    /// Working due date: the earliest.
    pub due: Option<Timestamp>,
    /// Outcome of the first decision table among the policies.
    pub priority: Option<String>,
}

/// Decides how urgent a finding is and by when it is due.
pub fn decide(input: &Input<'_>) -> Explained<Decision> {
    decided(input, true)
}

/// Decides the same without a word why: for counting and playing through many
/// findings, where the reasons would take most of the time.
pub fn due(input: &Input<'_>) -> Decision {
    decided(input, false).decision
}

fn decided(input: &Input<'_>, wanted: bool) -> Explained<Decision> {
    let mut because = Vec::with_capacity(if wanted { 6 } else { 0 });
    let mut decision = Decision::default();
    let mut chosen_under: Option<&Policy> = None;
    for policy in &input.policies.policies {
        let severity = match chosen_under {
            Some(first) if first.classify.severity_order == policy.classify.severity_order => {
                decision.severity.clone()
            }
            _ => {
                let (severity, reason) = severity::choose(&policy.classify.severity_order, &input.finding, wanted);
                reason.into_iter().for_each(|reason| add(&mut because, reason));
                severity
            }
        };
        let rating = severity.rating;
        if chosen_under.is_none() {
            chosen_under = Some(policy);
            decision.severity = severity;
        }
        if !policy.rules.is_empty() {
            let mut inputs = Inputs::new(input, policy, rating, &mut because, wanted);
            apply(input, policy, &mut inputs, &mut decision.obligations);
            if decision.priority.is_none() {
                decision.priority = inputs.priority_word();
            }
        }
    }
    decision.due = decision.obligations.iter().filter_map(|obligation| obligation.due).min();
    Explained { decision, because }
}

/// Adds a reason once; several policies often rest on the same one.
fn add(because: &mut Vec<Because>, reason: Because) {
    if !because.contains(&reason) {
        because.push(reason);
    }
}

/// Applies one policy: within each duty the first rule that matches.
fn apply(input: &Input<'_>, policy: &Policy, inputs: &mut Inputs<'_, '_>, obligations: &mut Vec<Obligation>) {
    let mut bound = 0u64;
    if let Some(effective) = policy.effective.filter(|_| inputs.wanted())
        && input.now.to_zoned(policy.zone.clone()).date() < effective
    {
        inputs.add(Because::new(
            BecauseKind::Rule,
            format!("policy {} takes effect on {effective}; its dates are shown already", policy.id),
        ));
    }
    let mut hold = |rule: &Rule, inputs: &mut Inputs<'_, '_>| {
        let duty = 1u64.checked_shl(u32::from(rule.duty)).unwrap_or(0);
        if bound & duty == 0 && rule.when.iter().all(|condition| condition.holds(inputs)) {
            bound |= duty;
            bind(input, policy, rule, inputs, obligations);
        }
    };
    if inputs.wanted() {
        // Rules that do not match have reasons as well.
        policy.rules.iter().for_each(|rule| hold(rule, inputs));
    } else {
        policy.rules.within_reach(&|attribute| inputs.attribute(attribute)).for_each(|rule| hold(rule, inputs));
    }
    if bound == 0 && inputs.wanted() {
        inputs.add(Because::new(
            BecauseKind::Rule,
            format!("policy {} has no rule for this finding, so it sets no date", policy.id),
        ));
    }
}

/// Makes the obligations of one rule that matches.
fn bind(
    input: &Input<'_>,
    policy: &Policy,
    rule: &Rule,
    inputs: &mut Inputs<'_, '_>,
    obligations: &mut Vec<Obligation>,
) {
    if inputs.wanted() {
        let head = describe_head(rule, inputs);
        inputs.add(Because::new(BecauseKind::Rule, format!("rule {}: {}{head}", rule.name, demand(rule))));
    }
    if let Some(note) = rule.note.as_ref().filter(|_| inputs.wanted()) {
        inputs.add(Because::new(BecauseKind::Rule, format!("rule {}: {note}", rule.name)));
    }
    let clocks = Clocks { input, policy };
    let mut obligation = Obligation {
        rule: rule.name.clone(),
        clock: rule.clock.as_str().to_owned(),
        clock_start: None,
        due: None,
        verdict: Verdict::OpenInTime,
        done: Some(rule.done.as_str().to_owned()),
        used_percent: None,
        also: rule.also.clone(),
    };
    match &rule.within {
        Within::Length(length) => clocks.by_length(rule, length, inputs, &mut obligation),
        Within::KevDueDate { otherwise } => {
            clocks.by_catalogue(rule, otherwise.as_ref(), inputs, &mut obligation);
        }
        Within::NextUpgrade => {
            obligation.also.push(
                "fix at the next scheduled major upgrade or rebuild; without a planned date it can never be overdue"
                    .to_owned(),
            );
            if input.finding.closed.is_some() {
                obligation.verdict = Verdict::Compliant;
            }
        }
        Within::NoNumber(reason) => {
            obligation.verdict = Verdict::NotApplicable;
            if let Some(reason) = reason {
                obligation.also.push(reason.clone());
            }
        }
    }
    obligations.push(obligation);
    if let Some(obligation) = clocks.without_fix(rule, inputs) {
        obligations.push(obligation);
    }
}

/// What a rule demands, in words.
fn demand(rule: &Rule) -> String {
    match &rule.within {
        Within::Length(length) => format!("within {} of {}", length.words(), rule.clock.event()),
        Within::KevDueDate { .. } => "by the due date of the catalogue of known exploited vulnerabilities".to_owned(),
        Within::NextUpgrade => "at the next scheduled major upgrade or rebuild".to_owned(),
        Within::NoNumber(_) => "the source gives no number of days".to_owned(),
    }
}

/// Why a rule's head matched: the value of each thing it looks at.
fn describe_head(rule: &Rule, inputs: &mut Inputs<'_, '_>) -> String {
    let mut out = String::new();
    for condition in &rule.when {
        out.push_str(if out.is_empty() { ", because " } else { " and " });
        match condition {
            Condition::OneOf(field, _) => {
                let value = inputs.field_word(*field);
                out.push_str(&format!("{} is {value}", field.as_str().replace('_', " ")));
            }
            Condition::Words(attribute, _) => {
                out.push_str(&format!("{attribute} is {}", inputs.attribute(attribute).unwrap_or("unknown")));
            }
            Condition::Compare(number, comparison, bound) => {
                out.push_str(&format!("{} is {}{bound}", number.as_str(), comparison.sign()));
            }
            Condition::EpssModel(model) => out.push_str(&format!("the model is {}", model.as_str())),
        }
    }
    out
}

