//! The shorthands of Composer: `^1.2`, `~1.2`, `1.2.*`, `1.0 - 2.0`, and `@stability` behind a version.
//!
//! Source: "Versions and constraints" in Composer's documentation. `-dev` is the lowest of a version, so it makes the upper
//! end that leaves out the prereleases of the next.

use super::numbers::Numbers;
use super::{Bound, Comparator, Interval, plain, without};
use crate::Scheme;
use crate::unreadable::Reason;

/// How many numbers Composer fills every version up to.
const FILLED: usize = 4;

pub(super) fn shorthand(comparator: &Comparator<'_>) -> Result<Option<Vec<Interval>>, Reason> {
    let version = without_stability(comparator.version);
    if version.is_empty() {
        // A stability alone (`@dev`) says nothing about versions.
        return Ok(Some(vec![Interval::all()]));
    }
    let comparator = Comparator {
        version,
        ..*comparator
    };
    let numbers = read(version);
    let count = numbers.given.len();
    if count == 0 {
        return plain(Scheme::Packagist, &comparator).map(Some);
    }
    let lower = || numbers.filled(0) + if numbers.wildcard { "" } else { numbers.rest };
    let series = || Interval::between(numbers.filled(FILLED) + "-dev", before(&numbers, count - 1));
    Ok(Some(match comparator.operator {
        "^" => vec![Interval::between(
            lower(),
            before(&numbers, numbers.leading()),
        )],
        "~" | "~>" => vec![Interval::between(
            lower(),
            before(&numbers, count.saturating_sub(2)),
        )],
        "" | "=" | "==" if is_series(&numbers) => vec![series()],
        "!=" | "<>" if is_series(&numbers) => without(series()),
        _ => return plain(Scheme::Packagist, &comparator).map(Some),
    }))
}

pub(super) fn hyphen_range(
    first: &Comparator<'_>,
    last: &Comparator<'_>,
) -> Result<Interval, Reason> {
    let until = read(without_stability(last.version));
    let upper = match until.given.len() {
        count @ 1..=2 if until.rest.is_empty() => Bound::Exclusive(before(&until, count - 1)),
        _ => Bound::Inclusive(without_stability(last.version).to_owned()),
    };
    Ok(Interval {
        lower: Bound::Inclusive(without_stability(first.version).to_owned()),
        upper,
    })
}

fn read(version: &str) -> Numbers<'_> {
    Numbers::read(version.strip_prefix(['v', 'V']).unwrap_or(version))
}

/// Tells `1.2.*` from `1.x-dev`, which names a branch.
fn is_series(numbers: &Numbers<'_>) -> bool {
    numbers.wildcard && numbers.rest.is_empty()
}

fn without_stability(version: &str) -> &str {
    version.split('@').next().unwrap_or_default()
}

fn before(numbers: &Numbers<'_>, index: usize) -> String {
    numbers.raised(index, FILLED) + "-dev"
}
