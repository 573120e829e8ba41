//! Order of Ruby gem versions, as `Gem::Version` decides it.
//!
//! Source: the documentation of `Gem::Version`. A version is a list of numbers and words (`1.0.a10` is 1, 0, `a`, 10; a
//! hyphen means `.pre.`), any word is lower than any number, and what is missing is zero for ever. So *every* word makes
//! a version a prerelease, also `1.0.patch1`: that is the trap, and it is what `gem` does.
//!
//! Zeros before the first word and at the end do not count: `1.0.a` is `1.a`.

use crate::token::{self, Token, Value};
use crate::unreadable::Reason;

// How a list goes on after some zeros. The end is zeros for ever, so a word behind few zeros is lower than one behind
// many and both are lower than the end, and a number behind few zeros is higher than one behind many.
const WORD_BEHIND_ZEROS: u8 = 1;
const END: u8 = 2;
const NUMBER_BEHIND_ZEROS: u8 = 3;

const WORD: u8 = 1;
const NUMBER: u8 = 1;

pub(crate) fn read(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    let mut boundary = true;
    for (offset, byte) in version.bytes().enumerate() {
        let fits = match byte {
            b'0'..=b'9' => true,
            b'a'..=b'z' | b'A'..=b'Z' => offset > 0,
            b'.' | b'-' => !boundary,
            _ => false,
        };
        if !fits {
            return Err(Reason::Unexpected {
                offset,
                expected: if offset == 0 {
                    "a digit"
                } else {
                    "a letter or a digit"
                },
            });
        }
        boundary = matches!(byte, b'.' | b'-');
    }
    if boundary {
        return Err(Reason::Unexpected {
            offset: version.len(),
            expected: "a letter or a digit",
        });
    }
    Ok(Tokens {
        rest: version.as_bytes(),
        held: None,
        word_seen: false,
        ended: false,
    })
}

struct Tokens<'a> {
    rest: &'a [u8],
    held: Option<Token<'a>>,
    word_seen: bool,
    ended: bool,
}

enum Segment<'a> {
    Word(&'a [u8]),
    Number(&'a [u8]),
}

impl<'a> Tokens<'a> {
    fn segment(&mut self) -> Option<Segment<'a>> {
        if let [b'.', rest @ ..] = self.rest {
            self.rest = rest;
        }
        match self.rest {
            [] => None,
            [b'-', rest @ ..] => {
                self.rest = rest;
                Some(Segment::Word(b"pre"))
            }
            [byte, ..] if byte.is_ascii_digit() => {
                let (digits, rest) = token::take_digits(self.rest);
                self.rest = rest;
                Some(Segment::Number(token::without_leading_zeros(digits)))
            }
            _ => {
                let (word, rest) = token::take_while(self.rest, u8::is_ascii_alphabetic);
                self.rest = rest;
                Some(Segment::Word(word))
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        if self.ended {
            return None;
        }
        let mut zeros = 0;
        loop {
            match self.segment() {
                None => {
                    self.ended = true;
                    return Some(Token::mark(END));
                }
                Some(Segment::Number([])) => zeros += 1,
                Some(Segment::Number(digits)) => {
                    self.held = Some(Token::number(NUMBER, digits));
                    let value = Value::Descending(token::saturating_count(zeros));
                    return Some(Token {
                        class: NUMBER_BEHIND_ZEROS,
                        value,
                    });
                }
                Some(Segment::Word(word)) => {
                    let counted = if self.word_seen { zeros } else { 0 };
                    self.word_seen = true;
                    self.held = Some(Token::text(WORD, word));
                    let value = Value::Ascending(token::saturating_count(counted));
                    return Some(Token {
                        class: WORD_BEHIND_ZEROS,
                        value,
                    });
                }
            }
        }
    }
}
