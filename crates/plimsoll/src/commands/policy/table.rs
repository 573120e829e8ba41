//! `plimsoll policy table`: every combination of inputs with its outcome.

use crate::answer::sheet::tamed;
use crate::arguments::{PolicyTable, TableDepth, TableFormat};
use crate::commands::basis;
use crate::printer::{Failure, Outcome, Printer};
use comfy_table::{ContentArrangement, Table, presets};
use plimsoll_core::model::policy::{Policy, Rule};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::prioritize::demand_words;
use plimsoll_formats::policy::{DecisionRows, Depth, decision_table};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize)]
struct Answer {
    schema: &'static str,
    policies: Vec<OfPolicy>,
}

#[derive(Serialize)]
struct OfPolicy {
    policy: String,
    version: String,
    source: String,
    as_of: Option<String>,
    tables: Vec<OfDuty>,
}

#[derive(Serialize)]
struct OfDuty {
    duty: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    inputs: BTreeMap<String, String>,
    priority: Option<String>,
    rule: Option<String>,
    /// `P14D of fix_released`; null where no rule covers the inputs.
    outcome: Option<String>,
    within: Option<String>,
    clock: Option<&'static str>,
    done: Option<&'static str>,
    change_type: Option<&'static str>,
}

/// Shows the decision tables of a policy and of those it extends.
pub fn run(arguments: &PolicyTable, printer: &Printer) -> Result<Outcome, Failure> {
    let (set, ..) = basis::named_policies(&arguments.policy)?;
    let depth = match arguments.depth {
        TableDepth::Outcome => Depth::Outcome,
        TableDepth::Inputs => Depth::Inputs,
        TableDepth::Facts => Depth::Facts,
    };
    let mut tables = Vec::new();
    for policy in &set.policies {
        let of_policy = decision_table(policy, depth).map_err(|problem| Failure::input(Problem { code: problem.code.replace("W-", "E-"), ..problem }))?;
        tables.push((policy, of_policy));
    }
    match arguments.format {
        TableFormat::Json => super::super::json(printer, &answer(tables))?,
        TableFormat::Csv => printer.data(&sheet(&tables)?)?,
        TableFormat::Text => {
            let mut text = String::new();
            for (policy, of_policy) in &tables {
                for table in of_policy {
                    text.push_str(&drawn(policy, table, arguments.all, printer.width()));
                }
            }
            printer.data(&text)?;
        }
    }
    Ok(Outcome::Clean)
}

fn rule_of<'a>(policy: &'a Policy, id: Option<&str>) -> Option<&'a Rule> {
    policy.rules.iter().find(|rule| Some(rule.id.as_str()) == id)
}

fn answer(tables: Vec<(&Policy, Vec<DecisionRows>)>) -> Answer {
    let row = |policy: &Policy, columns: &[String], row: plimsoll_formats::policy::DecisionRow| {
        let rule = rule_of(policy, row.rule.as_deref());
        Row {
            inputs: columns.iter().cloned().zip(row.values).collect(),
            priority: row.priority,
            outcome: rule.map(demand_words),
            within: rule.map(within),
            clock: rule.map(|rule| rule.clock.as_str()),
            done: rule.map(|rule| rule.done.as_str()),
            change_type: rule.and_then(|rule| rule.change_type).map(|kind| kind.as_str()),
            rule: row.rule,
        }
    };
    let duty = |policy: &Policy, table: DecisionRows| OfDuty {
        rows: table.rows.into_iter().map(|of| row(policy, &table.columns, of)).collect(),
        duty: table.duty,
        columns: table.columns,
    };
    let of_policy = |(policy, tables): (&Policy, Vec<DecisionRows>)| OfPolicy {
        policy: policy.id.clone(),
        version: policy.version.clone(),
        source: policy.source.clone(),
        as_of: policy.as_of.clone(),
        tables: tables.into_iter().map(|table| duty(policy, table)).collect(),
    };
    Answer { schema: "plimsoll-policy-table/1", policies: tables.into_iter().map(of_policy).collect() }
}

