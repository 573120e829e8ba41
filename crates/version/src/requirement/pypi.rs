//! The shorthands of PEP 440: `~=1.4.2` and `==1.4.*`.
//!
//! Source: the version specifiers page of packaging.python.org. `.dev0` is the lowest version of a series, so it makes the
//! upper end that leaves out the next series' prereleases.

use super::numbers::Numbers;
use super::{Comparator, Interval, without};
use crate::unreadable::Reason;

pub(super) fn shorthand(comparator: &Comparator<'_>) -> Result<Option<Vec<Interval>>, Reason> {
    let version = comparator.version;
    let (epoch, public) = match version.trim_start_matches(['v', 'V']).split_once('!') {
        Some((epoch, public)) => (format!("{epoch}!"), public),
        None => (String::new(), version.trim_start_matches(['v', 'V'])),
    };
    let numbers = Numbers::read(public);
    let count = numbers.given.len();
    let refused = |expected| {
        Err(Reason::Unexpected {
            offset: comparator.offset,
            expected,
        })
    };
    match comparator.operator {
        "~=" if count < 2 => refused("a version of at least two numbers behind ~="),
        "~=" => {
            let upper = format!("{epoch}{}.dev0", numbers.raised(count - 2, 0));
            Ok(Some(vec![Interval::between(version.to_owned(), upper)]))
        }
        "" | "==" | "!=" if numbers.wildcard && count > 0 => {
            let lower = format!("{epoch}{}.dev0", numbers.filled(0));
            let upper = format!("{epoch}{}.dev0", numbers.raised(count - 1, 0));
            let series = Interval::between(lower, upper);
            Ok(Some(if comparator.operator == "!=" {
                without(series)
            } else {
                vec![series]
            }))
        }
        _ => Ok(None),
    }
}
