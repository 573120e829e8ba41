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
        .chain(std::iter::once(Token::mark(if parts.release.is_some() { RELEASE } else { NO_RELEASE })))
        .chain(parts.release.into_iter().flat_map(Segments::new)))
}

/// Yields the segments of one part with what separates them, then the end.
struct Segments<'a> {
    rest: &'a [u8],
    held: Option<Token<'a>>,
    ended: bool,
}

impl<'a> Segments<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Segments { rest, held: None, ended: false }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        if self.ended {
            return None;
        }
        let (separators, start) = token::take_while(self.rest, |byte| !byte.is_ascii_alphanumeric());
        let Some(first) = start.first() else {
            self.ended = true;
            return Some(Token::mark(if separators.is_empty() { END } else { END_BEHIND_SEPARATORS }));
        };
        let number = first.is_ascii_digit();
        let (segment, rest) = if number {
            token::take_digits(start)
        } else {
            token::take_while(start, u8::is_ascii_alphabetic)
        };
        self.rest = rest;
        let make = |class_of_number, class_of_letters| {
            if number { Token::number(class_of_number, segment) } else { Token::text(class_of_letters, segment) }
        };
        Some(match separators.len() {
            0 => make(NUMBER_AT_ONCE, LETTERS_AT_ONCE),
            1 => make(NUMBER_BEHIND_ONE, LETTERS_BEHIND_ONE),
            several => {
                self.held = Some(make(NUMBER, LETTERS));
                Token { class: BEHIND_SEVERAL, value: Value::Ascending(token::saturating_count(several)) }
            }
        })
    }
}
