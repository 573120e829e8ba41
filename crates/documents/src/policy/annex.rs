//! Annexes: decision tables, and where everything comes from.

use super::words::within;
use super::{Paper, Source, strong};
use crate::model::{Block, Kind};
use crate::text::{Style, Text};
use plimsoll_core::model::policy::{DecisionTable, Policy, PolicySet};
use plimsoll_core::phases::prioritize::{Depth, DecisionRows, decision_table};

/// Rows up to which a table is printed as it is; a longer one has those rows
/// together that lead to the same thing.
const WHOLE: usize = 40;

/// The decision tables of every policy in force.
pub(super) fn tables(paper: &mut Paper, set: &PolicySet) {
    paper.document.push(Block::PageBreak);
    paper.document.heading(1, "Annex A  Decision tables");
    let told = Text::from("Every combination of what the rules look at, the rule that binds it, and its time; clocks stand with the deadlines. “any” stands for every value. Rows that lead to the same thing are put together where a table is long; ");
    paper.text(told.and(Style::Code, "plimsoll policy table").plain(" prints each by itself."));
    for policy in set.policies.iter().filter(|policy| !policy.rules.is_empty()) {
        match decision_table(policy, Depth::Inputs).or_else(|_| decision_table(policy, Depth::Outcome)) {
            Ok(tables) => {
                for table in tables {
                    drawn(paper, policy, &table);
                }
            }
            Err(problem) => paper.document.note(Kind::Warning, format!("The table of {} is too large to print: {}.", policy.id, problem.text)),
        }
        for feeding in policy.priority.iter().flat_map(|model| &model.derived) {
            fed(paper, feeding);
        }
    }
}

fn drawn(paper: &mut Paper, policy: &Policy, table: &DecisionRows) {
    let duty = if table.duty == "remediate" { String::new() } else { format!(", {}", table.duty) };
    paper.document.heading(2, format!("{}{duty}: {} combinations", policy.title, table.rows.len()));
    let has_priority = policy.priority.is_some() && !table.columns.iter().any(|column| column == "priority");
    let names: Vec<String> = table.columns.iter().map(|column| column.replace('_', " ")).collect();
    let mut columns: Vec<(&str, u16)> = names.iter().map(|name| (name.as_str(), 3)).collect();
    if has_priority {
        columns.push(("priority", 3));
    }
    columns.extend([("rule", 4), ("deadline", 4)]);
    let end = |priority: Option<&String>, id: Option<&String>| {
        let rule = policy.rules.iter().find(|rule| Some(&rule.id) == id);
        let demand = rule.map_or_else(|| Text::styled(Style::Bad, "no rule"), |rule| Text::from(within(rule).0));
        let mut cells = Vec::new();
        if has_priority {
            cells.push(strong(priority.cloned().unwrap_or_default()));
        }
        cells.extend([Text::from(id.cloned().unwrap_or_default()), demand]);
        cells
    };
    let rows: Vec<Vec<Text>> = if table.rows.len() <= WHOLE {
        table.rows.iter().map(|row| row.values.iter().map(Text::from).chain(end(row.priority.as_ref(), row.rule.as_ref())).collect()).collect()
    } else {
        let value = |values: &Option<Vec<String>>| values.as_ref().map_or_else(|| Text::styled(Style::Soft, "any"), |values| Text::from(values.join(", ")));
        table.folded.iter().map(|row| row.values.iter().map(value).chain(end(row.priority.as_ref(), row.rule.as_ref())).collect()).collect()
    };
    paper.table(&columns, rows);
}

/// A table that gives another its input.
fn fed(paper: &mut Paper, table: &DecisionTable) {
    paper.document.heading(2, format!("{} ({})", table.outcome().name, table.id()));
    let names: Vec<String> = table.inputs().iter().map(|point| point.name.to_lowercase()).collect();
    let outcome = table.outcome().name.to_lowercase();
    let columns: Vec<(&str, u16)> = names.iter().map(|name| (name.as_str(), 3)).chain([(outcome.as_str(), 3)]).collect();
    let word = |point: &plimsoll_core::model::policy::DecisionPoint, key: &str| {
        point.values.iter().find(|value| value.key == key).map_or_else(|| key.to_owned(), |value| value.word.clone())
    };
    let rows = table.rows().map(|(keys, outcome)| {
        let mut cells: Vec<Text> = table.inputs().iter().zip(keys).map(|(point, key)| Text::from(word(point, key))).collect();
        cells.push(strong(word(table.outcome(), outcome)));
        cells
    });
    paper.table(&columns, rows.collect());
}

/// Where everything comes from, and what nothing enforces.
pub(super) fn origin(paper: &mut Paper, source: &Source<'_>) {
    let set = source.set;
    paper.document.heading(1, "Annex B  Origin");
    let own = set.policies.first();
    paper.document.push(Block::facts([
        ("Policy file", own.map_or_else(Text::new, |own| Text::code(&own.file))),
        ("SHA-256 of the file", Text::code(source.digest)),
    ]));
    let rows = set.policies.iter().map(|policy| {
        vec![strong(format!("{} {}", policy.id, policy.version)), Text::from(&policy.source), Text::from(policy.as_of.clone().unwrap_or_default()), Text::from(policy.marks.join("; "))]
    });
    paper.table(&[("Rules", 3), ("Source", 4), ("Checked on", 2), ("What is known of them", 5)], rows.collect());
    if !set.not_enforced.is_empty() {
        paper.document.note(Kind::Information, format!("People answer for these parts; this version of Plimsoll reads and prints them and does not enforce them: {}.", set.not_enforced.join(", ")));
    }
}
