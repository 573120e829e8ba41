//! Order of plain dotted numbers: Haskell, R, and whatever has no rules of its own.
//!
//! Sources: the Haskell Package Versioning Policy (a list of numbers, compared as lists) and R's `numeric_version` (the
//! same, with hyphens as separators too). In both, the shorter of two equal beginnings comes first: `1.0` is before
//! `1.0.0`.
//!
//! `Generic` is for feeds that name no ecosystem. There a zero at the end says nothing (`2.0` equals `2.0.0`), since the
//! two spellings of such a feed are by different people; words sort before numbers and after the end. Only its equality
//! and its plain numbers should decide anything without a person looking.

use crate::token::{self, Token};
use crate::unreadable::Reason;

const END: u8 = 1;
const WORD: u8 = 2;
const NUMBER: u8 = 3;

pub(crate) fn read_hackage(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    numbers(version, |byte| byte == b'.')
}

pub(crate) fn read_cran(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    numbers(version, |byte| matches!(byte, b'.' | b'-'))
}

fn numbers(
    version: &str,
    separates: fn(u8) -> bool,
) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    let mut digit_wanted = true;
    for (offset, byte) in version.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => digit_wanted = false,
            byte if separates(byte) && !digit_wanted => digit_wanted = true,
            _ => {
                return Err(Reason::Unexpected {
                    offset,
                    expected: "a number",
                });
            }
        }
    }
    if digit_wanted {
        return Err(Reason::Unexpected {
            offset: version.len(),
            expected: "a number",
        });
    }
    Ok(version
        .as_bytes()
        .split(move |&byte| separates(byte))
        .map(|digits| Token::number(NUMBER, digits))
        .chain(std::iter::once(Token::mark(END))))
}

pub(crate) fn read_generic(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    let trimmed = version.trim_ascii();
    let bytes = match trimmed.as_bytes() {
        [b'v' | b'V', rest @ ..] if matches!(rest, [b'0'..=b'9', ..]) => rest,
        bytes => bytes,
    };
    if !bytes.iter().any(is_of_a_word) {
        return Err(Reason::Unexpected {
            offset: 0,
            expected: "a number or a word somewhere",
        });
    }
    Ok(Runs {
        rest: without_zeros_at_the_end(bytes),
        ended: false,
    })
}

fn is_of_a_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Cuts off numbers at the end that are zero, with what separates them.
fn without_zeros_at_the_end(mut bytes: &[u8]) -> &[u8] {
    loop {
        let end = bytes
            .iter()
            .rposition(is_of_a_word)
            .map_or(0, |last| last + 1);
        let kept = bytes.get(..end).unwrap_or_default();
        let start = kept
            .iter()
            .rposition(|byte| !byte.is_ascii_digit())
            .map_or(0, |last| last + 1);
        let (before, number) = kept.split_at(start);
        let directly_behind_a_word = before.last().is_some_and(is_of_a_word);
        if start == 0
            || directly_behind_a_word
            || number.is_empty()
            || number.iter().any(|&digit| digit != b'0')
        {
            return kept;
        }
        bytes = before;
    }
}

/// Yields runs of digits and of anything else that is no separator, then the end.
struct Runs<'a> {
    rest: &'a [u8],
    ended: bool,
}

impl<'a> Iterator for Runs<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.ended {
            return None;
        }
        let (_, start) = token::take_while(self.rest, |byte| !is_of_a_word(byte));
        let Some(first) = start.first() else {
            self.ended = true;
            return Some(Token::mark(END));
        };
        let (token, rest) = if first.is_ascii_digit() {
            let (digits, rest) = token::take_digits(start);
            (Token::number(NUMBER, digits), rest)
        } else {
            let (word, rest) =
                token::take_while(start, |byte| is_of_a_word(byte) && !byte.is_ascii_digit());
            (Token::folded(WORD, word), rest)
        };
        self.rest = rest;
        Some(token)
    }
}
