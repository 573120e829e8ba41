//! Holding a component's version against a rule.
//!
//! The component's key is made once; each rule is then two comparisons of
//! bytes. Text is only made for rules that say something.

use crate::knowledge::{Rule, RuleEnd, RuleVersion};
use crate::model::advisory::NamesWhat;
use crate::model::component::Component;
use crate::model::problem::printable;
use crate::model::stream::Stream;
use plimsoll_version::{Scheme, compare, write_key};
use std::cmp::Ordering;

/// What a rule says of the component.
pub(super) enum Outcome {
    /// Inside the affected range; `fixed` is where it ends.
    Inside { fixed: Option<String>, text: String },
    /// The range began before and ended: the component holds the fix.
    AtOrAfterFix { fixed: String, text: String },
    /// The rule says nothing of this version.
    Outside,
    /// A version cannot be read.
    Unreadable(String),
}

/// A component's versions, ready to be compared.
pub(super) struct Compared {
    binary: Side,
    source: Side,
    unreadable: Option<String>,
}

#[derive(Default)]
struct Side {
    text: String,
    key: Vec<u8>,
}

impl Side {
    fn new(scheme: Scheme, text: &str) -> Result<Self, String> {
        let mut key = Vec::with_capacity(text.len() + 8);
        match write_key(scheme, text, &mut key) {
            Ok(()) => Ok(Self { text: text.to_owned(), key }),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Compared {
    pub(super) fn new(component: &Component, stream: &Stream) -> Result<Self, String> {
        let scheme = stream.scheme().ok_or_else(|| format!("the version order of {stream} is not known"))?;
        let binary = Side::new(scheme, &component.version)?;
        let source = match component.source_version.as_deref() {
            Some(version) if version != component.version => Side::new(scheme, version)?,
            _ => Side { text: binary.text.clone(), key: binary.key.clone() },
        };
        Ok(Self { binary, source, unreadable: None })
    }

    pub(super) fn unreadable(reason: String) -> Self {
        Self { binary: Side::default(), source: Side::default(), unreadable: Some(reason) }
    }

    pub(super) fn against(&mut self, rule: &Rule<'_>) -> Outcome {
        if let Some(reason) = &self.unreadable {
            return Outcome::Unreadable(reason.clone());
        }
        let side = if rule.names == NamesWhat::Source { &self.source } else { &self.binary };
        match position(side, rule) {
            Ok(outcome) => outcome,
            Err(version) => Outcome::Unreadable(format!(
                "the advisory's version “{}” cannot be read, so nothing can be said of {}",
                printable(version),
                printable(&side.text)
            )),
        }
    }
}

/// Compares with a rule's version, or names the unreadable one.
fn order<'r>(side: &Side, version: &RuleVersion<'r>) -> Result<Ordering, &'r str> {
    version.key.map(|key| side.key.as_slice().cmp(key)).ok_or(version.text)
}

fn position<'r>(side: &Side, rule: &Rule<'r>) -> Result<Outcome, &'r str> {
    let installed = printable(&side.text);
    if matches!(rule.end, RuleEnd::Exactly) {
        let Some(exact) = rule.introduced else { return Ok(Outcome::Outside) };
        let equal = exact.text == side.text || order(side, &exact).is_ok_and(Ordering::is_eq);
        return Ok(if equal {
            Outcome::Inside { fixed: None, text: format!("{installed} is listed as affected") }
        } else {
            Outcome::Outside
        });
    }
    if let Some(introduced) = rule.introduced {
        if order(side, &introduced)?.is_lt() {
            return Ok(Outcome::Outside);
        }
    }
    let from = |rule: &Rule<'_>| {
        rule.introduced.map_or(String::new(), |version| format!(" (affected from {})", printable(version.text)))
    };
    Ok(match rule.end {
        RuleEnd::Fixed(end) if order(side, &end)?.is_lt() => Outcome::Inside {
            fixed: Some(end.text.to_owned()),
            text: format!("{installed} < {}, which is fixed{}", printable(end.text), from(rule)),
        },
        RuleEnd::Fixed(end) => Outcome::AtOrAfterFix {
            fixed: end.text.to_owned(),
            text: format!("{installed} ≥ {}, which is fixed", printable(end.text)),
        },
        RuleEnd::LastAffected(end) if order(side, &end)?.is_le() => Outcome::Inside {
            fixed: None,
            text: format!("{installed} ≤ {}, the last affected version{}", printable(end.text), from(rule)),
        },
        RuleEnd::LastAffected(_) => Outcome::Outside,
        RuleEnd::Open => Outcome::Inside {
            fixed: None,
            text: format!("every version is affected{}, {installed} among them", from(rule)),
        },
        RuleEnd::Exactly => Outcome::Outside,
    })
}

/// Whether `version` is `wanted` or later; none when that cannot be told.
pub(super) fn at_least(stream: &Stream, version: &str, wanted: &str) -> Option<bool> {
    compare(stream.scheme()?, version, wanted).ok().map(Ordering::is_ge)
}
