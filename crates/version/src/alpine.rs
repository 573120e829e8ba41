//! Order of Alpine versions: `number{.number}…{letter}{_suffix{number}}…{~hash}{-r number}`, as `apk version -t` decides.
//!
//! Source: apk-package(5). Wolfi and Chainguard use the same. Versions are compared token by token; where the kinds of
//! token differ, the kind decides, and a suffix that marks something unfinished (`_alpha`, `_beta`, `_pre`, `_rc`) loses
//! against everything.
//!
//! # Traps
//!
//! - A number behind a dot that begins with `0` is compared as text (`1.06` is before `1.5`), the first number never is.
//! - apk 2 and apk 3 disagree about invalid versions. As the public vectors ask, an invalid rest ends the version and is
//!   lower than a proper end, an empty number (`0..1`) is lower than a proper end but reading goes on behind it, and digits
//!   may follow the letter (`1.9.5p2`).
//! - `1` is before `1-r0`. Advisories that leave out the revision mean the upstream version.

use crate::token::{self, Token};
use crate::unreadable::Reason;

// Kinds of token, in the order that decides where kinds differ.
const ALPHA: u8 = 1;
const BETA: u8 = 2;
const PRE: u8 = 3;
const RC: u8 = 4;
const INVALID: u8 = 5;
const EMPTY_NUMBER: u8 = 6;
const END: u8 = 7;
const REVISION: u8 = 8;
const HASH: u8 = 9;
const SUFFIX_NUMBER: u8 = 10;
const CVS: u8 = 11;
const SVN: u8 = 12;
const GIT: u8 = 13;
const HG: u8 = 14;
const P: u8 = 15;
const LETTER: u8 = 16;
const ZERO_LED_NUMBER: u8 = 17;
const NUMBER: u8 = 18;
const FIRST_NUMBER: u8 = 19;

pub(crate) fn read(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    Ok(Tokens {
        rest: version.as_bytes(),
        state: State::Beginning,
    })
}

/// Says what was read last, in the order in which the grammar allows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Beginning,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
    Ended,
}

struct Tokens<'a> {
    rest: &'a [u8],
    state: State,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        match self.state {
            State::Beginning => return Some(self.first_number()),
            State::Ended => return None,
            _ => {}
        }
        Some(match self.rest {
            [] => self.end(END),
            [b'a'..=b'z', ..] if self.state <= State::Number => self.letter(),
            [b'.', rest @ ..] if self.state <= State::Number => {
                self.rest = rest;
                self.number()
            }
            [b'0'..=b'9', ..] if self.state == State::Letter => self.number(),
            [b'0'..=b'9', ..] if self.state == State::Suffix => {
                let digits = self.digits();
                self.state = State::SuffixNumber;
                Token::number(SUFFIX_NUMBER, digits)
            }
            [b'_', rest @ ..] if self.state <= State::SuffixNumber => self.suffix(rest),
            [b'~', rest @ ..] if self.state < State::Hash => self.hash(rest),
            [b'-', b'r', rest @ ..] if self.state < State::Revision => self.revision(rest),
            _ => self.end(INVALID),
        })
    }
}

impl<'a> Tokens<'a> {
    fn end(&mut self, class: u8) -> Token<'a> {
        self.state = State::Ended;
        Token::mark(class)
    }

    fn digits(&mut self) -> &'a [u8] {
        let (digits, rest) = token::take_digits(self.rest);
        self.rest = rest;
        digits
    }

    fn first_number(&mut self) -> Token<'a> {
        self.state = State::Number;
        match self.digits() {
            [] => Token::mark(EMPTY_NUMBER),
            digits => Token::number(FIRST_NUMBER, digits),
        }
    }

    fn number(&mut self) -> Token<'a> {
        self.state = State::Number;
        match self.digits() {
            [] => Token::mark(EMPTY_NUMBER),
            digits @ [b'0', ..] => Token::text(ZERO_LED_NUMBER, digits),
            digits => Token::number(NUMBER, digits),
        }
    }

    fn letter(&mut self) -> Token<'a> {
        let (letter, rest) = self.rest.split_at(1);
        self.rest = rest;
        self.state = State::Letter;
        Token::text(LETTER, letter)
    }

    fn suffix(&mut self, behind: &'a [u8]) -> Token<'a> {
        let (word, rest) = token::take_while(behind, u8::is_ascii_lowercase);
        self.rest = rest;
        self.state = State::Suffix;
        let class = match word {
            b"alpha" => ALPHA,
            b"beta" => BETA,
            b"pre" => PRE,
            b"rc" => RC,
            b"cvs" => CVS,
            b"svn" => SVN,
            b"git" => GIT,
            b"hg" => HG,
            b"p" => P,
            _ => return self.end(INVALID),
        };
        Token::mark(class)
    }

    fn hash(&mut self, behind: &'a [u8]) -> Token<'a> {
        let (hash, rest) = token::take_while(behind, u8::is_ascii_hexdigit);
        if hash.is_empty() {
            return self.end(INVALID);
        }
        self.rest = rest;
        self.state = State::Hash;
        Token::text(HASH, hash)
    }

    /// Reads the revision; `-r` alone is `-r0`, but `-r` that begins a word is no revision at all.
    fn revision(&mut self, behind: &'a [u8]) -> Token<'a> {
        if !matches!(behind, [] | [b'0'..=b'9' | b'-', ..]) {
            return self.end(INVALID);
        }
        self.rest = behind;
        let digits = self.digits();
        self.state = State::Revision;
        Token::number(REVISION, digits)
    }
}
