//! Holding a component's version against a rule.
//!
//! The component's key is made once; each rule is then two comparisons of
//! bytes. Text is only made for rules that say something.

use crate::knowledge::{Rule, RuleEnd, RuleVersion};
use crate::model::advisory::NamesWhat;
use crate::model::because::{Because, BecauseKind};
use crate::model::component::Component;
use crate::model::problem::printable;
use crate::model::stream::Stream;
use plimsoll_version::{Scheme, compare, write_key};
use std::cmp::Ordering;

/// What a rule says of the component's version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// Inside the affected range.
    Inside,
    /// The range ended before: the component holds the fix.
    AtOrAfterFix,
    /// The rule says nothing of this version.
    Outside,
    /// A version cannot be read.
    Unreadable,
}

/// A component's versions, ready to be compared.
pub(super) struct Compared<'a> {
    binary: Side<'a>,
    source: Option<Side<'a>>,
    unreadable: Option<String>,
}

struct Side<'a> {
    text: &'a str,
    key: Vec<u8>,
}

impl<'a> Side<'a> {
    fn new(scheme: Scheme, text: &'a str) -> Result<Self, String> {
        let mut key = Vec::with_capacity(text.len() * 2 + 16);
        match write_key(scheme, text, &mut key) {
            Ok(()) => Ok(Self { text, key }),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl<'a> Compared<'a> {
    pub(super) fn new(component: &'a Component, stream: &Stream) -> Self {
        let made = stream.scheme().ok_or_else(|| format!("the version order of {stream} is not known")).and_then(
            |scheme| {
                let binary = Side::new(scheme, &component.version)?;
                let other = component.source_version.as_deref().filter(|version| *version != component.version);
                let source = other.map(|version| Side::new(scheme, version)).transpose()?;
                Ok(Self { binary, source, unreadable: None })
            },
        );
        made.unwrap_or_else(|reason| Self {
            binary: Side { text: &component.version, key: Vec::new() },
            source: None,
            unreadable: Some(reason),
        })
    }

    /// Why the component's own version cannot be read.
    pub(super) fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// The key of the version that rules on `names` speak of; none when it
    /// cannot be read.
    pub(super) fn key(&self, names: NamesWhat) -> Option<&[u8]> {
        self.unreadable.is_none().then(|| self.side(names).key.as_slice())
    }

    fn side(&self, names: NamesWhat) -> &Side<'a> {
        match (&self.source, names) {
            (Some(source), NamesWhat::Source) => source,
            _ => &self.binary,
        }
    }

    /// Holds a rule against the version.
    pub(super) fn against(&self, rule: &Rule<'_>) -> Outcome {
        if self.unreadable.is_some() {
            return Outcome::Unreadable;
        }
        position(self.side(rule.names), rule).unwrap_or(Outcome::Unreadable)
    }

    /// Says in words what [`Self::against`] found.
    pub(super) fn explain(&self, rule: &Rule<'_>, outcome: Outcome) -> Because {
        let installed = printable(self.side(rule.names).text);
        let from = rule
            .introduced
            .map_or(String::new(), |version| format!(" (affected from {})", printable(&version.shown())));
        let text = match (outcome, rule.end) {
            (Outcome::Unreadable, _) => match (&self.unreadable, unreadable_in(rule)) {
                (Some(reason), _) => reason.clone(),
                (None, version) => format!(
                    "the advisory's version “{}” cannot be read, so nothing can be said of {installed}",
                    printable(&version)
                ),
            },
            (Outcome::AtOrAfterFix, RuleEnd::Fixed(end)) => {
                format!("{installed} ≥ {}, which is fixed", printable(&end.shown()))
            }
            (_, RuleEnd::Fixed(end)) => format!("{installed} < {}, which is fixed{from}", printable(&end.shown())),
            (_, RuleEnd::LastAffected(end)) => {
                format!("{installed} ≤ {}, the last affected version{from}", printable(&end.shown()))
            }
            (_, RuleEnd::Exactly) => format!("{installed} is listed as affected"),
            (_, RuleEnd::Open) => format!("every version is affected{from}, {installed} among them"),
        };
        Because::new(BecauseKind::Version, text)
    }
}

/// The version of a rule that cannot be read.
fn unreadable_in(rule: &Rule<'_>) -> String {
    let end = match rule.end {
        RuleEnd::Fixed(version) | RuleEnd::LastAffected(version) => Some(version),
        _ => None,
    };
    let unreadable = rule.introduced.into_iter().chain(end).find(|version| version.key.is_none());
    unreadable.map_or_else(String::new, |version| version.shown().into_owned())
}

/// Compares with a rule's version; none when that one cannot be read.
fn order(side: &Side<'_>, version: &RuleVersion<'_>) -> Option<Ordering> {
    version.key.map(|key| side.key.as_slice().cmp(key))
}

fn position(side: &Side<'_>, rule: &Rule<'_>) -> Option<Outcome> {
    if matches!(rule.end, RuleEnd::Exactly) {
        let exact = rule.introduced?;
        let equal = exact.text == side.text.as_bytes() || order(side, &exact).is_some_and(Ordering::is_eq);
        return Some(if equal { Outcome::Inside } else { Outcome::Outside });
    }
    if let Some(introduced) = rule.introduced
        && order(side, &introduced)?.is_lt() {
            return Some(Outcome::Outside);
        }
    Some(match rule.end {
        RuleEnd::Fixed(end) if order(side, &end)?.is_lt() => Outcome::Inside,
        RuleEnd::Fixed(_) => Outcome::AtOrAfterFix,
        RuleEnd::LastAffected(end) if order(side, &end)?.is_le() => Outcome::Inside,
        RuleEnd::LastAffected(_) | RuleEnd::Exactly => Outcome::Outside,
        RuleEnd::Open => Outcome::Inside,
    })
}

/// Whether `version` is `wanted` or later; none when that cannot be told.
pub(super) fn at_least(stream: &Stream, version: &str, wanted: &str) -> Option<bool> {
    compare(stream.scheme()?, version, wanted).ok().map(Ordering::is_ge)
}