/// A rule's time as the policy writes it.
fn within(rule: &Rule) -> String {
    let words = demand_words(rule);
    words.split(" of ").next().unwrap_or_default().to_owned()
}

fn sheet(tables: &[(&Policy, Vec<DecisionRows>)]) -> Result<String, Failure> {
    let inputs: BTreeSet<&String> = tables.iter().flat_map(|(_, tables)| tables).flat_map(|table| &table.columns).collect();
    let failed = |error: &dyn std::fmt::Display| Failure::unfinished(Problem::new("E-WRITE", "standard output", error.to_string(), "report this as a bug"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = ["policy", "duty"].into_iter().map(str::to_owned).chain(inputs.iter().map(|name| (*name).clone()));
    writer.write_record(head.chain(["priority", "rule", "within", "clock", "done", "change_type"].map(str::to_owned))).map_err(|error| failed(&error))?;
    for (policy, table) in tables.iter().flat_map(|(policy, tables)| tables.iter().map(move |table| (*policy, table))) {
        for row in &table.rows {
            let given: BTreeMap<&String, &String> = table.columns.iter().zip(&row.values).collect();
            let rule = rule_of(policy, row.rule.as_deref());
            let mut record = vec![policy.id.clone(), table.duty.clone()];
            record.extend(inputs.iter().map(|name| given.get(name).map(|value| (*value).clone()).unwrap_or_default()));
            record.extend([
                row.priority.clone().unwrap_or_default(),
                row.rule.clone().unwrap_or_default(),
                rule.map(within).unwrap_or_default(),
                rule.map_or("", |rule| rule.clock.as_str()).to_owned(),
                rule.map_or("", |rule| rule.done.as_str()).to_owned(),
                rule.and_then(|rule| rule.change_type).map_or("", |kind| kind.as_str()).to_owned(),
            ]);
            writer.write_record(record.iter().map(|cell| tamed(cell))).map_err(|error| failed(&error))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

fn drawn(policy: &Policy, table: &DecisionRows, all: bool, width: usize) -> String {
    let has_priority = policy.priority.is_some() && !table.columns.iter().any(|column| column == "priority");
    let mut grid = Table::new();
    grid.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(100));
    let mut head: Vec<String> = table.columns.iter().map(|column| column.replace('_', " ")).collect();
    head.extend(has_priority.then(|| "priority".to_owned()));
    head.extend(["rule".to_owned(), "within".to_owned()]);
    // A clock that all rules share is said once.
    let rules = || table.rows.iter().filter_map(|row| rule_of(policy, row.rule.as_deref())).filter(|rule| demand_words(rule) != within(rule));
    let clocks: BTreeSet<String> = rules().map(|rule| rule.clock.as_str().replace('_', " ")).collect();
    head.extend((clocks.len() > 1).then(|| "from".to_owned()));
    grid.set_header(head);
    let mut add = |mut cells: Vec<String>, priority: Option<&String>, rule: Option<&str>| {
        cells.extend(has_priority.then(|| priority.cloned().unwrap_or_default()));
        cells.push(rule.unwrap_or("(none)").to_owned());
        let rule = rule_of(policy, rule);
        cells.push(rule.map(within).unwrap_or_default());
        cells.extend((clocks.len() > 1).then(|| rule.map(|rule| rule.clock.as_str().replace('_', " ")).unwrap_or_default()));
        grid.add_row(cells);
    };
    if all {
        for row in &table.rows {
            add(row.values.clone(), row.priority.as_ref(), row.rule.as_deref());
        }
    } else {
        for row in &table.folded {
            let cells = row.values.iter().map(|values| values.as_ref().map_or_else(|| "any".to_owned(), |values| values.join(", ")));
            add(cells.collect(), row.priority.as_ref(), row.rule.as_deref());
        }
    }
    let duty = if table.duty == "remediate" { String::new() } else { format!(", duty {}", table.duty) };
    let clock = if let (Some(clock), 1) = (clocks.first(), clocks.len()) { format!(", each time from {clock}") } else { String::new() };
    format!("{} {}{duty}: {} combinations{clock}\n{}\n\n", policy.id, policy.version, table.rows.len(), grid.trim_fmt())
}
