//! Requirements in the ecosystems' own words, turned into intervals of versions.
//!
//! Native advisories say what is affected as their package manager would: `<= 0.6.0 || ^4.0` in npm, `~> 4.2.5, >= 4.2.5.1`
//! in Ruby, `[1.0,2.0)` in Maven. An [`Interval`] is the same in every ecosystem.
//!
//! # How prereleases are read
//!
//! Package managers leave prereleases out of a range because they choose what to *install*. Whoever asks what is
//! *affected* must not: `2.0.0-rc.1` lacks the fix that is in `2.0.0`. So a comparator goes by order alone
//! (`<2.0.0` contains `2.0.0-rc.1`), while the upper end of a shorthand (`^1.2`, `1.x`, `~> 1.2`) stands before the
//! prereleases of the next series, as all of them have it.
//!
//! # Traps
//!
//! - A version without an operator means itself, but in Cargo it is a caret requirement and in NuGet a lower end.
//! - An empty text is refused, although npm takes it for "any": in an advisory it is a field that got lost.

mod brackets;
mod numbers;
mod packagist;
mod pypi;
mod rubygems;
mod semver;

use std::cmp::Ordering;
use std::fmt;

use crate::unreadable::{Reason, Unreadable};
use crate::{Scheme, packagist as packagist_order, pypi as pypi_order};

/// The longest requirement that is read, in bytes; long lists of single versions fit.
pub const MAX_REQUIREMENT_LENGTH: usize = 16 * 1024;

/// The most intervals a requirement may fall apart into, so that a hostile one cannot buy quadratic time.
pub const MAX_ALTERNATIVES: usize = 256;

/// Says where an interval ends on one side.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Bound {
    /// It does not.
    Unbounded,
    /// At this version, which belongs to it.
    Inclusive(String),
    /// At this version, which does not belong to it.
    Exclusive(String),
}

/// Holds all versions between two bounds.
///
/// Bounds are versions of one scheme, all of them readable; the scheme is known to whoever holds the interval.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Interval {
    /// Where it begins.
    pub lower: Bound,
    /// Where it ends.
    pub upper: Bound,
}

impl Interval {
    /// Tells whether a version lies between the bounds.
    ///
    /// Two ecosystems look at a version differently here than when ordering. PyPI leaves the local label of the version
    /// aside unless the bound has one, so that `2.0.1+cu118` is in `<= 2.0.1`. Packagist fills numbers up to four, so that
    /// `2.0.0` is in `<= 2.0`.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] when the version, or a bound that was not made by [`parse_requirement`], cannot be read.
    pub fn contains(&self, scheme: Scheme, version: &str) -> Result<bool, Unreadable> {
        let above = match &self.lower {
            Bound::Unbounded => crate::compare(scheme, version, version).map(|_| true)?,
            Bound::Inclusive(lower) => beside_bound(scheme, version, lower)?.is_ge(),
            Bound::Exclusive(lower) => beside_bound(scheme, version, lower)?.is_gt(),
        };
        let below = match &self.upper {
            Bound::Unbounded => true,
            Bound::Inclusive(upper) => beside_bound(scheme, version, upper)?.is_le(),
            Bound::Exclusive(upper) => beside_bound(scheme, version, upper)?.is_lt(),
        };
        Ok(above && below)
    }

    fn all() -> Self {
        Interval {
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
        }
    }

    fn from(lower: Bound) -> Self {
        Interval {
            lower,
            upper: Bound::Unbounded,
        }
    }

    fn until(upper: Bound) -> Self {
        Interval {
            lower: Bound::Unbounded,
            upper,
        }
    }

    fn between(lower: String, upper: String) -> Self {
        Interval {
            lower: Bound::Inclusive(lower),
            upper: Bound::Exclusive(upper),
        }
    }

