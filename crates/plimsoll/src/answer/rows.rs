//! Findings folded into the rows that people read: a source package under one
//! advisory is one row, however many binaries it has.

use plimsoll_core::model::finding::{Finding, State};
use std::collections::BTreeMap;

/// Findings of one advisory on one source package, as one row.
pub struct Row<'a> {
    /// The first of them, which speaks for all.
    pub finding: &'a Finding,
    /// Names of the packages, each once.
    pub names: Vec<&'a str>,
}

impl Row<'_> {
    /// The first `shown` names, and how many more there are.
    pub fn packages(&self, shown: usize) -> String {
        let named = self.names.get(..shown).unwrap_or(&self.names).join(", ");
        match self.names.len().saturating_sub(shown) {
            0 => named,
            more => format!("{named} +{more}"),
        }
    }
}

/// Folds binaries of the same source under the same advisory into one row.
pub fn fold(findings: &[Finding]) -> Vec<Row<'_>> {
    type Key<'a> = (&'a str, &'a str, &'a str, State, Option<bool>);
    let mut places: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for finding in findings {
        let component = &finding.component;
        let source = component.source.as_deref().unwrap_or(&component.name);
        let version = component.source_version.as_deref().unwrap_or(&component.version);
        let key = (finding.advisory.as_str(), source, version, finding.state, finding.fix.available);
        match places.get(&key) {
            Some(&place) => {
                if let Some(row) = rows.get_mut(place)
                    && !row.names.contains(&component.name.as_str())
                {
                    row.names.push(&component.name);
                }
            }
            None => {
                places.insert(key, rows.len());
                rows.push(Row { finding, names: vec![&component.name] });
            }
        }
    }
    rows
}

/// The archives of an origin, without label and version: what tells
/// `oldstable` from `oldstable-security` in little room.
pub fn archives(origin: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for one in origin.split(", ") {
        let name = one.rsplit('/').next().unwrap_or(one);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}
