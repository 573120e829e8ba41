//! A rule's head: `when`, from TOML values to conditions.

use super::Ledger;
use super::document::Text;
use super::suggest::suggestion;
use plimsoll_core::model::policy::{
    Attribute, Comparison, Condition, EpssModel, Field, Number, PriorityModel,
};
use plimsoll_core::model::problem::printable;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::{Spanned, Value};

/// Reads a rule's head; what is wrong goes to the ledger.
pub(super) fn read(
    when: &Spanned<BTreeMap<Text, Spanned<Value>>>,
    priority: Option<&PriorityModel>,
    ledger: &mut Ledger<'_>,
) -> Vec<Condition> {
    let span = when.span();
    let when = when.get_ref();
    if when.is_empty() {
        ledger.error(&span, "`when` is empty", "name at least one field, or leave `when` out for a rule that always matches");
    }
    let mut conditions = Vec::with_capacity(when.len());
    for (key, value) in when {
        let at = key.span();
        let name = key.get_ref().as_str();
        let value = value.get_ref();
        if let Some(field) = Field::parse(name) {
            conditions.extend(one_of(field, value, priority, &at, ledger));
        } else if let Some(number) = Number::parse(name) {
            conditions.extend(compare(number, value, &at, ledger));
        } else {
            conditions.extend(other(name, value, &at, ledger));
        }
    }
    let compares = |wanted: Number| {
        conditions.iter().any(|condition| matches!(condition, Condition::Compare(number, ..) if *number == wanted))
    };
    if compares(Number::Epss) && !when.keys().any(|key| key.get_ref() == "epss_model") {
        ledger.error(
            &span,
            "compares `epss` without `epss_model`, and scores of different models do not compare",
            format!("add epss_model = [\"{}\"]", EpssModel::V2025.as_str()),
        );
    }
    conditions
}

/// What may have been meant, else everything that can be.
fn one_of_these(word: &str, known: &[&str]) -> String {
    suggestion(word, &known.iter().copied().collect()).unwrap_or_else(|| format!("use one of: {}", known.join(", ")))
}

