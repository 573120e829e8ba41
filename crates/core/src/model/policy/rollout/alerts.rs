//! What outside monitoring is asked before more of a ring starts.

use super::super::length::Length;
use std::collections::BTreeMap;

/// A gate on outside alerts: while one fires, nothing more starts.
#[derive(Clone, PartialEq, Debug)]
pub struct AlertGate {
    /// Name of the source in the server's settings.
    pub source: String,
    /// What it is asked.
    pub asks: Asks,
    /// Oldest answer that counts.
    pub max_age: Length,
}

/// What a source is asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Asks {
    /// An expression of Prometheus, which fires as that of an alerting rule
    /// does: where it has a result.
    Query(String),
    /// Alerts by their labels: each label has one of its words.
    Alerts(BTreeMap<String, Vec<String>>),
}

impl AlertGate {
    /// Age at which an answer is too old unless a policy says so: ten looks.
    pub const MAX_AGE: &'static str = "PT5M";

    /// As people read it, `prometheus: alerts with severity critical or page`.
    pub fn words(&self) -> String {
        match &self.asks {
            Asks::Query(query) => format!("{}: query {query}", self.source),
            Asks::Alerts(labels) => {
                let labels: Vec<String> = labels.iter().map(|(label, words)| format!("{label} {}", words.join(" or "))).collect();
                format!("{}: alerts with {}", self.source, labels.join(" and "))
            }
        }
    }
}
