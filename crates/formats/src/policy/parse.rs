//! From text to sections: every section that is wrong is named at once.

use super::document::Document;
use super::suggest::of_message;
use super::{Ledger, TEXT_LIMIT};
use plimsoll_core::model::problem::{Problem, printable};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, Error};

/// The only schema there is.
const SCHEMA: &str = "patch-policy/1";
/// The least that a document must have: sections are read one by one beside it.
const HEAD: &str = "schema = \"patch-policy/1\"\npolicy = { id = \"x\", version = \"1\" }\n";
/// Most problems of form that are named; after so many a reader starts at the
/// first.
const MOST: usize = 100;

/// Reads a file's sections.
pub(super) fn parse(place: &str, text: &str) -> Result<Document, Vec<Problem>> {
    if text.len() > TEXT_LIMIT {
        return Err(vec![Problem::new(
            "E-LIMIT",
            place,
            format!("has {} bytes, the limit for a policy is {TEXT_LIMIT}", text.len()),
            "check that this is a policy file",
        )]);
    }
    let ledger = Ledger::new(place, text);
    let document: Document = match toml::from_str(text) {
        Ok(document) => document,
        Err(first) => return Err(faults(&ledger, first)),
    };
    if document.schema.get_ref() != SCHEMA {
        return Err(vec![Problem::new(
            "E-POLICY",
            ledger.line(document.schema.span().start),
            format!("schema is `{}`, this version reads `{SCHEMA}`", printable(document.schema.get_ref())),
            "use a newer Plimsoll, or write the policy in that schema",
        )]);
    }
    Ok(document)
}

/// Everything wrong in a file's form. The library stops at the first error of
/// a document, so each section is read as a document of its own.
fn faults(ledger: &Ledger<'_>, first: Error) -> Vec<Problem> {
    let told = |error: &Error| {
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let next = of_message(&message).unwrap_or_else(|| "correct this line, or what it belongs to".to_owned());
        Problem::new("E-POLICY", ledger.line(error.span().map_or(0, |span| span.start)), printable(&message), next)
    };
    let mut found = Vec::new();
    if let (Ok(table), Ok(head)) = (DeTable::parse(ledger.text), DeTable::parse(HEAD)) {
        for (key, value) in table.get_ref() {
            for part in parts(value) {
                let mut alone = head.get_ref().clone();
                // The key's own place goes with it.
                alone.remove(key.get_ref().as_ref());
                alone.insert(key.clone(), part);
                let read = Document::deserialize(Deserializer::from(Spanned::new(head.span(), alone)));
                if let Err(error) = read {
                    found.push((error.span().map_or(0, |span| span.start), told(&error)));
                }
                if found.len() >= MOST {
                    break;
                }
            }
        }
    }
    if found.is_empty() {
        return vec![told(&first)];
    }
    found.sort_by_key(|(at, _)| *at);
    found.dedup();
    found.into_iter().map(|(_, problem)| problem).collect()
}

/// A section as it is, and each of several sections alone.
fn parts<'a>(value: &Spanned<DeValue<'a>>) -> Vec<Spanned<DeValue<'a>>> {
    let DeValue::Array(elements) = value.get_ref() else { return vec![value.clone()] };
    let is_sections = elements.iter().all(|element| matches!(element.get_ref(), DeValue::Table(_)));
    if !is_sections || elements.is_empty() {
        return vec![value.clone()];
    }
    let alone = |element: &Spanned<DeValue<'a>>| {
        let mut one = DeArray::new();
        one.push(element.clone());
        Spanned::new(value.span(), DeValue::Array(one))
    };
    elements.iter().map(alone).collect()
}
