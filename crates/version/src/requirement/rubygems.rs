//! The shorthand of RubyGems: `~> 1.2.3`, at least that and before the next of the number before last.
//!
//! Source: the documentation of `Gem::Requirement`. The upper end is written `1.3.a`, as Ruby's own guides do, so that the
//! prereleases of `1.3` stay out.

use super::numbers::Numbers;
use super::{Comparator, Interval};
use crate::unreadable::Reason;

pub(super) fn shorthand(comparator: &Comparator<'_>) -> Result<Option<Vec<Interval>>, Reason> {
    if comparator.operator != "~>" {
        return Ok(None);
    }
    let numbers = Numbers::read(comparator.version);
    let count = numbers.given.len();
    if count == 0 || numbers.wildcard {
        return Err(Reason::Unexpected {
            offset: comparator.offset,
            expected: "a version behind ~>",
        });
    }
    let upper = numbers.raised(count.saturating_sub(2), 0) + ".a";
    Ok(Some(vec![Interval::between(
        comparator.version.to_owned(),
        upper,
    )]))
}
