//! Order of Arch Linux versions: `[epoch:]version[-release]`, as `vercmp` decides it.
//!
//! Source: vercmp(8) and the behaviour of `alpm_pkg_vercmp`. It began as `rpmvercmp` and went its own way: `~` and `^` are
//! mere separators, the *number* of separators counts (`1..1` is after `1.1`), and letters directly behind a number make a
//! version older (`1.0rc1` is before `1.0`).
//!
//! # Traps
//!
//! `vercmp` is no strict order, and two of its answers cannot be kept in sorted data:
//!
//! - A version without a release equals the same version with *any* release. Here it comes before them all, as in RPM.
//!   Arch's packages and advisories always name one.
//! - A version that ends in a separator (`1.`) comes after letters and before numbers, however many separators precede
//!   those, while more separators come after fewer; that runs in a circle. Here it has one place: behind one separator
//!   and letters, before one separator and a number. Versions that differ from `vercmp` by this do not exist in Arch.

use std::cmp::Ordering;

use crate::rpm::Parts;
use crate::token::{self, Token, Value};
use crate::unreadable::Reason;

const EPOCH: u8 = 1;

// What can follow a segment, in order. The first of a version follows the beginning in the same way.
const LETTERS_AT_ONCE: u8 = 1;
const END: u8 = 2;
const NUMBER_AT_ONCE: u8 = 3;
const LETTERS_BEHIND_ONE: u8 = 4;
const END_BEHIND_SEPARATORS: u8 = 5;
const NUMBER_BEHIND_ONE: u8 = 6;
const BEHIND_SEVERAL: u8 = 7;

// What stands behind several separators, once their number is equal.
const LETTERS: u8 = 1;
const NUMBER: u8 = 2;

const NO_RELEASE: u8 = 1;
const RELEASE: u8 = 2;

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
        let ((a_step, a_rest), (b_step, b_rest)) = (Step::take(a), Step::take(b));
        let order = a_step.class.cmp(&b_step.class).then_with(|| {
            a_step
                .separators
                .cmp(&b_step.separators)
                .then(a_step.number.cmp(&b_step.number))
                .then_with(|| {
                    if a_step.number {
                        token::compare_numbers(a_step.segment, b_step.segment)
                    } else {
                        token::compare_bytes(a_step.segment, b_step.segment)
                    }
                })
        });
        if order.is_ne() || a_step.is_end() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// Holds a segment with what separates it from the one before.
struct Step<'a> {
    class: u8,
    /// How many separators precede it, if that decides anything; zero where the class says it.
    separators: u16,
    number: bool,
    segment: &'a [u8],
}

impl<'a> Step<'a> {
    #[inline]
    fn take(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let (separators, start) = token::take_while(bytes, |byte| !byte.is_ascii_alphanumeric());
        let Some(first) = start.first() else {
            let class = if separators.is_empty() {
                END
            } else {
                END_BEHIND_SEPARATORS
            };
            return (
                Step {
                    class,
                    separators: 0,
                    number: false,
                    segment: &[],
                },
                &[],
            );
        };
        let number = first.is_ascii_digit();
        let (segment, rest) = if number {
            token::take_digits(start)
        } else {
            token::take_while(start, u8::is_ascii_alphabetic)
        };
        let (class, separators) = match separators.len() {
            0 => (
                if number {
                    NUMBER_AT_ONCE
                } else {
                    LETTERS_AT_ONCE
                },
                0,
            ),
            1 => (
                if number {
                    NUMBER_BEHIND_ONE
                } else {
                    LETTERS_BEHIND_ONE
                },
                0,
            ),
            several => (BEHIND_SEVERAL, token::saturating_count(several)),
        };
        (
            Step {
                class,
                separators,
                number,
                segment,
            },
            rest,
        )
    }

    fn is_end(&self) -> bool {
        matches!(self.class, END | END_BEHIND_SEPARATORS)
    }

    fn segment_token(&self, class_of_number: u8, class_of_letters: u8) -> Token<'a> {
        if self.number {
            Token::number(class_of_number, self.segment)
        } else {
            Token::text(class_of_letters, self.segment)
        }
    }
}

/// Yields the segments of one part with what separates them, then the end.
struct Segments<'a> {
    rest: &'a [u8],
    held: Option<Token<'a>>,
    ended: bool,
}

impl<'a> Segments<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Segments {
            rest,
            held: None,
            ended: false,
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        if self.ended {
            return None;
        }
        let (step, rest) = Step::take(self.rest);
        self.rest = rest;
        self.ended = step.is_end();
        Some(match step.class {
            END | END_BEHIND_SEPARATORS => Token::mark(step.class),
            BEHIND_SEVERAL => {
                self.held = Some(step.segment_token(NUMBER, LETTERS));
                Token {
                    class: BEHIND_SEVERAL,
                    value: Value::Ascending(step.separators),
                }
            }
            class => step.segment_token(class, class),
        })
    }
}
