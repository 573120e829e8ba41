//! Order of Maven versions, as `ComparableVersion` and the Maven POM reference have it.
//!
//! Source: maven.apache.org/pom.html, "Version Order Specification". A version is cut at dots, hyphens and wherever
//! digits meet letters, which counts as a hyphen. Tokens that say nothing (`0`, `final`, `ga`, `release`) are dropped at
//! the end and before every hyphen. Then, position by position: known qualifiers in their order < the end < `sp` < unknown
//! qualifiers by alphabet < a number behind a hyphen < a number behind a dot.
//!
//! # Traps
//!
//! - `1-1` is *after* `1` but before `1.1`; `1-alpha-1` is before `1`, and `1-foo` after it.
//! - `a`, `b` and `m` mean alpha, beta and milestone only directly before a digit: `1a` is after `1`, `1a1` before.
//! - A dot before a qualifier counts as a hyphen here (`1.0.RC1` is `1-RC1`), as in Maven since 3.9; Maven 3.8 kept the
//!   zeros before it, which let `1.sp`, `1.0.alpha` and `1` run in a circle.
//! - Letters beyond ASCII keep their case.

use crate::token::{self, Token};
use crate::unreadable::Reason;

const ALPHA: u8 = 1;
const BETA: u8 = 2;
const MILESTONE: u8 = 3;
const RC: u8 = 4;
const SNAPSHOT: u8 = 5;
/// The end, and a qualifier that says nothing. Both may stand at one position: behind such a qualifier only numbers with
/// a dot follow, so the stream that ends here is the lower one, as it must be.
const END_OR_NOTHING: u8 = 6;
const SERVICE_PACK: u8 = 7;
const UNKNOWN: u8 = 8;
const NUMBER_BEHIND_HYPHEN: u8 = 9;
const NUMBER_BEHIND_DOT: u8 = 10;

pub(crate) fn read(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    Ok(Tokens {
        pieces: Pieces { rest: version.as_bytes(), hyphen: false, finished: false },
        first_null: None,
        zeros: 0,
        held: None,
        ended: false,
    })
}

/// Yields the pieces between separators as tokens, those that say nothing included.
struct Pieces<'a> {
    rest: &'a [u8],
    /// Whether a hyphen, or a meeting of digits and letters, stands before the next piece.
    hyphen: bool,
    finished: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.finished {
            return None;
        }
        let (piece, behind) = match self.rest {
            [b'0'..=b'9', ..] => token::take_digits(self.rest),
            _ => token::take_while(self.rest, |byte| !byte.is_ascii_digit() && !matches!(byte, b'.' | b'-')),
        };
        let number_class = if self.hyphen { NUMBER_BEHIND_HYPHEN } else { NUMBER_BEHIND_DOT };
        self.finished = behind.is_empty();
        self.hyphen = behind.first() != Some(&b'.');
        self.rest = match behind {
            [b'.' | b'-', rest @ ..] => rest,
            _ => behind,
        };
        Some(match piece {
            [] | [b'0'..=b'9', ..] => Token::number(number_class, piece),
            word => qualifier(word, matches!(behind, [b'0'..=b'9', ..])),
        })
    }
}

fn qualifier(word: &[u8], directly_before_digit: bool) -> Token<'_> {
    const WORDS: &[(&[u8], u8)] = &[
        (b"alpha", ALPHA),
        (b"beta", BETA),
        (b"milestone", MILESTONE),
        (b"rc", RC),
        (b"cr", RC),
        (b"snapshot", SNAPSHOT),
        (b"ga", END_OR_NOTHING),
        (b"final", END_OR_NOTHING),
        (b"release", END_OR_NOTHING),
        (b"sp", SERVICE_PACK),
    ];
    let known = match word {
        [b'a' | b'A'] if directly_before_digit => Some(ALPHA),
        [b'b' | b'B'] if directly_before_digit => Some(BETA),
        [b'm' | b'M'] if directly_before_digit => Some(MILESTONE),
        _ => WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|&(_, class)| class),
    };
    known.map_or_else(|| Token::folded(UNKNOWN, word), Token::mark)
}

/// Yields the tokens that count, then the end.
///
/// A run of tokens that say nothing is kept back until what follows is known: before a number with a dot it counts, before
/// anything else it is dropped. Within a run, one with a hyphen drops those before it, so that at most the first is no
/// zero with a dot.
struct Tokens<'a> {
    pieces: Pieces<'a>,
    first_null: Option<Token<'a>>,
    zeros: usize,
    held: Option<Token<'a>>,
    ended: bool,
}

impl<'a> Tokens<'a> {
    fn released(&mut self) -> Option<Token<'a>> {
        if let Some(first) = self.first_null.take() {
            return Some(first);
        }
        if self.zeros > 0 {
            self.zeros -= 1;
            return Some(Token::number(NUMBER_BEHIND_DOT, b""));
        }
        self.held.take()
    }

    fn keep_back(&mut self, null: Token<'a>) {
        if null.class == NUMBER_BEHIND_DOT && self.first_null.is_some() {
            self.zeros += 1;
        } else {
            self.first_null = Some(null);
            self.zeros = 0;
        }
    }
}

fn says_nothing(token: &Token<'_>) -> bool {
    token.class == END_OR_NOTHING || matches!(token.value, token::Value::Number([]))
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.held.is_some() {
            return self.released();
        }
        if self.ended {
            return None;
        }
        loop {
            let Some(token) = self.pieces.next() else {
                self.ended = true;
                return Some(Token::mark(END_OR_NOTHING));
            };
            if says_nothing(&token) {
                self.keep_back(token);
            } else if token.class == NUMBER_BEHIND_DOT && self.first_null.is_some() {
                self.held = Some(token);
                return self.released();
            } else {
                self.first_null = None;
                self.zeros = 0;
                return Some(token);
            }
        }
    }
}
