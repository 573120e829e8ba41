//! Order of semantic versions and their relatives: npm, Cargo, Go, NuGet, Pub, Bitnami.
//!
//! Source: semver.org 2.0.0 section 11, and each relative's own documentation. Real feeds are laxer than the
//! specification, so a leading `v`, missing numbers (`1.2` is `1.2.0`), leading zeros and numbers of any size are read.
//!
//! # Traps
//!
//! - More than three numbers are compared as numbers (`1.2.3.4` is before `1.2.3.5`). Others take the fourth for build
//!   metadata, which makes all of them equal and hides fixes that came as a fourth number.
//! - Build metadata never decides, but in Pub it does.
//! - In Bitnami `1.2.3-4` is the fourth packaging of `1.2.3` and comes after it; elsewhere it is a prerelease and comes
//!   before. A lone `-0` equals no revision.
//! - In Go, a toolchain version (`go1.21rc2`) is read as the Go vulnerability database writes it (`1.21.0-rc.2`), and what
//!   follows a hyphen or a space behind `go1.21.3` is a vendor's label that decides nothing.

use std::cmp::Ordering;

use crate::token::{self, Token};
use crate::unreadable::Reason;

const CORE: u8 = 1;

// What follows the first three numbers.
const PRERELEASE: u8 = 1;
const RELEASE: u8 = 2;
const MORE: u8 = 3;

const IDENTIFIERS_END: u8 = 1;
const NUMERIC: u8 = 2;
const ALPHANUMERIC: u8 = 3;

const REVISION: u8 = 1;

const NO_BUILD: u8 = 1;
const BUILD: u8 = 2;

/// How many numbers every version has; those left out are zero.
const CORE_NUMBERS: usize = 3;

pub(crate) fn read_semver(version: &str) -> Result<Tokens<'_>, Reason> {
    Ok(Tokens::new(Parts::read(version, false)?))
}

pub(crate) fn read_npm(version: &str) -> Result<Tokens<'_>, Reason> {
    Ok(Tokens::new(Parts::read(version, true)?))
}

pub(crate) fn read_nuget(version: &str) -> Result<Tokens<'_>, Reason> {
    Ok(Tokens {
        folded: true,
        ..Tokens::new(Parts::read(version, false)?)
    })
}

pub(crate) fn read_pub(version: &str) -> Result<Tokens<'_>, Reason> {
    Ok(Tokens {
        build_counts: true,
        ..Tokens::new(Parts::read(version, false)?)
    })
}

pub(crate) fn read_bitnami(version: &str) -> Result<Tokens<'_>, Reason> {
    let mut parts = Parts::read(version, false)?;
    let prerelease = parts.prerelease.unwrap_or_default();
    let (before, revision) = match prerelease.iter().rposition(|&byte| byte == b'-') {
        Some(hyphen) => (
            prerelease.get(..hyphen),
            prerelease.get(hyphen + 1..).unwrap_or_default(),
        ),
        None => (None, prerelease),
    };
    if !revision.is_empty() && revision.iter().all(u8::is_ascii_digit) {
        parts.prerelease = before.filter(|before| !before.is_empty());
        parts.revision = Some(revision);
    }
    let revision = Some(parts.revision.unwrap_or_default());
    Ok(Tokens::new(Parts { revision, ..parts }))
}

pub(crate) fn read_go(version: &str) -> Result<Tokens<'_>, Reason> {
    let trimmed = version.trim_ascii();
    if let Some(toolchain) = trimmed
        .strip_prefix("go")
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        let labelled = toolchain.find(['-', ' ', '+']).unwrap_or(toolchain.len());
        let offset = offset_of(version, trimmed) + 2;
        let parts = Parts::read(toolchain.get(..labelled).unwrap_or_default(), true);
        return Ok(Tokens {
            split_words: true,
            ..Tokens::new(parts.map_err(|reason| moved(reason, offset))?)
        });
    }
    let strict = Parts::read(version, false);
    if strict.is_err()
        && trimmed.starts_with(|c: char| c.is_ascii_digit())
        && !trimmed.contains(['-', '+'])
    {
        // A toolchain version without its "go", as `go.mod` writes it: `1.21rc2`.
        return Ok(Tokens {
            split_words: true,
            ..Tokens::new(Parts::read(version, true)?)
        });
    }
    Ok(Tokens::new(strict?))
}

