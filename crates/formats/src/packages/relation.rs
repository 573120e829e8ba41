//! Relations between Debian packages: `Depends`, `Conflicts`, `Provides`.

use plimsoll_core::model::dependency::{Operator, Requirement};
use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;

/// One alternative of a dependency, or one item of another relation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relation<'a> {
    /// Package name, or a name that packages provide.
    pub name: &'a str,
    /// What stands after the colon: `any`, `native` or an architecture.
    pub arch: Option<&'a str>,
    /// How the version is compared.
    pub operator: Operator,
    /// The version it is compared with; empty for [`Operator::Any`].
    pub version: &'a str,
    /// Whether the next relation is an alternative to this one.
    pub or: bool,
}

impl<'a> Relation<'a> {
    /// Whether a version satisfies the relation.
    pub fn admits(&self, version: &str) -> bool {
        self.operator == Operator::Any || self.operator.admits(order(version, self.version))
    }

    /// The relation without its place among alternatives.
    pub fn requirement(&self) -> Requirement<'a> {
        Requirement { name: self.name, arch: self.arch, operator: self.operator, version: self.version }
    }
}

impl std::fmt::Display for Relation<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.requirement().fmt(formatter)
    }
}

/// Orders two Debian versions.
///
/// A version that cannot be read is ordered by its bytes: some order is needed
/// to go on, and the inventory reports such a version elsewhere.
pub fn order(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    compare(Scheme::Debian, left, right).unwrap_or_else(|_| left.cmp(right))
}

/// Reads a relation field and appends to `out`.
///
/// Source: Debian Policy 7.1. What is not readable as a relation is left out;
/// apt refuses the whole index then, and the caller compares plans with it.
pub fn parse<'a>(field: &'a str, out: &mut Vec<Relation<'a>>) {
    for group in field.split(',') {
        let mut alternatives = group.split('|').peekable();
        while let Some(text) = alternatives.next() {
            if let Some(mut relation) = one(text) {
                relation.or = alternatives.peek().is_some();
                out.push(relation);
            }
        }
    }
    if let Some(last) = out.last_mut() {
        last.or = false;
    }
}

fn one(text: &str) -> Option<Relation<'_>> {
    let text = text.trim_ascii();
    let (name, constraint) = match cut(text, b'(') {
        Some((name, rest)) => {
            let rest = rest.trim_ascii_end();
            (name.trim_ascii_end(), rest.strip_suffix(')').unwrap_or(rest).trim_ascii())
        }
        None => (text, ""),
    };
    if name.is_empty() {
        return None;
    }
    let (name, arch) = match cut(name, b':') {
        Some((name, arch)) => (name, Some(arch)),
        None => (name, None),
    };
    let signs = constraint.len() - constraint.trim_start_matches(['<', '>', '=']).len();
    let (sign, version) = constraint.split_at(signs);
    let operator = match sign {
        "<<" => Operator::Less,
        // A single sign is the old spelling of "or equal".
        "<=" | "<" => Operator::LessEqual,
        ">=" | ">" => Operator::GreaterEqual,
        ">>" => Operator::Greater,
        "=" => Operator::Equal,
        _ => Operator::Any,
    };
    Some(Relation { name, arch, operator, version: version.trim_ascii(), or: false })
}

/// Splits a text at a byte; the texts are a few letters long, too short for a
/// search that has to be set up.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// Reads relation fields into groups of alternatives.
pub fn requirements<'a>(fields: &[&'a str]) -> Vec<Vec<Requirement<'a>>> {
    let mut read = Vec::new();
    fields.iter().for_each(|field| parse(field, &mut read));
    groups(&read).map(|group| group.iter().map(Relation::requirement).collect()).collect()
}

/// Splits relations into groups of alternatives.
pub fn groups<'r, 'a>(relations: &'r [Relation<'a>]) -> impl Iterator<Item = &'r [Relation<'a>]> {
    relations.split_inclusive(|relation| !relation.or)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_read_as_written() {
        let mut read = Vec::new();
        parse("libc6 (>= 2.36), python3:any (<<3.12~) | x:amd64 (= 1:2-3) ,\n b (> 1), ", &mut read);
        let shown: Vec<String> = groups(&read)
            .map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "))
            .collect();
        assert_eq!(shown, ["libc6 (>= 2.36)", "python3:any (<< 3.12~) | x:amd64 (= 1:2-3)", "b (>= 1)"]);
    }
}
