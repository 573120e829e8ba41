//! Order of Debian versions: `[epoch:]upstream[-revision]`, as `dpkg --compare-versions` decides it.
//!
//! Source: Debian Policy 5.6.12 and deb-version(7). What `dpkg` only warns about (a version that does not begin with a
//! digit, odd characters) is read here as `dpkg` goes on to read it; what it refuses is refused.
//!
//! A part is read as *text, number, text, number …*. Within text `~` sorts before the end, the end before letters, and
//! letters before everything else. An absent number is zero, so `1.` equals `1.0`; an absent revision is the empty part,
//! which equals `0`.

use std::cmp::Ordering;

use crate::token::{self, Token};
use crate::unreadable::Reason;

const EPOCH: u8 = 1;
/// The end of a text with the number behind it, and the end of a part. The two never stand at one position: behind a
/// number comes text or the end, and text never begins with a digit.
const END: u8 = 2;

/// The largest epoch `dpkg` reads: it keeps it in a C `int`.
const LARGEST_EPOCH: u64 = i32::MAX as u64;

/// Where each byte of text sorts.
///
/// `dpkg` weighs a letter by its code and anything else by its code plus 256. Its bytes are signed, so a byte beyond
/// ASCII falls between the two; that is kept, since packages with such versions would otherwise be ordered differently
/// here and on the host.
const WEIGHT: [u8; 256] = weights();

const fn weights() -> [u8; 256] {
    // A digit ends text, and weighs what the end does.
    let mut weights = [END; 256];
    weights[b'~' as usize] = 1;
    let mut next = END + 1;
    let mut group = 0;
    while group < 3 {
        let mut byte: usize = 1;
        while byte < 256 {
            let code = byte as u8;
            let belongs = match group {
                0 => code.is_ascii_alphabetic(),
                1 => !code.is_ascii(),
                _ => code.is_ascii() && !code.is_ascii_alphanumeric() && code != b'~',
            };
            if belongs {
                weights[byte] = next;
                next += 1;
            }
            byte += 1;
        }
        group += 1;
    }
    weights
}

pub(crate) fn read(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    let parts = Parts::split(version)?;
    Ok(std::iter::once(Token::number(EPOCH, parts.epoch))
        .chain(Part::new(parts.upstream))
        .chain(Part::new(parts.revision)))
}

/// Compares two versions part by part, character by character, without making tokens.
#[inline]
pub(crate) fn compare(a: Parts<'_>, b: Parts<'_>) -> Ordering {
    token::compare_numbers(a.epoch, b.epoch)
        .then_with(|| compare_parts(a.upstream, b.upstream))
        .then_with(|| compare_parts(a.revision, b.revision))
}

#[inline]
fn compare_parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let weight = |byte: &u8| WEIGHT[usize::from(*byte)];
    loop {
        loop {
            let (a_weight, b_weight) =
                (a.first().map_or(END, weight), b.first().map_or(END, weight));
            if a_weight != b_weight {
                return a_weight.cmp(&b_weight);
            }
            if a_weight == END {
                break;
            }
            (a, b) = (
                a.get(1..).unwrap_or_default(),
                b.get(1..).unwrap_or_default(),
            );
        }
        let ((a_number, a_rest), (b_number, b_rest)) =
            (token::take_digits(a), token::take_digits(b));
        match token::compare_numbers(a_number, b_number) {
            Ordering::Equal if a_rest.is_empty() && b_rest.is_empty() => return Ordering::Equal,
            Ordering::Equal => (a, b) = (a_rest, b_rest),
            decided => return decided,
        }
    }
}

/// Holds the three parts of a version; an absent epoch or revision is empty.
pub(crate) struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    #[inline]
    pub(crate) fn split(version: &'a str) -> Result<Self, Reason> {
        let bytes = version.as_bytes();
        let start = bytes
            .iter()
            .position(|byte| !is_space(byte))
            .ok_or(Reason::Empty)?;
        let end = bytes
            .iter()
            .rposition(|byte| !is_space(byte))
            .map_or(start, |last| last + 1);
        let trimmed = bytes.get(start..end).unwrap_or_default();
        let mut colon = None;
        for (offset, byte) in trimmed.iter().enumerate() {
            if is_space(byte) {
                return Err(Reason::Unexpected {
                    offset: start + offset,
                    expected: "anything but white space",
                });
            }
            if *byte == b':' && colon.is_none() {
                colon = Some(offset);
            }
        }
        let (epoch, rest, rest_start) = match colon {
            Some(colon) => {
                let (epoch, rest) = trimmed.split_at(colon);
                (
                    read_epoch(epoch, start)?,
                    rest.get(1..).unwrap_or_default(),
                    start + colon + 1,
                )
            }
            None => (&[][..], trimmed, start),
        };
        if rest.is_empty() {
            return Err(Reason::Unexpected {
                offset: rest_start,
                expected: "a version behind the epoch",
            });
        }
        let (upstream, revision) = match rest.iter().rposition(|&byte| byte == b'-') {
            Some(hyphen) => {
                let (upstream, revision) = rest.split_at(hyphen);
                let revision = revision.get(1..).unwrap_or_default();
                if revision.is_empty() {
                    let offset = rest_start + hyphen + 1;
                    return Err(Reason::Unexpected {
                        offset,
                        expected: "a revision behind the hyphen",
                    });
                }
                (upstream, revision)
            }
            None => (rest, &[][..]),
        };
        if upstream.is_empty() {
            return Err(Reason::Unexpected {
                offset: rest_start,
                expected: "an upstream version",
            });
        }
        Ok(Parts {
            epoch,
            upstream,
            revision,
        })
    }
}

/// Reads an epoch as C's `strtol` does, which takes a sign.
fn read_epoch(epoch: &[u8], offset: usize) -> Result<&[u8], Reason> {
    let (digits, negative) = match epoch {
        [b'+', digits @ ..] => (digits, false),
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Unexpected {
            offset,
            expected: "a number as the epoch",
        });
    }
    let significant = token::without_leading_zeros(digits);
    if negative && !significant.is_empty() {
        return Err(Reason::Unexpected {
            offset,
            expected: "an epoch that is not negative",
        });
    }
    let value = significant.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    match value {
        Some(value) if value <= LARGEST_EPOCH => Ok(significant),
        _ => Err(Reason::TooLarge {
            offset,
            limit: LARGEST_EPOCH,
        }),
    }
}

fn is_space(byte: &u8) -> bool {
    *byte == b' ' || (b'\t'..=b'\r').contains(byte)
}

/// Yields the tokens of one part: each character of text by its weight, each number, and the end.
struct Part<'a> {
    rest: &'a [u8],
    behind_number: bool,
    ended: bool,
}

impl<'a> Part<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Part {
            rest,
            behind_number: false,
            ended: false,
        }
    }
}

impl<'a> Iterator for Part<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        if self.ended {
            return None;
        }
        match self.rest {
            [] if self.behind_number => {
                self.ended = true;
                Some(Token::mark(END))
            }
            [byte, rest @ ..] if !byte.is_ascii_digit() => {
                self.rest = rest;
                self.behind_number = false;
                Some(Token::mark(WEIGHT[usize::from(*byte)]))
            }
            _ => {
                let (digits, rest) = token::take_digits(self.rest);
                self.rest = rest;
                self.behind_number = true;
                // The end of text and the number behind it are one token: text that goes on, and `~` above all, is
                // compared with the end, never with the number.
                Some(Token::number(END, digits))
            }
        }
    }
}