/// Compares two versions: the first three numbers without making tokens, since they nearly always decide.
#[inline]
pub(crate) fn compare(mut a: Tokens<'_>, mut b: Tokens<'_>) -> Ordering {
    for _ in 0..CORE_NUMBERS {
        match token::compare_numbers(a.take_number(), b.take_number()) {
            Ordering::Equal => {}
            decided => return decided,
        }
    }
    if a.is_plain() && b.is_plain() {
        return Ordering::Equal;
    }
    a.state = State::Core {
        numbers_read: CORE_NUMBERS,
    };
    b.state = State::Core {
        numbers_read: CORE_NUMBERS,
    };
    token::compare(a, b)
}

fn offset_of(whole: &str, trimmed: &str) -> usize {
    whole.len() - whole.trim_ascii_start().len() + whole.trim_ascii().len() - trimmed.len()
}

fn moved(reason: Reason, by: usize) -> Reason {
    match reason {
        Reason::Unexpected { offset, expected } => Reason::Unexpected {
            offset: offset + by,
            expected,
        },
        other => other,
    }
}

/// Holds what a version consists of, each checked against the grammar.
struct Parts<'a> {
    /// Numbers between dots.
    core: &'a [u8],
    /// Identifiers between dots.
    prerelease: Option<&'a [u8]>,
    /// Digits, in Bitnami only.
    revision: Option<&'a [u8]>,
    /// Identifiers between dots.
    build: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(version: &'a str, letters_without_hyphen: bool) -> Result<Self, Reason> {
        let bytes = version.trim_ascii().as_bytes();
        let prefix = match bytes {
            [b'=', b'v' | b'V', ..] => 2,
            [b'v' | b'V' | b'=', ..] => 1,
            _ => 0,
        };
        let start = offset_of(version, version.trim_ascii()) + prefix;
        let bytes = bytes.get(prefix..).unwrap_or_default();
        let (core, behind) = bytes.split_at(core_length(bytes, start)?);
        let core = without_extra_zeros(core);
        let behind_at = start + bytes.len() - behind.len();
        let (prerelease, rest) = match behind {
            [b'-', rest @ ..] => split_identifiers(rest, behind_at + 1)?,
            [letter, ..] if letters_without_hyphen && letter.is_ascii_alphabetic() => {
                split_identifiers(behind, behind_at)?
            }
            _ => (None, behind),
        };
        let rest_at = start + bytes.len() - rest.len();
        let (build, rest) = match rest {
            [b'+', rest @ ..] => split_identifiers(rest, rest_at + 1)?,
            _ => (None, rest),
        };
        if rest.is_empty() {
            return Ok(Parts {
                core,
                prerelease,
                revision: None,
                build,
            });
        }
        let offset = start + bytes.len() - rest.len();
        Err(Reason::Unexpected {
            offset,
            expected: "a dot, a hyphen, a plus sign or the end",
        })
    }
}

/// Measures the numbers between dots at the beginning.
fn core_length(bytes: &[u8], start: usize) -> Result<usize, Reason> {
    let mut length = 0;
    loop {
        let (digits, rest) = token::take_digits(bytes.get(length..).unwrap_or_default());
        if digits.is_empty() {
            return Err(Reason::Unexpected {
                offset: start + length,
                expected: "a number",
            });
        }
        length += digits.len();
        if rest.first() != Some(&b'.') {
            return Ok(length);
        }
        length += 1;
    }
}

/// Cuts off numbers behind the third that are zero to the end, so that `1.2.3.0` is `1.2.3`.
fn without_extra_zeros(mut core: &[u8]) -> &[u8] {
    let mut numbers = core.iter().filter(|&&byte| byte == b'.').count() + 1;
    while numbers > CORE_NUMBERS {
        let Some(dot) = core.iter().rposition(|&byte| byte == b'.') else {
            break;
        };
        let (before, last) = core.split_at(dot);
        if last.iter().any(|byte| !matches!(byte, b'.' | b'0')) {
            break;
        }
        core = before;
        numbers -= 1;
    }
    core
}

type Identifiers<'a> = (Option<&'a [u8]>, &'a [u8]);

/// Splits off identifiers between dots; none may be empty.
fn split_identifiers(bytes: &[u8], start: usize) -> Result<Identifiers<'_>, Reason> {
    let (identifiers, rest) = token::take_while(bytes, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
    });
    let mut offset = start;
    for identifier in identifiers.split(|&byte| byte == b'.') {
        if identifier.is_empty() {
            return Err(Reason::Unexpected {
                offset,
                expected: "a letter, a digit or a hyphen",
            });
        }
        offset += identifier.len() + 1;
    }
    Ok((Some(identifiers), rest))
}

