//! What is wrong with a policy, told before it is in force.

mod practice;
mod reach;

use super::cells::{Column, Depth, columns, each_cell, folded, folded_words};
use super::table::{demand, duties, too_large};
use crate::model::policy::{Condition, Number, Policy, PolicySet, Rule, Within};
use crate::model::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// Uncovered combinations named in a sentence; the list has all.
const NAMED: usize = 5;
/// Most uncovered combinations that are listed.
const HOLES: usize = 10_000;

/// What a linter found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Lint {
    /// Everything found, in the order of the policies. `E-` may not be put in
    /// force, `W-` is probably not meant, `N-` is worth knowing.
    pub problems: Vec<Problem>,
    /// Combinations that no rule covers, 10,000 at most.
    pub holes: Vec<Hole>,
}

/// A combination of inputs that no rule of a duty covers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Hole {
    /// Policy.
    pub policy: String,
    /// Duty.
    pub duty: String,
    /// Inputs and their values.
    pub inputs: Vec<(String, String)>,
}

impl Lint {
    /// Whether it may be put in force.
    pub fn sound(&self) -> bool {
        !self.problems.iter().any(|problem| problem.code.starts_with("E-"))
    }

    /// Whether nothing but notes was found.
    pub fn clean(&self) -> bool {
        self.problems.iter().all(|problem| problem.code.starts_with("N-"))
    }
}

/// Says everything that is wrong or surprising in the policies in force
/// together: combinations that no rule covers, rules that never bind or
/// contradict each other, deadlines that rings and windows cannot keep, inputs
/// that nobody collects, clauses that a contract lacks.
pub fn lint(set: &PolicySet) -> Lint {
    let mut found = Lint { problems: set.problems.clone(), holes: Vec::new() };
    for policy in &set.policies {
        lint_policy(policy, &mut found);
    }
    practice::lint(set, &mut found.problems);
    reach::lint(set, &mut found.problems);
    found
}

fn lint_policy(policy: &Policy, found: &mut Lint) {
    for rules in duties(policy) {
        let parts = [(policy, rules.as_slice())];
        // Outcomes that the decision table never gives show only with its
        // inputs; a table too large for that is checked by outcome.
        match columns(&parts, Depth::Inputs).or_else(|_| columns(&parts, Depth::Outcome)) {
            Ok(columns) => coverage(policy, &rules, &columns, found),
            Err((cells, limit)) => found.problems.push(too_large(policy, rules.len(), cells, limit)),
        }
        for rule in &rules {
            single_rule(policy, rule, &mut found.problems);
        }
    }
}

/// Which rule binds each combination; none where nothing does.
type Bound = BTreeMap<Vec<usize>, Option<usize>>;

fn coverage(policy: &Policy, rules: &[&Rule], columns: &[Column], found: &mut Lint) {
    let mut bound = Bound::new();
    let mut takers: Vec<Option<BTreeSet<usize>>> = vec![None; rules.len()];
    let duty = rules.first().map_or("", |rule| rule.duty_name.as_str());
    each_cell(columns, |cell| {
        let first = cell.binding(policy, rules);
        if first.is_none() && found.holes.len() < HOLES {
            let inputs = columns.iter().map(|column| column.name.clone()).zip(cell.words()).collect();
            found.holes.push(Hole { policy: policy.id.clone(), duty: duty.to_owned(), inputs });
        }
        for (at, rule) in rules.iter().enumerate().skip(first.unwrap_or(rules.len())) {
            if cell.matches(policy, rule)
                && let (Some(takers), Some(first)) = (takers.get_mut(at), first)
            {
                takers.get_or_insert_default().insert(first);
            }
        }
        bound.insert(cell.positions().to_vec(), first);
    });
    gaps(policy, (rules, duty), columns, &bound, &mut found.problems);
    for (at, rule) in rules.iter().enumerate() {
        never(policy, rules, (at, rule), takers.get(at).and_then(Option::as_ref), &mut found.problems);
    }
    order(policy, rules, columns, &bound, &mut found.problems);
}

fn gaps(policy: &Policy, (rules, duty): (&[&Rule], &str), columns: &[Column], bound: &Bound, problems: &mut Vec<Problem>) {
    let open: Vec<(Vec<usize>, ())> = bound.iter().filter(|(_, rule)| rule.is_none()).map(|(at, _)| (at.clone(), ())).collect();
    if open.is_empty() {
        return;
    }
    let count = open.len();
    let together = folded(open.into_iter().take(HOLES).collect());
    let shown: Vec<String> = together.iter().take(NAMED).map(|(at, ())| sentence(columns, at)).collect();
    let more = if together.len() > NAMED { format!("; and {} more", together.len() - NAMED) } else { String::new() };
    let path = rules.last().map_or_else(|| "deadline".to_owned(), |rule| format!("deadline.{}", rule.id));
    problems.push(Problem::new(
        "W-POLICY-GAP",
        policy.place(&path),
        format!("policy {}: no {duty} rule covers {count} of {} combinations: {}{more}", policy.id, bound.len(), shown.join("; ")),
        "add a rule, a last one without `when` for all the rest",
    ));
}

