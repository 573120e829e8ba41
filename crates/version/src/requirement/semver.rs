//! The shorthands of npm, Cargo and others with semantic versions: `^1.2`, `~1.2.3`, `1.x`, `1.2 - 2.3`.
//!
//! Source: the ranges of node-semver and Cargo's "Specifying Dependencies". `-0` is the lowest prerelease there is, so an
//! upper end `2.0.0-0` leaves out all prereleases of `2.0.0`.

use super::numbers::Numbers;
use super::{Bound, Comparator, Interval, without};
use crate::Scheme;
use crate::unreadable::Reason;

/// How many numbers a whole version has.
const WHOLE: usize = 3;

pub(super) fn shorthand(
    scheme: Scheme,
    comparator: &Comparator<'_>,
) -> Result<Option<Vec<Interval>>, Reason> {
    let partial = read(comparator)?;
    let count = partial.given.len();
    if count == 0 {
        return anything_or_nothing(comparator).map(Some);
    }
    let whole = count >= WHOLE && !partial.wildcard;
    let series = || Interval::between(lower(&partial), before(&partial, count - 1));
    Ok(Some(vec![match comparator.operator {
        "^" => caret(&partial),
        "" if scheme == Scheme::Cargo && !partial.wildcard => caret(&partial),
        "~>" if scheme == Scheme::Semver => {
            Interval::between(lower(&partial), before(&partial, count.saturating_sub(2)))
        }
        "~" | "~>" => Interval::between(
            lower(&partial),
            before(&partial, count.saturating_sub(1).min(1)),
        ),
        "" | "=" | "==" if !whole => series(),
        "!=" if !whole => return Ok(Some(without(series()))),
        "<=" if !whole => Interval::until(Bound::Exclusive(before(&partial, count - 1))),
        ">" if !whole => Interval::from(Bound::Inclusive(partial.raised(count - 1, WHOLE))),
        "<" => Interval::until(Bound::Exclusive(lower(&partial))),
        ">=" => Interval::from(Bound::Inclusive(lower(&partial))),
        _ => return Ok(None),
    }]))
}

/// Reads NuGet's floating versions (`1.2.*`), which stand for a series.
pub(super) fn floating(comparator: &Comparator<'_>) -> Result<Option<Vec<Interval>>, Reason> {
    let partial = read(comparator)?;
    if !partial.wildcard || !comparator.operator.is_empty() {
        return Ok(None);
    }
    if partial.given.is_empty() {
        return Ok(Some(vec![Interval::all()]));
    }
    Ok(Some(vec![Interval::between(
        lower(&partial),
        before(&partial, partial.given.len() - 1),
    )]))
}

pub(super) fn hyphen_range(
    first: &Comparator<'_>,
    last: &Comparator<'_>,
) -> Result<Interval, Reason> {
    let (from, until) = (read(first)?, read(last)?);
    let lower = if from.given.is_empty() {
        Bound::Unbounded
    } else {
        Bound::Inclusive(lower(&from))
    };
    let upper = match until.given.len() {
        0 => Bound::Unbounded,
        count if count < WHOLE || until.wildcard => Bound::Exclusive(before(&until, count - 1)),
        _ => Bound::Inclusive(last.version.to_owned()),
    };
    Ok(Interval { lower, upper })
}

fn read<'a>(comparator: &Comparator<'a>) -> Result<Numbers<'a>, Reason> {
    let numbers = Numbers::read(comparator.version.trim_start_matches(['v', 'V', '=']));
    if numbers.given.is_empty() && !numbers.wildcard {
        return Err(Reason::Unexpected {
            offset: comparator.offset,
            expected: "a number or a wildcard",
        });
    }
    Ok(numbers)
}

/// Reads a comparator whose version is a wildcard alone.
fn anything_or_nothing(comparator: &Comparator<'_>) -> Result<Vec<Interval>, Reason> {
    match comparator.operator {
        "" | "=" | "==" | "^" | "~" | "~>" | ">=" | "<=" => Ok(vec![Interval::all()]),
        "<" | ">" | "!=" => Ok(Vec::new()),
        _ => Err(Reason::Unexpected {
            offset: comparator.offset,
            expected: "a version behind an operator this ecosystem has",
        }),
    }
}

fn caret(partial: &Numbers<'_>) -> Interval {
    Interval::between(lower(partial), before(partial, partial.leading()))
}

/// Fills up the numbers; what follows them counts only behind a whole version.
fn lower(partial: &Numbers<'_>) -> String {
    let rest = if partial.wildcard { "" } else { partial.rest };
    partial.filled(WHOLE) + rest
}

/// Makes the upper end that leaves the number at `index` as it is.
fn before(partial: &Numbers<'_>, index: usize) -> String {
    partial.raised(index, WHOLE) + "-0"
}