    fn only(version: &str) -> Self {
        Interval {
            lower: Bound::Inclusive(version.to_owned()),
            upper: Bound::Inclusive(version.to_owned()),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.lower, &self.upper) {
            (Bound::Unbounded, Bound::Unbounded) => return write!(formatter, "any version"),
            (Bound::Inclusive(lower), Bound::Inclusive(upper)) if lower == upper => {
                return write!(formatter, "= {lower}");
            }
            _ => {}
        }
        match &self.lower {
            Bound::Unbounded => {}
            Bound::Inclusive(lower) => write!(formatter, ">= {lower}")?,
            Bound::Exclusive(lower) => write!(formatter, "> {lower}")?,
        }
        if self.lower != Bound::Unbounded && self.upper != Bound::Unbounded {
            write!(formatter, ", ")?;
        }
        match &self.upper {
            Bound::Unbounded => Ok(()),
            Bound::Inclusive(upper) => write!(formatter, "<= {upper}"),
            Bound::Exclusive(upper) => write!(formatter, "< {upper}"),
        }
    }
}

/// Compares a version with a bound by the rules of requirements.
fn beside_bound(scheme: Scheme, version: &str, bound: &str) -> Result<Ordering, Unreadable> {
    match scheme {
        Scheme::PyPi => {
            let (public, _) = pypi_order::public_part(version);
            let (_, bound_is_local) = pypi_order::public_part(bound);
            crate::compare(scheme, if bound_is_local { version } else { public }, bound)
        }
        Scheme::Packagist => crate::compare(
            scheme,
            &packagist_order::filled(version),
            &packagist_order::filled(bound),
        ),
        // Maven's own order is not transitive; membership goes by the keys, a
        // total order, so that a range has one meaning here and in a database.
        Scheme::Maven => Ok(crate::key(scheme, version)?.cmp(&crate::key(scheme, bound)?)),
        _ => crate::compare(scheme, version, bound),
    }
}

/// Reads a requirement in the ecosystem's own words as the intervals it allows, in the order of the text.
///
/// Alternatives stand between `||`; comparators that must all hold stand side by side or between commas. A version in any
/// of the intervals meets the requirement; an empty list means that none can. Intervals may overlap.
///
/// # Errors
///
/// [`Unreadable`] names the requirement, or the version in it, that cannot be read, and why.
pub fn parse_requirement(scheme: Scheme, text: &str) -> Result<Vec<Interval>, Unreadable> {
    let refused = |reason| Unreadable::new(scheme, text, reason);
    if text.len() > MAX_REQUIREMENT_LENGTH {
        return Err(refused(Reason::TooLong {
            length: text.len(),
            limit: MAX_REQUIREMENT_LENGTH,
        }));
    }
    if text.trim().is_empty() {
        return Err(refused(Reason::Empty));
    }
    if matches!(scheme, Scheme::Maven | Scheme::NuGet) && text.trim_start().starts_with(['[', '('])
    {
        let intervals = brackets::parse(text).map_err(refused)?;
        return checked(scheme, text, intervals);
    }
    let mut intervals = Vec::new();
    for (offset, alternative) in split_with_offsets(text, "||") {
        if scheme == Scheme::Packagist {
            for (start, part) in split_with_offsets(alternative, "|") {
                intervals.extend(parse_alternative(scheme, text, part, offset + start)?);
            }
        } else {
            intervals.extend(parse_alternative(scheme, text, alternative, offset)?);
        }
        if intervals.len() > MAX_ALTERNATIVES {
            return Err(refused(Reason::TooManyAlternatives {
                limit: MAX_ALTERNATIVES,
            }));
        }
    }
    Ok(intervals)
}

fn split_with_offsets<'a>(
    text: &'a str,
    separator: &'static str,
) -> impl Iterator<Item = (usize, &'a str)> {
    let mut start = 0;
    text.split(separator).map(move |part| {
        let here = start;
        start += part.len() + separator.len();
        (here, part)
    })
}

/// Makes sure that every bound can be read, and that there are not too many.
fn checked(
    scheme: Scheme,
    text: &str,
    intervals: Vec<Interval>,
) -> Result<Vec<Interval>, Unreadable> {
    if intervals.len() > MAX_ALTERNATIVES {
        return Err(Unreadable::new(
            scheme,
            text,
            Reason::TooManyAlternatives {
                limit: MAX_ALTERNATIVES,
            },
        ));
    }
    for interval in &intervals {
        for bound in [&interval.lower, &interval.upper] {
            if let Bound::Inclusive(version) | Bound::Exclusive(version) = bound {
                crate::compare(scheme, version, version)?;
            }
        }
    }
    Ok(intervals)
}