fn sentence(columns: &[Column], at: &[BTreeSet<usize>]) -> String {
    let parts = columns.iter().zip(at).filter_map(|(column, at)| folded_words(column, at).map(|words| format!("{} = {}", column.name, words.join(" or "))));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "any".to_owned() } else { parts.join(", ") }
}

/// A rule that matches nothing, or only what earlier rules take.
fn never(policy: &Policy, rules: &[&Rule], (at, rule): (usize, &Rule), takers: Option<&BTreeSet<usize>>, problems: &mut Vec<Problem>) {
    let place = policy.place(&format!("deadline.{}", rule.id));
    let Some(takers) = takers else {
        problems.push(Problem::new(
            "E-POLICY-NEVER",
            place,
            format!("rule {} can never match: no combination of inputs fits its `when`", rule.name),
            "correct its `when`, or remove it",
        ));
        return;
    };
    if takers.contains(&at) {
        return;
    }
    let earlier = rules.iter().take(at).find(|earlier| earlier.when == rule.when);
    if let Some(earlier) = earlier.filter(|earlier| demand(earlier) != demand(rule)) {
        problems.push(Problem::new(
            "E-POLICY-CONTRADICTION",
            place,
            format!("rule {} has the `when` of rule {} ({}) and demands {}", rule.name, earlier.name, policy.place(&format!("deadline.{}", earlier.id)), demand(rule)),
            format!("keep one of them; {} holds now with {}", earlier.id, demand(earlier)),
        ));
        return;
    }
    let names: Vec<&str> = takers.iter().filter_map(|first| rules.get(*first).map(|rule| rule.id.as_str())).collect();
    problems.push(Problem::new(
        "E-POLICY-SHADOWED",
        place,
        format!("rule {} never binds: {} before it {} all it matches", rule.name, names.join(", "), if names.len() == 1 { "takes" } else { "take" }),
        "move it up, narrow the earlier rule, or remove it",
    ));
}

/// Graver inputs that lead to more time: two rules that contradict each other
/// in sense.
fn order(policy: &Policy, rules: &[&Rule], columns: &[Column], bound: &Bound, problems: &mut Vec<Problem>) {
    let mut told = BTreeSet::new();
    let rule_at = |first: &Option<usize>| first.and_then(|first| rules.get(first)).copied();
    for (at, first) in bound {
        let Some(milder) = rule_at(first) else { continue };
        for (number, column) in columns.iter().enumerate() {
            let mut next = at.clone();
            let Some(position) = next.get_mut(number) else { continue };
            let now = column.values.get(*position).and_then(|value| value.gravity().map(|_| value.word()));
            *position += 1;
            let then = column.values.get(*position).and_then(|value| value.gravity().map(|_| value.word()));
            let (Some(now), Some(then), Some(graver)) = (now, then, bound.get(&next).and_then(rule_at)) else { continue };
            if graver.id == milder.id || graver.clock != milder.clock || !longer(&graver.within, &milder.within) || !told.insert((milder.id.as_str(), graver.id.as_str())) {
                continue;
            }
            problems.push(Problem::new(
                "W-POLICY-ORDER",
                policy.place(&format!("deadline.{}", graver.id)),
                format!(
                    "rule {} gives more time ({}) than rule {} ({}), where {} rises from {now} to {then}",
                    graver.name,
                    demand(graver),
                    milder.name,
                    demand(milder),
                    column.name
                ),
                "give the graver case no more time than the milder one",
            ));
        }
    }
}

fn longer(one: &Within, other: &Within) -> bool {
    match (one, other) {
        (Within::Length(one), Within::Length(other)) => one.nominal_seconds() > other.nominal_seconds(),
        (Within::NoNumber(_) | Within::NextUpgrade, Within::Length(_)) => true,
        _ => false,
    }
}

fn single_rule(policy: &Policy, rule: &Rule, problems: &mut Vec<Problem>) {
    let place = policy.place(&format!("deadline.{}", rule.id));
    if rule.within == Within::NoNumber(None) {
        problems.push(Problem::new(
            "W-POLICY-NO-NUMBER",
            &place,
            format!("rule {} has no `within`: it sets no date", rule.name),
            "give `within`, or say in `no_number` why there is none",
        ));
    }
    let by_prediction = |condition: &Condition| matches!(condition, Condition::Compare(Number::Epss, ..) | Condition::EpssModel(_));
    if !rule.when.is_empty() && rule.when.iter().all(by_prediction) {
        problems.push(Problem::new(
            "W-POLICY-EPSS-ALONE",
            &place,
            format!("rule {} rests on EPSS alone, which FIRST means for when there is no other evidence", rule.name),
            "add severity, exploitation or exposure to its `when`",
        ));
    }
}
