//! Gates on outside alerts: `alerts` of a `[[ring]]`.

use super::Text;
use crate::policy::Ledger;
use crate::policy::load::length;
use plimsoll_core::model::policy::Length;
use plimsoll_core::model::policy::rollout::{AlertGate, Asks};
use plimsoll_core::model::problem::printable;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;

/// Most gates of a ring: each is asked twice a minute.
const MOST: usize = 16;
/// Longest query or word, in bytes.
const LONGEST: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct AlertSection {
    source: Text,
    query: Option<Text>,
    labels: Option<BTreeMap<String, Words>>,
    max_age: Option<Text>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
}

/// Reads the gates of one ring; what is wrong goes to the ledger.
pub(super) fn read(sections: &[Spanned<AlertSection>], ledger: &mut Ledger<'_>) -> Vec<AlertGate> {
    if let Some(more) = sections.get(MOST) {
        ledger.error(&more.span(), format!("there are more than {MOST} alerts of a ring"), "put some together in one query");
    }
    sections.iter().filter_map(|section| one(section.get_ref(), &section.span(), ledger)).collect()
}

fn one(section: &AlertSection, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Option<AlertGate> {
    let source = section.source.get_ref();
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter);
    if source.is_empty() || source.len() > 32 || !source.chars().all(plain) {
        let text = format!("source `{}` is not a plain name", printable(source));
        ledger.error(&section.source.span(), text, "use the name that the server's settings give it: lower-case letters, digits, dots, hyphens and underscores");
    }
    let asks = match (&section.query, &section.labels) {
        (Some(query), None) => query_of(query, ledger)?,
        (None, Some(labels)) => labels_of(labels, at, ledger)?,
        _ => {
            ledger.error(at, "an alert of a ring has one of `query` and `labels`", "write query = \"…\", or labels = { severity = \"critical\" }");
            return None;
        }
    };
    let max_age = match &section.max_age {
        None => Length::parse(AlertGate::MAX_AGE).ok()?,
        Some(text) => {
            let found = length(text, "max_age", ledger)?;
            if !(60..=86_400).contains(&found.nominal_seconds()) {
                ledger.error(&text.span(), format!("max_age `{}` is below a minute or above a day", found.as_str()), "it is asked twice a minute: write PT5M");
            }
            found
        }
    };
    Some(AlertGate { source: source.clone(), asks, max_age })
}

fn query_of(query: &Text, ledger: &mut Ledger<'_>) -> Option<Asks> {
    let text = query.get_ref().trim();
    if text.is_empty() || text.len() > LONGEST || text.chars().any(|letter| letter.is_control() && !letter.is_whitespace()) {
        ledger.error(&query.span(), format!("the query is empty, longer than {LONGEST} bytes, or holds control characters"), "write the expression of an alerting rule: up{job=\"shop\"} == 0");
        return None;
    }
    // One line, because it stands in reasons.
    Some(Asks::Query(text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

fn labels_of(labels: &BTreeMap<String, Words>, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Option<Asks> {
    let name = |name: &str| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') && !name.starts_with(|letter: char| letter.is_ascii_digit());
    let mut read = BTreeMap::new();
    for (label, words) in labels {
        let words = match words {
            Words::One(word) => vec![word.clone()],
            Words::Many(words) => words.clone(),
        };
        let sound = !words.is_empty() && words.iter().all(|word| !word.is_empty() && word.len() <= LONGEST && !word.chars().any(char::is_control));
        if !name(label) || !sound {
            ledger.error(at, format!("label `{}` has no name of a label, or no word", printable(label)), "write labels = { severity = [\"critical\", \"page\"] }");
            return None;
        }
        read.insert(label.clone(), words);
    }
    if read.is_empty() {
        ledger.error(at, "`labels` names none, so that every alert would shut the gate", "name at least one label");
        return None;
    }
    Some(Asks::Alerts(read))
}