/// Holds one operator and its version as they stand in the text.
#[derive(Clone, Copy, Debug)]
struct Comparator<'a> {
    operator: &'a str,
    version: &'a str,
    /// Where the version stands in the whole requirement, in bytes.
    offset: usize,
}

fn parse_alternative(
    scheme: Scheme,
    text: &str,
    part: &str,
    offset: usize,
) -> Result<Vec<Interval>, Unreadable> {
    let refused = |reason| Unreadable::new(scheme, text, reason);
    let comparators = comparators(part, offset).map_err(refused)?;
    let mut allowed = vec![Interval::all()];
    let mut rest = comparators.as_slice();
    while let [first, behind @ ..] = rest {
        let (choices, behind) = match behind {
            [hyphen, last, behind @ ..] if is_hyphen_range(scheme, first, hyphen, last) => {
                (hyphen_range(scheme, first, last).map_err(refused)?, behind)
            }
            _ => (meaning(scheme, first).map_err(refused)?, behind),
        };
        allowed = intersection(scheme, &allowed, &checked(scheme, text, choices)?)?;
        if allowed.len() > MAX_ALTERNATIVES {
            return Err(refused(Reason::TooManyAlternatives {
                limit: MAX_ALTERNATIVES,
            }));
        }
        rest = behind;
    }
    Ok(allowed)
}

/// Cuts an alternative into comparators.
///
/// An operator is looked for only where a comparator begins, since `~`, `^` and `!` also occur within versions.
fn comparators(part: &str, offset: usize) -> Result<Vec<Comparator<'_>>, Reason> {
    let separates = |c: char| c.is_whitespace() || c == ',';
    let operates = |c: char| matches!(c, '<' | '>' | '=' | '~' | '^' | '!');
    let mut found = Vec::new();
    let mut rest = part.trim_start_matches(separates);
    while !rest.is_empty() {
        let operand = rest.trim_start_matches(operates);
        let operator = rest.get(..rest.len() - operand.len()).unwrap_or_default();
        let operand = operand.trim_start();
        let end = operand
            .find(|c| separates(c) || matches!(c, '<' | '>' | '='))
            .unwrap_or(operand.len());
        let (version, behind) = operand.split_at(end);
        let offset = offset + part.len() - operand.len();
        if version.is_empty() {
            return Err(Reason::Unexpected {
                offset,
                expected: "a version",
            });
        }
        found.push(Comparator {
            operator,
            version,
            offset,
        });
        rest = behind.trim_start_matches(separates);
    }
    if found.is_empty() {
        return Err(Reason::Unexpected {
            offset,
            expected: "a version",
        });
    }
    Ok(found)
}

fn is_hyphen_range(
    scheme: Scheme,
    first: &Comparator<'_>,
    hyphen: &Comparator<'_>,
    last: &Comparator<'_>,
) -> bool {
    matches!(scheme, Scheme::Npm | Scheme::Semver | Scheme::Packagist)
        && hyphen.version == "-"
        && [first, hyphen, last]
            .iter()
            .all(|comparator| comparator.operator.is_empty())
}

fn hyphen_range(
    scheme: Scheme,
    first: &Comparator<'_>,
    last: &Comparator<'_>,
) -> Result<Vec<Interval>, Reason> {
    match scheme {
        Scheme::Packagist => packagist::hyphen_range(first, last),
        _ => semver::hyphen_range(first, last),
    }
    .map(|interval| vec![interval])
}

/// Finds what one comparator allows: by the shorthands of the scheme first, then by plain order.
fn meaning(scheme: Scheme, comparator: &Comparator<'_>) -> Result<Vec<Interval>, Reason> {
    let shorthand = match scheme {
        Scheme::Npm | Scheme::Semver | Scheme::Cargo => semver::shorthand(scheme, comparator)?,
        Scheme::NuGet => semver::floating(comparator)?,
        Scheme::PyPi => pypi::shorthand(comparator)?,
        Scheme::RubyGems => rubygems::shorthand(comparator)?,
        Scheme::Packagist => packagist::shorthand(comparator)?,
        _ => None,
    };
    match shorthand {
        Some(intervals) => Ok(intervals),
        None => plain(scheme, comparator),
    }
}