/// One word or a list of words; booleans read as yes and no.
fn words(name: &str, value: &Value, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Vec<String> {
    let single = |value: &Value| match value {
        Value::String(word) => Some(word.clone()),
        Value::Boolean(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        _ => None,
    };
    let list: Option<Vec<String>> = match value {
        Value::Array(values) => values.iter().map(single).collect(),
        value => single(value).map(|word| vec![word]),
    };
    match list {
        Some(list) if !list.is_empty() => list,
        Some(_) => {
            ledger.error(at, format!("`{name}` allows no value"), "name the values that the rule is for");
            Vec::new()
        }
        None => {
            ledger.error(at, format!("`{}` is not a list of words", printable(name)), "write it as [\"a\", \"b\"]");
            Vec::new()
        }
    }
}

fn one_of(
    field: Field,
    value: &Value,
    priority: Option<&PriorityModel>,
    at: &Range<usize>,
    ledger: &mut Ledger<'_>,
) -> Option<Condition> {
    let name = field.as_str();
    if field == Field::Priority && priority.is_none() {
        ledger.error(at, "looks at `priority`, and the policy has no [priority] model", "add [priority] with a model");
        return None;
    }
    let mut mask = 0u32;
    for word in words(name, value, at, ledger) {
        let position = match (field, priority) {
            (Field::Priority, Some(model)) => model.table.outcome().position(&word),
            _ => field.values().iter().position(|known| *known == word),
        };
        match position.and_then(|position| 1u32.checked_shl(u32::try_from(position).ok()?)) {
            Some(bit) => mask |= bit,
            None => {
                let known: Vec<&str> = match (field, priority) {
                    (Field::Priority, Some(model)) => model.table.outcome().values.iter().map(|value| value.shown()).collect(),
                    _ => field.values().to_vec(),
                };
                ledger.error(at, format!("`{name}` has no value `{}`", printable(&word)), one_of_these(&word, &known));
            }
        }
    }
    (mask != 0).then_some(Condition::OneOf(field, mask))
}

fn compare(number: Number, value: &Value, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Option<Condition> {
    match value.as_str().and_then(Comparison::parse) {
        Some((comparison, bound)) => Some(Condition::Compare(number, comparison, bound)),
        None => {
            ledger.error(
                at,
                format!("`{}` is not a threshold", number.as_str()),
                "write it as \">=7.0\", with one of >=, >, <=, <",
            );
            None
        }
    }
}

fn other(name: &str, value: &Value, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Vec<Condition> {
    let attribute = match name {
        "environment" | "env" => Attribute::Environment,
        "tier" => Attribute::Tier,
        "client" => Attribute::Client,
        "labels" => return labels(value, at, ledger),
        "epss_model" => return epss_models(value, at, ledger),
        _ => {
            let mut known: Vec<&str> = Field::ALL.iter().map(|field| field.as_str()).collect();
            known.extend(Number::ALL.iter().map(|number| number.as_str()));
            known.extend(["environment", "tier", "client", "labels", "epss_model"]);
            ledger.error(
                at,
                format!("`when` has no field `{}`", printable(name)),
                one_of_these(name, &known),
            );
            return Vec::new();
        }
    };
    let allowed = words(name, value, at, ledger);
    if allowed.is_empty() { Vec::new() } else { vec![Condition::Words(attribute, allowed)] }
}

/// One entry of a `select`: what hosts are chosen by.
pub(super) fn attribute(name: &str, value: &Value, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Vec<(Attribute, Vec<String>)> {
    let attribute = match name {
        "environment" | "env" => Attribute::Environment,
        "tier" => Attribute::Tier,
        "client" => Attribute::Client,
        // The label that most fleets name their rings with.
        "ring" => Attribute::Label("ring".to_owned()),
        "labels" => {
            let conditions = labels(value, at, ledger);
            let words = |condition| match condition {
                Condition::Words(attribute, words) => Some((attribute, words)),
                _ => None,
            };
            return conditions.into_iter().filter_map(words).collect();
        }
        _ => {
            ledger.error(at, format!("`select` has no field `{}`", printable(name)), "use one of: environment, tier, client, ring, labels");
            return Vec::new();
        }
    };
    let allowed = words(name, value, at, ledger);
    if allowed.is_empty() { Vec::new() } else { vec![(attribute, allowed)] }
}

fn labels(value: &Value, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Vec<Condition> {
    let Some(table) = value.as_table() else {
        ledger.error(at, "`labels` is not a table", "write it as labels = { name = [\"a\", \"b\"] }");
        return Vec::new();
    };
    let mut conditions = Vec::new();
    for (name, value) in table {
        let allowed = words(name, value, at, ledger);
        if !allowed.is_empty() {
            conditions.push(Condition::Words(Attribute::Label(name.clone()), allowed));
        }
    }
    conditions
}

fn epss_models(value: &Value, at: &Range<usize>, ledger: &mut Ledger<'_>) -> Vec<Condition> {
    let named = words("epss_model", value, at, ledger);
    match named.as_slice() {
        [] => Vec::new(),
        [one] => match EpssModel::ALL.into_iter().find(|model| model.as_str() == one) {
            Some(model) => vec![Condition::EpssModel(model)],
            None => {
                let known: Vec<&str> = EpssModel::ALL.iter().map(|model| model.as_str()).collect();
                ledger.error(
                    at,
                    format!("`epss_model` has no value `{}`", printable(one)),
                    format!("use one of: {}", known.join(", ")),
                );
                Vec::new()
            }
        },
        _ => {
            ledger.error(at, "`epss_model` names several models, and one threshold fits one", "write a rule for each");
            Vec::new()
        }
    }
}
