//! Intervals in the notation of Maven and NuGet: `[1.0,2.0)`, `(,1.0]`, `[1.2]`, and several after one another.
//!
//! Source: "Dependency Version Requirement Specification" in Maven's POM reference; NuGet has the same.

use super::{Bound, Interval};
use crate::unreadable::Reason;

pub(super) fn parse(text: &str) -> Result<Vec<Interval>, Reason> {
    let mut intervals = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let start = text.len() - rest.len();
        let unexpected = |offset, expected| Reason::Unexpected { offset, expected };
        let lower_belongs = rest.starts_with('[');
        let Some(inside) = rest.strip_prefix(['[', '(']) else {
            return Err(unexpected(start, "an opening bracket"));
        };
        let Some(end) = inside.find([']', ')']) else {
            return Err(unexpected(text.len(), "a closing bracket"));
        };
        let (inside, behind) = inside.split_at(end);
        let upper_belongs = behind.starts_with(']');
        intervals.push(match inside.split_once(',') {
            Some((lower, upper)) if !upper.contains(',') => Interval {
                lower: bound(lower, lower_belongs),
                upper: bound(upper, upper_belongs),
            },
            None if lower_belongs && upper_belongs && !inside.trim().is_empty() => {
                Interval::only(inside.trim())
            }
            _ => {
                return Err(unexpected(
                    start + 1,
                    "one version in square brackets, or two with a comma between",
                ));
            }
        });
        rest = behind
            .get(1..)
            .unwrap_or_default()
            .trim_start_matches([' ', '\t', '\n', '\r', ',', '|']);
        if rest.is_empty() {
            return Ok(intervals);
        }
    }
}

fn bound(version: &str, belongs: bool) -> Bound {
    match version.trim() {
        "" => Bound::Unbounded,
        version if belongs => Bound::Inclusive(version.to_owned()),
        version => Bound::Exclusive(version.to_owned()),
    }
}
