//! Order of Composer packages: PHP's `version_compare`, with the words Composer knows.
//!
//! Source: the PHP manual on `version_compare`, and Composer's documentation on versions. A version is cut at every
//! separator and wherever digits meet letters; then unknown word < `dev` < `alpha` < `beta` < `RC` < the end < a number <
//! `pl`. Words are read whatever their case, `patch` is `pl`, `x` is a number above all real ones (`2.x-dev`), and build
//! metadata behind `+` decides nothing: so Composer has it.
//!
//! # Traps
//!
//! - `1.0` is before `1.0.0` here, as `version_compare` and the public vectors have it. Composer fills both up to four
//!   numbers before it asks; [`crate::Interval::contains`] does so too.
//! - `#` stands for any number, so `1.#` equals `1.2` and `1.3`. [`compare`] follows, and no key can be made.

use std::cmp::Ordering;

use crate::token::{self, Token};
use crate::unreadable::Reason;

const UNKNOWN: u8 = 1;
const DEV: u8 = 2;
const ALPHA: u8 = 3;
const BETA: u8 = 4;
const RC: u8 = 5;
const END: u8 = 6;
const NUMBER: u8 = 7;
const PATCH: u8 = 8;

/// `#`; its class is never compared, since [`compare`] lets it equal any number and the end.
const ANY_NUMBER: u8 = 9;

/// What Composer puts for `x` and `*`.
const ABOVE_ALL: &[u8] = b"9999999";

pub(crate) fn read(version: &str) -> Result<Elements<'_>, Reason> {
    let trimmed = version.trim_ascii();
    let bytes = match trimmed.as_bytes() {
        [b'v' | b'V', rest @ ..] if matches!(rest, [b'0'..=b'9', ..]) => rest,
        bytes => bytes,
    };
    let (bytes, _) = token::take_while(bytes, |&byte| byte != b'+');
    if !bytes.iter().any(is_of_an_element) {
        return Err(Reason::Unexpected {
            offset: 0,
            expected: "a number or a word somewhere",
        });
    }
    Ok(Elements {
        rest: bytes,
        ended: false,
    })
}

/// Compares two versions element by element; a `#` equals whatever number or end it meets.
pub(crate) fn compare(a: Elements<'_>, b: Elements<'_>) -> Ordering {
    if !a.rest.contains(&b'#') && !b.rest.contains(&b'#') {
        return token::compare(a, b);
    }
    // Behind its end a version meets the rest of the other with an end each time, as `version_compare` does.
    let end = std::iter::repeat(Token::mark(END));
    for (a, b) in a.chain(end.clone()).zip(b.chain(end)) {
        if a.class == END && b.class == END {
            break;
        }
        let wild = a.class == ANY_NUMBER || b.class == ANY_NUMBER;
        let (a, b) = (as_met(a, wild), as_met(b, wild));
        match token::compare(std::iter::once(a), std::iter::once(b)) {
            Ordering::Equal => {}
            decided => return decided,
        }
    }
    Ordering::Equal
}

/// Makes an element what it counts as beside a `#`: numbers, the end and `#` itself are all one.
fn as_met(token: Token<'_>, wild: bool) -> Token<'_> {
    match token.class {
        NUMBER | END | ANY_NUMBER if wild => Token::mark(END),
        _ => token,
    }
}

/// Refuses a version that has a `#`, since its place depends on what it is compared with.
pub(crate) fn refuse_wildcard(version: &str) -> Result<(), Reason> {
    let end = version.find('+').unwrap_or(version.len());
    match version.get(..end).unwrap_or_default().find('#') {
        Some(offset) => Err(Reason::NoTotalOrder { offset }),
        None => Ok(()),
    }
}

/// Fills the numbers of a version up to four with zeros, as Composer does before it compares.
pub(crate) fn filled(version: &str) -> String {
    let version = version.trim_ascii();
    let version = match version.as_bytes() {
        [b'v' | b'V', b'0'..=b'9', ..] => version.get(1..).unwrap_or_default(),
        _ => version,
    };
    let length = version
        .bytes()
        .position(|byte| !byte.is_ascii_digit() && byte != b'.')
        .unwrap_or(version.len());
    let (numbers, rest) = version.split_at(length);
    let numbers = numbers.trim_end_matches('.');
    if numbers.is_empty() {
        return version.to_owned();
    }
    let missing = 4_usize.saturating_sub(numbers.split('.').count());
    let mut filled = numbers.to_owned();
    for _ in 0..missing {
        filled.push_str(".0");
    }
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        filled.push('-');
    }
    filled.push_str(rest);
    filled
}

fn is_of_an_element(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'#'
}

/// Yields the elements of a version, then the end.
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    ended: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.ended {
            return None;
        }
        let (_, start) = token::take_while(self.rest, |byte| !is_of_an_element(byte));
        let (element, rest) = match start {
            [] => {
                self.ended = true;
                return Some(Token::mark(END));
            }
            [b'#', ..] => start.split_at(1),
            [byte, ..] if byte.is_ascii_digit() => token::take_digits(start),
            _ => token::take_while(start, u8::is_ascii_alphabetic),
        };
        self.rest = rest;
        Some(match element {
            b"#" => Token::mark(ANY_NUMBER),
            [b'0'..=b'9', ..] => Token::number(NUMBER, element),
            word => word_token(word),
        })
    }
}

/// Finds what a word stands for; `version_compare` calls all unknown words equal.
fn word_token(word: &[u8]) -> Token<'_> {
    const WORDS: &[(&[u8], u8)] = &[
        (b"dev", DEV),
        (b"alpha", ALPHA),
        (b"a", ALPHA),
        (b"beta", BETA),
        (b"b", BETA),
        (b"rc", RC),
        (b"c", RC),
        (b"pl", PATCH),
        (b"p", PATCH),
        (b"patch", PATCH),
    ];
    if word.eq_ignore_ascii_case(b"x") {
        return Token::number(NUMBER, ABOVE_ALL);
    }
    let known = WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word));
    Token::mark(known.map_or(UNKNOWN, |&(_, class)| class))
}
