//! What changes from one policy to another, combination by combination.

use super::cells::{Column, Depth, Part, columns, each_cell, folded, folded_words};
use super::table::{demand, duties};
use crate::model::policy::{Policy, PolicySet, Rule, Within};
use std::cmp::Ordering;

/// Two policies held against each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// The inputs that either looks at.
    pub columns: Vec<String>,
    /// Combinations that were compared.
    pub combinations: usize,
    /// Combinations whose due date changes, those alike together.
    pub rows: Vec<ChangedRow>,
    /// Combinations that change, before they were put together.
    pub changed: usize,
    /// Combinations that come due later, or lose their date.
    pub longer: usize,
    /// Policies that could only be compared apart, because the combinations
    /// of all together are too many.
    pub apart: bool,
}

/// Combinations that change alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedRow {
    /// The policy, where policies are compared apart.
    pub policy: Option<String>,
    /// Inputs that matter, with their values.
    pub inputs: Vec<(String, Vec<String>)>,
    /// How many combinations that are.
    pub combinations: usize,
    /// What the first policy demands.
    pub before: Vec<Demand>,
    /// What the second demands.
    pub after: Vec<Demand>,
    /// How the due date moves.
    pub change: Change,
}

/// What one rule demands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Demand {
    /// `policy/rule`.
    pub rule: String,
    /// `P14D of fix_released`.
    pub demand: String,
    /// Its length in seconds, months counted as 30 days; none without one.
    pub seconds: Option<i64>,
    /// The clock.
    pub clock: &'static str,
}

/// How a due date moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// It comes later.
    Longer,
    /// There is none any more.
    Undated,
    /// It comes sooner.
    Shorter,
    /// There was none.
    Dated,
    /// Another event starts the clock, so that it depends on the finding.
    Clock,
}

impl Change {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Longer => "longer",
            Self::Undated => "undated",
            Self::Shorter => "shorter",
            Self::Dated => "dated",
            Self::Clock => "other clock",
        }
    }

    /// Whether it gives more time.
    pub fn extends(self) -> bool {
        matches!(self, Self::Longer | Self::Undated)
    }
}

/// Holds two policies against each other: which combinations of inputs change
/// their working due date, the earliest of their obligations.
///
/// Where the combinations of all policies together are too many, policies of
/// the same id are compared one by one; what one side alone has then counts as
/// dated or undated.
pub fn difference(before: &PolicySet, after: &PolicySet) -> Difference {
    let all = |set| sides(set, None);
    if let Some(found) = compare(None, &all(before), &all(after)) {
        return found;
    }
    let mut ids: Vec<&str> = before.policies.iter().chain(&after.policies).map(|policy| policy.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut whole = Difference { apart: true, ..Difference::default() };
    for id in ids {
        let Some(part) = compare(Some(id), &sides(before, Some(id)), &sides(after, Some(id))) else { continue };
        whole.combinations += part.combinations;
        whole.changed += part.changed;
        whole.longer += part.longer;
        whole.rows.extend(part.rows);
        for column in part.columns {
            if !whole.columns.contains(&column) {
                whole.columns.push(column);
            }
        }
    }
    whole
}

/// Duties with their rules, of every policy or one.
fn sides<'a>(set: &'a PolicySet, id: Option<&str>) -> Vec<(&'a Policy, Vec<&'a Rule>)> {
    let policies = set.policies.iter().filter(|policy| id.is_none_or(|id| policy.id == id));
    policies.flat_map(|policy| duties(policy).into_iter().map(move |rules| (policy, rules))).collect()
}

type Side<'a> = [(&'a Policy, Vec<&'a Rule>)];

fn compare(id: Option<&str>, before: &Side<'_>, after: &Side<'_>) -> Option<Difference> {
    let parts: Vec<Part<'_>> = before.iter().chain(after).map(|(policy, rules)| (*policy, rules.as_slice())).collect();
    let columns = columns(&parts, Depth::Facts).or_else(|_| columns(&parts, Depth::Inputs)).ok()?;
    let mut found = Difference { columns: columns.iter().map(|column: &Column| column.name.clone()).collect(), ..Difference::default() };
    let mut changed = Vec::new();
    each_cell(&columns, |cell| {
        found.combinations += 1;
        let demands = |side: &Side<'_>| -> Vec<Demand> {
            let bound = side.iter().filter_map(|(policy, rules)| cell.binding(policy, rules).and_then(|at| rules.get(at)));
            bound.map(|rule| Demand::of(rule)).collect()
        };
        let (old, new) = (demands(before), demands(after));
        if let Some(change) = moved(&old, &new) {
            found.changed += 1;
            found.longer += usize::from(change.extends());
            changed.push((cell.positions().to_vec(), (change, old, new)));
        }
    });
    for (at, (change, before, after)) in folded(changed) {
        let inputs = columns.iter().zip(&at).filter_map(|(column, at)| Some((column.name.clone(), folded_words(column, at)?)));
        found.rows.push(ChangedRow {
            policy: id.map(str::to_owned),
            inputs: inputs.collect(),
            combinations: at.iter().map(std::collections::BTreeSet::len).product(),
            before,
            after,
            change,
        });
    }
    found.rows.sort_by(|one, other| one.change.cmp(&other.change).then_with(|| one.inputs.cmp(&other.inputs)));
    Some(found)
}

impl Demand {
    fn of(rule: &Rule) -> Self {
        let seconds = match &rule.within {
            Within::Length(length) => Some(length.nominal_seconds()),
            _ => None,
        };
        Self { rule: rule.name.clone(), demand: demand(rule), seconds, clock: rule.clock.as_str() }
    }
}

/// How the working due date moves; none where it stays.
fn moved(before: &[Demand], after: &[Demand]) -> Option<Change> {
    let working = |demands: &[Demand]| {
        let mut clocks: Vec<(&'static str, i64)> = Vec::new();
        for (clock, seconds) in demands.iter().filter_map(|demand| Some((demand.clock, demand.seconds?))) {
            match clocks.iter_mut().find(|(known, _)| *known == clock) {
                Some(known) => known.1 = known.1.min(seconds),
                None => clocks.push((clock, seconds)),
            }
        }
        clocks.sort_unstable();
        // Dates of a catalogue count by their own words.
        let mut others: Vec<&str> = demands.iter().filter(|demand| demand.demand.starts_with("kev-due-date")).map(|demand| demand.demand.as_str()).collect();
        others.sort_unstable();
        (clocks, others.join(" "))
    };
    let ((old, old_other), (new, new_other)) = (working(before), working(after));
    if old == new && old_other == new_other {
        return None;
    }
    let dated = |clocks: &[_], other: &str| !clocks.is_empty() || !other.is_empty();
    match (dated(&old, &old_other), dated(&new, &new_other)) {
        (true, false) => return Some(Change::Undated),
        (false, true) => return Some(Change::Dated),
        _ => {}
    }
    let same_clocks = old.iter().map(|(clock, _)| clock).eq(new.iter().map(|(clock, _)| clock)) && old_other == new_other;
    if !same_clocks {
        return Some(Change::Clock);
    }
    let orders: Vec<Ordering> = old.iter().zip(&new).map(|((_, old), (_, new))| new.cmp(old)).collect();
    match (orders.contains(&Ordering::Greater), orders.contains(&Ordering::Less)) {
        (true, false) => Some(Change::Longer),
        (false, _) => Some(Change::Shorter),
        (true, true) => Some(Change::Clock),
    }
}
