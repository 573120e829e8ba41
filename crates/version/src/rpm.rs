//! Order of RPM versions: `[epoch:]version[-release]`, as `rpm.vercmp` decides it.
//!
//! Source: rpm-version(7) and the documented behaviour of `rpmvercmp` since 4.15 (tilde) and 4.16 (caret). Runs of digits
//! and runs of letters are compared one after another; what stands between them only separates, and two different
//! separators are equal (`2_0` equals `2.0`), and so are all characters beyond ASCII.
//!
//! # Traps
//!
//! - An absent epoch is zero. An advisory that leaves out the epoch of a package that has one (`bind` had 32) makes every
//!   installed version look newer. [`rpm_epoch`] tells absent from zero, so that matching can say so.
//! - An absent release is *lower* than any release, even an empty one: `1.2` is before `1.2-1`. A fixed version without a
//!   release must therefore be compared with the installed version without its release.
//! - The architecture is no part of a version. `1.2-3.x86_64` is read as a release `3.x86_64`.

use std::cmp::Ordering;

use crate::token::{self, Token};
use crate::unreadable::Reason;

const EPOCH: u8 = 1;

const TILDE: u8 = 1;
const END: u8 = 2;
const CARET: u8 = 3;
const LETTERS: u8 = 4;
const NUMBER: u8 = 5;

const NO_RELEASE: u8 = 1;
const RELEASE: u8 = 2;

/// Returns the epoch an RPM version names, or `None` when it names none.
///
/// Comparing takes an absent epoch as zero, as `rpm` does. Whoever matches advisories needs to know the difference:
/// some feeds leave epochs out. An epoch beyond 64 bits is given as the largest number there is.
#[must_use]
pub fn rpm_epoch(version: &str) -> Option<u64> {
    let (digits, rest) = token::take_digits(version.as_bytes());
    if rest.first() != Some(&b':') {
        return None;
    }
    Some(digits.iter().fold(0, |value: u64, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

pub(crate) fn read(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    let parts = Parts::split(version);
    Ok(std::iter::once(Token::number(EPOCH, parts.epoch))
        .chain(Segments::new(parts.version))
        .chain(std::iter::once(Token::mark(if parts.release.is_some() {
            RELEASE
        } else {
            NO_RELEASE
        })))
        .chain(parts.release.into_iter().flat_map(Segments::new)))
}

/// Compares two versions part by part, segment by segment, without making tokens.
#[inline]
pub(crate) fn compare(a: Parts<'_>, b: Parts<'_>) -> Ordering {
    a.compare_by(&b, compare_parts)
}

#[inline]
fn compare_parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let ((a_class, a_segment, a_rest), (b_class, b_segment, b_rest)) = (segment(a), segment(b));
        let order = match a_class {
            _ if a_class != b_class => return a_class.cmp(&b_class),
            END => return Ordering::Equal,
            NUMBER => token::compare_numbers(a_segment, b_segment),
            _ => token::compare_bytes(a_segment, b_segment),
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// Takes the next segment behind any separators: its class, the segment, and the rest.
#[inline]
fn segment(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (_, start) = token::take_while(bytes, |byte| {
        !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^')
    });
    match start {
        [] => (END, &[], &[]),
        [b'~', rest @ ..] => (TILDE, &[], rest),
        [b'^', rest @ ..] => (CARET, &[], rest),
        [b'0'..=b'9', ..] => {
            let (digits, rest) = token::take_digits(start);
            (NUMBER, digits, rest)
        }
        _ => {
            let (letters, rest) = token::take_while(start, u8::is_ascii_alphabetic);
            (LETTERS, letters, rest)
        }
    }
}

/// Holds the three parts of a version, split as both `rpm` and `alpm` split them.
pub(crate) struct Parts<'a> {
    pub(crate) epoch: &'a [u8],
    pub(crate) version: &'a [u8],
    pub(crate) release: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Splits at the first colon, if only digits precede it, and at the last hyphen.
    pub(crate) fn split(version: &'a str) -> Self {
        let bytes = version.as_bytes();
        let (digits, behind) = token::take_digits(bytes);
        let (epoch, rest) = match behind {
            [b':', rest @ ..] => (digits, rest),
            _ => (&[][..], bytes),
        };
        match rest.iter().rposition(|&byte| byte == b'-') {
            Some(hyphen) => {
                let (version, release) = rest.split_at(hyphen);
                Parts {
                    epoch,
                    version,
                    release: release.get(1..),
                }
            }
            None => Parts {
                epoch,
                version: rest,
                release: None,
            },
        }
    }

    /// Compares part by part; an absent release comes before any.
    #[inline]
    pub(crate) fn compare_by(
        &self,
        other: &Parts<'_>,
        compare: impl Fn(&[u8], &[u8]) -> Ordering,
    ) -> Ordering {
        token::compare_numbers(self.epoch, other.epoch)
            .then_with(|| compare(self.version, other.version))
            .then_with(|| match (self.release, other.release) {
                (Some(release), Some(other)) => compare(release, other),
                (release, other) => release.is_some().cmp(&other.is_some()),
            })
    }
}

/// Yields the segments of one part, then its end.
struct Segments<'a> {
    rest: &'a [u8],
    ended: bool,
}

impl<'a> Segments<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Segments { rest, ended: false }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        if self.ended {
            return None;
        }
        let (class, segment, rest) = segment(self.rest);
        self.rest = rest;
        self.ended = class == END;
        Some(match class {
            NUMBER => Token::number(class, segment),
            LETTERS => Token::text(class, segment),
            _ => Token::mark(class),
        })
    }
}