/// Finds what a comparator allows by order alone.
fn plain(scheme: Scheme, comparator: &Comparator<'_>) -> Result<Vec<Interval>, Reason> {
    let version = comparator.version;
    let owned = || version.to_owned();
    if version == "*" && matches!(comparator.operator, "" | "=" | "==" | ">=") {
        return Ok(vec![Interval::all()]);
    }
    Ok(match comparator.operator {
        "" if scheme == Scheme::NuGet => vec![Interval::from(Bound::Inclusive(owned()))],
        "" | "=" | "==" | "===" => vec![Interval::only(version)],
        ">" | ">>" => vec![Interval::from(Bound::Exclusive(owned()))],
        ">=" => vec![Interval::from(Bound::Inclusive(owned()))],
        "<" | "<<" => vec![Interval::until(Bound::Exclusive(owned()))],
        "<=" => vec![Interval::until(Bound::Inclusive(owned()))],
        "!=" | "<>" => without(Interval::only(version)),
        _ => {
            return Err(Reason::Unexpected {
                offset: comparator.offset,
                expected: "a version behind an operator this ecosystem has",
            });
        }
    })
}

/// Leaves out an interval from all versions.
fn without(interval: Interval) -> Vec<Interval> {
    let mut kept = Vec::new();
    match interval.lower {
        Bound::Unbounded => {}
        Bound::Inclusive(lower) => kept.push(Interval::until(Bound::Exclusive(lower))),
        Bound::Exclusive(lower) => kept.push(Interval::until(Bound::Inclusive(lower))),
    }
    match interval.upper {
        Bound::Unbounded => {}
        Bound::Inclusive(upper) => kept.push(Interval::from(Bound::Exclusive(upper))),
        Bound::Exclusive(upper) => kept.push(Interval::from(Bound::Inclusive(upper))),
    }
    kept
}

/// Finds what two lists of intervals have in common.
fn intersection(
    scheme: Scheme,
    first: &[Interval],
    second: &[Interval],
) -> Result<Vec<Interval>, Unreadable> {
    let mut common = Vec::new();
    for a in first {
        for b in second {
            let lower = narrower(scheme, &a.lower, &b.lower, Ordering::Greater)?;
            let upper = narrower(scheme, &a.upper, &b.upper, Ordering::Less)?;
            let interval = Interval {
                lower: lower.clone(),
                upper: upper.clone(),
            };
            if !is_empty(scheme, &interval)? {
                common.push(interval);
            }
        }
    }
    Ok(common)
}

/// Chooses the bound that allows less: of two lower bounds the greater, of two upper ones the lesser.
fn narrower<'a>(
    scheme: Scheme,
    a: &'a Bound,
    b: &'a Bound,
    wanted: Ordering,
) -> Result<&'a Bound, Unreadable> {
    Ok(match (a, b) {
        (Bound::Unbounded, other) | (other, Bound::Unbounded) => other,
        (
            Bound::Inclusive(a_version) | Bound::Exclusive(a_version),
            Bound::Inclusive(b_version) | Bound::Exclusive(b_version),
        ) => {
            let order = between_bounds(scheme, a_version, b_version)?;
            let a_is_narrower =
                order == wanted || (order.is_eq() && matches!(a, Bound::Exclusive(_)));
            if a_is_narrower { a } else { b }
        }
    })
}

fn is_empty(scheme: Scheme, interval: &Interval) -> Result<bool, Unreadable> {
    let (lower, upper, closed) = match (&interval.lower, &interval.upper) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => return Ok(false),
        (Bound::Inclusive(lower), Bound::Inclusive(upper)) => (lower, upper, true),
        (
            Bound::Inclusive(lower) | Bound::Exclusive(lower),
            Bound::Inclusive(upper) | Bound::Exclusive(upper),
        ) => (lower, upper, false),
    };
    let order = between_bounds(scheme, lower, upper)?;
    Ok(order.is_gt() || (order.is_eq() && !closed))
}

fn between_bounds(scheme: Scheme, a: &str, b: &str) -> Result<Ordering, Unreadable> {
    match scheme {
        Scheme::Packagist => beside_bound(scheme, a, b),
        _ => crate::compare(scheme, a, b),
    }
}
