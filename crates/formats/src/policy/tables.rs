//! **Decision tables** in SSVC's JSON form (`DecisionTable_2_0_0.schema.json`).
//!
//! The tables that come with the program are facts typed in from CERT/CC's
//! SSVC repository and CISA's directives; their wording is Plimsoll's.

use super::TEXT_LIMIT;
use plimsoll_core::model::policy::{DecisionPoint, DecisionTable, PointValue, TableFault};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Tables that come with the program, by the name a policy uses.
pub const TABLES: &[(&str, &str)] = &[
    ("cisa-bod-26-04/1.0.0", include_str!("tables/cisa-bod-26-04.json")),
    ("cisa-coordinator/2.0.3", include_str!("tables/cisa-coordinator.json")),
    ("human-impact/text", include_str!("tables/human-impact-text.json")),
    ("human-impact/table", include_str!("tables/human-impact.json")),
    ("mission-well-being/1.0.0", include_str!("tables/mission-well-being.json")),
    ("ssvc-deployer/1.0.0", include_str!("tables/ssvc-deployer-1.0.0.json")),
    ("ssvc-deployer/2.0", include_str!("tables/ssvc-deployer-2.0.json")),
    ("utility/1.0.0", include_str!("tables/utility.json")),
];

/// Most inputs of a table.
const INPUT_LIMIT: usize = 12;

/// A table that comes with the program, read.
pub fn table(name: &str) -> Option<DecisionTable> {
    let (name, text) = TABLES.iter().find(|(known, _)| *known == name)?;
    read_table(name, text).ok()
}

#[derive(Deserialize)]
struct TableFile {
    namespace: String,
    key: String,
    version: String,
    decision_points: BTreeMap<String, PointFile>,
    outcome: String,
    mapping: Vec<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct PointFile {
    namespace: String,
    key: String,
    version: String,
    name: String,
    values: Vec<ValueFile>,
}

#[derive(Deserialize)]
struct ValueFile {
    key: String,
    name: String,
}

fn fault(place: &str, text: impl Into<String>) -> Problem {
    Problem::new(
        "E-DECISION-TABLE",
        place,
        text,
        "correct the table; its form is SSVC's DecisionTable_2_0_0.schema.json",
    )
}

/// Reads a decision table and proves that every combination of its inputs
/// occurs exactly once.
///
/// The order of inputs is that of their identifiers, because JSON
/// objects have none; outcomes do not depend on it.
pub fn read_table(place: &str, text: &str) -> Result<DecisionTable, Problem> {
    if text.len() > TEXT_LIMIT {
        return Err(fault(place, format!("has {} bytes, the limit is {TEXT_LIMIT}", text.len())));
    }
    let file: TableFile =
        serde_json::from_str(text).map_err(|error| fault(place, format!("is not a decision table: {error}")))?;
    let mut points = BTreeMap::new();
    for (id, point) in file.decision_points {
        points.insert(id.clone(), decision_point(place, &id, point)?);
    }
    let outcome = points
        .remove(&file.outcome)
        .ok_or_else(|| fault(place, "its outcome is not among its decision points"))?;
    if points.len() > INPUT_LIMIT {
        return Err(fault(place, format!("has {} inputs, the limit is {INPUT_LIMIT}", points.len())));
    }
    let inputs: Vec<(String, DecisionPoint)> = points.into_iter().collect();
    let mut rows = Vec::with_capacity(file.mapping.len());
    for (number, row) in file.mapping.iter().enumerate() {
        rows.push(positions(place, number, row, &inputs, (&file.outcome, &outcome))?);
    }
    let id = format!("{}:{}:{}", file.namespace, file.key, file.version);
    let inputs = inputs.into_iter().map(|(_, point)| point).collect();
    DecisionTable::new(id, inputs, outcome, rows).map_err(|problem| {
        let text = match problem {
            TableFault::Size { combinations } => format!(
                "spans {combinations} combinations; between 1 and {} with at most 32 outcomes can be used",
                DecisionTable::LIMIT
            ),
            TableFault::Row(number) => format!("row {} has a value that its point does not have", number + 1),
            TableFault::Twice(number) => format!("row {} gives a combination a second time", number + 1),
            TableFault::Missing(keys) => format!("no row gives the combination {keys}"),
        };
        fault(place, text)
    })
}

fn decision_point(place: &str, id: &str, point: PointFile) -> Result<DecisionPoint, Problem> {
    let said = format!("{}:{}:{}", point.namespace, point.key, point.version);
    if said != id {
        return Err(fault(place, format!("a decision point is listed as {id} and calls itself {said}")));
    }
    let keys: BTreeSet<&str> = point.values.iter().map(|value| value.key.as_str()).collect();
    if keys.len() != point.values.len() || keys.is_empty() {
        return Err(fault(place, format!("{id} has no values, or two with one key")));
    }
    Ok(DecisionPoint {
        namespace: point.namespace,
        key: point.key,
        version: point.version,
        name: point.name,
        values: point.values.iter().map(|value| PointValue::new(&value.key, &value.name)).collect(),
    })
}

fn positions(
    place: &str,
    number: usize,
    row: &BTreeMap<String, String>,
    inputs: &[(String, DecisionPoint)],
    (outcome_id, outcome): (&str, &DecisionPoint),
) -> Result<(Vec<usize>, usize), Problem> {
    if row.len() != inputs.len() + 1 {
        return Err(fault(
            place,
            format!("row {} names {} points, the table has {}", number + 1, row.len(), inputs.len() + 1),
        ));
    }
    let find = |id: &str, point: &DecisionPoint| {
        let key = row.get(id).ok_or_else(|| fault(place, format!("row {} has no value for {id}", number + 1)))?;
        point
            .values
            .iter()
            .position(|value| value.key == *key)
            .ok_or_else(|| fault(place, format!("row {} gives {id} a value it does not have", number + 1)))
    };
    let mut values = Vec::with_capacity(inputs.len());
    for (id, point) in inputs {
        values.push(find(id, point)?);
    }
    Ok((values, find(outcome_id, outcome)?))
}