/// Yields the tokens of a version: three numbers, any more, the prerelease, the revision, the build.
pub(crate) struct Tokens<'a> {
    parts: Parts<'a>,
    state: State,
    /// Letters are compared as if they were small.
    folded: bool,
    /// Build metadata decides last.
    build_counts: bool,
    /// Letters and digits of the prerelease are identifiers of their own: `rc2` is `rc.2`.
    split_words: bool,
}

#[derive(Clone, Copy)]
enum State {
    Core { numbers_read: usize },
    Prerelease,
    Revision,
    BuildMark,
    Build,
    Ended,
}

impl<'a> Tokens<'a> {
    fn new(parts: Parts<'a>) -> Self {
        let state = State::Core { numbers_read: 0 };
        Tokens {
            parts,
            state,
            folded: false,
            build_counts: false,
            split_words: false,
        }
    }

    fn core(&mut self, numbers_read: usize) -> Token<'a> {
        if self.parts.core.is_empty() && numbers_read >= CORE_NUMBERS {
            self.state = if self.parts.prerelease.is_some() {
                State::Prerelease
            } else {
                State::Revision
            };
            return Token::mark(if self.parts.prerelease.is_some() {
                PRERELEASE
            } else {
                RELEASE
            });
        }
        self.state = State::Core {
            numbers_read: numbers_read + 1,
        };
        Token::number(
            if numbers_read < CORE_NUMBERS {
                CORE
            } else {
                MORE
            },
            self.take_number(),
        )
    }

    #[inline]
    fn take_number(&mut self) -> &'a [u8] {
        let (digits, rest) = token::take_digits(self.parts.core);
        self.parts.core = rest.get(1..).unwrap_or_default();
        digits
    }

    /// Whether nothing that decides is left behind the first three numbers.
    fn is_plain(&self) -> bool {
        let parts = &self.parts;
        parts.core.is_empty()
            && parts.prerelease.is_none()
            && parts.revision.is_none()
            && !self.build_counts
    }

    /// Takes the next identifier; `identifiers` keeps the rest, and is `None` once the end was told.
    fn identifier(
        identifiers: &mut Option<&'a [u8]>,
        folded: bool,
        split_words: bool,
    ) -> Token<'a> {
        let bytes = identifiers.unwrap_or_default();
        if bytes.is_empty() {
            *identifiers = None;
            return Token::mark(IDENTIFIERS_END);
        }
        let (identifier, behind) = token::take_while(bytes, |&byte| byte != b'.');
        let (identifier, rest) = match identifier.first() {
            Some(first) if split_words => {
                let digit = first.is_ascii_digit();
                let (run, rest) =
                    token::take_while(identifier, |byte| byte.is_ascii_digit() == digit);
                (
                    run,
                    if rest.is_empty() {
                        behind.get(1..)
                    } else {
                        bytes.get(run.len()..)
                    },
                )
            }
            _ => (identifier, behind.get(1..)),
        };
        *identifiers = Some(rest.unwrap_or_default());
        if identifier.iter().all(u8::is_ascii_digit) {
            Token::number(NUMERIC, identifier)
        } else if folded {
            Token::folded(ALPHANUMERIC, identifier)
        } else {
            Token::text(ALPHANUMERIC, identifier)
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            match self.state {
                State::Core { numbers_read } => return Some(self.core(numbers_read)),
                State::Prerelease => {
                    let token =
                        Self::identifier(&mut self.parts.prerelease, self.folded, self.split_words);
                    if self.parts.prerelease.is_none() {
                        self.state = State::Revision;
                    }
                    return Some(token);
                }
                State::Revision => {
                    self.state = State::BuildMark;
                    if let Some(revision) = self.parts.revision {
                        return Some(Token::number(REVISION, revision));
                    }
                }
                State::BuildMark if !self.build_counts => self.state = State::Ended,
                State::BuildMark => {
                    self.state = if self.parts.build.is_some() {
                        State::Build
                    } else {
                        State::Ended
                    };
                    return Some(Token::mark(if self.parts.build.is_some() {
                        BUILD
                    } else {
                        NO_BUILD
                    }));
                }
                State::Build => {
                    let token = Self::identifier(&mut self.parts.build, false, false);
                    if self.parts.build.is_none() {
                        self.state = State::Ended;
                    }
                    return Some(token);
                }
                State::Ended => return None,
            }
        }
    }
}
