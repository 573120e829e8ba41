//! A policy's whole decision table.

use super::cells::{Depth, columns, each_cell, folded, folded_words};
use crate::model::policy::{Policy, Rule, Within};
use crate::model::problem::Problem;
use std::collections::BTreeMap;

/// The whole table of one duty of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionRows {
    /// The duty, `remediate` unless the policy names others.
    pub duty: String,
    /// The inputs that its rules look at.
    pub columns: Vec<String>,
    /// One row for every combination of them, the last column fastest.
    pub rows: Vec<DecisionRow>,
    /// The same in fewer rows: those that lead to the same thing together.
    pub folded: Vec<FoldedRow>,
}

/// One combination of inputs and the rule that binds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionRow {
    /// A value a column.
    pub values: Vec<String>,
    /// Outcome of the policy's decision table, where it has one.
    pub priority: Option<String>,
    /// Id of the rule; none where no rule matches.
    pub rule: Option<String>,
    /// What it demands, `P14D of fix_released`; empty without a rule.
    pub demand: String,
}

/// Several combinations that lead to the same thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoldedRow {
    /// The values of each column; none for all.
    pub values: Vec<Option<Vec<String>>>,
    /// As in [`DecisionRow`].
    pub priority: Option<String>,
    /// As in [`DecisionRow`].
    pub rule: Option<String>,
}

/// Works out the whole decision table, duty by duty.
///
/// # Errors
///
/// The rules look at so much that the combinations exceed
/// [`super::COMBINATION_LIMIT`].
pub fn decision_table(policy: &Policy, depth: Depth) -> Result<Vec<DecisionRows>, Problem> {
    let mut tables = Vec::new();
    for rules in duties(policy) {
        let columns = columns(&[(policy, &rules)], depth).map_err(|(cells, limit)| too_large(policy, rules.len(), cells, limit))?;
        let mut rows = Vec::new();
        let mut bare = Vec::new();
        each_cell(&columns, |cell| {
            let rule = cell.binding(policy, &rules).and_then(|at| rules.get(at));
            let priority = cell.priority(policy);
            bare.push((cell.positions().to_vec(), (priority.clone(), rule.map(|rule| rule.id.clone()))));
            rows.push(DecisionRow {
                values: cell.words(),
                priority,
                rule: rule.map(|rule| rule.id.clone()),
                demand: rule.map_or_else(String::new, |rule| demand(rule)),
            });
        });
        let folded = folded(bare).into_iter().map(|(at, (priority, rule))| FoldedRow {
            values: columns.iter().zip(&at).map(|(column, at)| folded_words(column, at)).collect(),
            priority,
            rule,
        });
        tables.push(DecisionRows {
            duty: rules.first().map_or_else(String::new, |rule| rule.duty_name.clone()),
            folded: folded.collect(),
            columns: columns.into_iter().map(|column| column.name).collect(),
            rows,
        });
    }
    Ok(tables)
}

pub(super) fn too_large(policy: &Policy, rules: usize, cells: usize, limit: usize) -> Problem {
    Problem::new(
        "W-POLICY-TOO-LARGE",
        policy.place("policy"),
        format!("the {rules} rules of policy {} span {cells} combinations, the limit for checking all is {limit}", policy.id),
        "look at fewer inputs, or split the policy in two that are extended together",
    )
}

/// What a rule demands, `P14D of fix_released`.
pub fn demand(rule: &Rule) -> String {
    match &rule.within {
        Within::Length(length) => format!("{} of {}", length.as_str(), rule.clock.as_str()),
        Within::KevDueDate { otherwise: Some(length) } => format!("kev-due-date, else {}", length.as_str()),
        Within::KevDueDate { otherwise: None } => "kev-due-date".to_owned(),
        Within::NextUpgrade => "next-upgrade".to_owned(),
        Within::NoNumber(_) => "no number".to_owned(),
    }
}

/// A policy's rules by duty, in its order.
pub(super) fn duties(policy: &Policy) -> Vec<Vec<&Rule>> {
    let mut by_duty: BTreeMap<u8, Vec<&Rule>> = BTreeMap::new();
    for rule in &policy.rules {
        by_duty.entry(rule.duty).or_default().push(rule);
    }
    by_duty.into_values().collect()
}
