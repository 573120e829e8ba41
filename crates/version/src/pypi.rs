//! Order of Python versions: PEP 440, and for texts it refuses the order `setuptools` had before.
//!
//! Source: the version specifiers page of packaging.python.org. `epoch!release{a|b|rc}N.postN.devN+local`, where a
//! development release comes before everything of its kind, a prerelease before and a post-release after the release, and
//! a local label after the same without one. Zeros at the end of the release do not count.
//!
//! # Traps
//!
//! - A legacy text (`0.1-bulbasaur`) is before *every* PEP 440 version, also `0`. Feeds hold a few; indexes refuse them
//!   since 2023.
//! - `1.0-1` is the post-release `1.0.post1`, no prerelease.
//! - `2.0.1+cu118` is after `2.0.1`. Whether it is in a range is another matter, see [`crate::Interval::contains`].

use std::cmp::Ordering;

use crate::token::{self, Token, Value};
use crate::unreadable::Reason;

const LEGACY: u8 = 1;
const PEP_440: u8 = 2;

const EPOCH: u8 = 1;

const RELEASE_END: u8 = 1;
const RELEASE_NUMBER: u8 = 2;

// What follows the release.
const DEVELOPMENT_ONLY: u8 = 1;
const ALPHA: u8 = 2;
const BETA: u8 = 3;
const CANDIDATE: u8 = 4;
const NO_PRERELEASE: u8 = 5;

const NO_POST: u8 = 1;
const POST: u8 = 2;

const DEVELOPMENT: u8 = 1;
const NO_DEVELOPMENT: u8 = 2;

const LOCAL_END: u8 = 1;
const LOCAL_WORD: u8 = 2;
const LOCAL_NUMBER: u8 = 3;

const LEGACY_END: u8 = 1;
const LEGACY_WORD: u8 = 2;
const LEGACY_NUMBER: u8 = 3;
const LEGACY_FINAL: &[u8] = b"final";
/// What a hyphen counts as: a word just above `final`, and unlike any word that can be written.
const LEGACY_HYPHEN: &[u8] = b"final-";

/// Holds a version as whichever of the two it is.
pub(crate) enum Opened<'a> {
    Legacy(&'a [u8]),
    Pep440(Version<'a>),
}

pub(crate) fn open(version: &str) -> Result<Opened<'_>, Reason> {
    let trimmed = version.trim_ascii();
    if trimmed.is_empty() {
        return Err(Reason::Empty);
    }
    Ok(
        Version::read(trimmed.as_bytes())
            .map_or(Opened::Legacy(trimmed.as_bytes()), Opened::Pep440),
    )
}

pub(crate) fn read(version: &str) -> Result<impl Iterator<Item = Token<'_>>, Reason> {
    let (version, legacy) = match open(version)? {
        Opened::Pep440(version) => (Some(version), Vec::new()),
        Opened::Legacy(text) => (None, legacy_tokens(text)),
    };
    Ok(version.into_iter().flat_map(Version::tokens).chain(legacy))
}

/// Compares two versions; those of PEP 440 by their release without making tokens, since it nearly always decides.
#[inline]
pub(crate) fn compare(a: Opened<'_>, b: Opened<'_>) -> Ordering {
    match (a, b) {
        (Opened::Pep440(a), Opened::Pep440(b)) => token::compare_numbers(a.epoch, b.epoch)
            .then_with(|| compare_releases(a.release, b.release))
            .then_with(|| {
                if a.is_plain() && b.is_plain() {
                    Ordering::Equal
                } else {
                    token::compare(a.tokens(), b.tokens())
                }
            }),
        (Opened::Legacy(a), Opened::Legacy(b)) => {
            token::compare(legacy_tokens(a).into_iter(), legacy_tokens(b).into_iter())
        }
        (Opened::Legacy(_), Opened::Pep440(_)) => Ordering::Less,
        (Opened::Pep440(_), Opened::Legacy(_)) => Ordering::Greater,
    }
}

/// Compares dotted numbers of which the shorter goes on with zeros.
#[inline]
fn compare_releases(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let ((a_number, a_rest), (b_number, b_rest)) =
            (token::take_digits(a), token::take_digits(b));
        match token::compare_numbers(a_number, b_number) {
            Ordering::Equal => {}
            decided => return decided,
        }
        (a, b) = (
            a_rest.get(1..).unwrap_or_default(),
            b_rest.get(1..).unwrap_or_default(),
        );
    }
    Ordering::Equal
}

/// Returns what stands before the local label, and whether there is one.
pub(crate) fn public_part(version: &str) -> (&str, bool) {
    match version.split_once('+') {
        Some((public, _)) => (public, true),
        None => (version, false),
    }
}

/// Holds the parts of a version that PEP 440 accepts. Numbers are runs of digits; an absent number behind a word is the
/// empty run, which is zero.
#[derive(Clone, Copy)]
pub(crate) struct Version<'a> {
    epoch: &'a [u8],
    release: &'a [u8],
    prerelease: Option<(u8, &'a [u8])>,
    post: Option<&'a [u8]>,
    development: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
}

impl<'a> Version<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let bytes = match bytes {
            [b'v' | b'V', rest @ ..] => rest,
            bytes => bytes,
        };
        let (digits, behind) = token::take_digits(bytes);
        let (epoch, bytes) = match behind {
            [b'!', rest @ ..] if !digits.is_empty() => (digits, rest),
            _ => (&[][..], bytes),
        };
        let (release, rest) = bytes.split_at(release_length(bytes)?);
        if rest.is_empty() {
            return Some(Version {
                epoch,
                release,
                prerelease: None,
                post: None,
                development: None,
                local: None,
            });
        }
        let (prerelease, rest) = read_prerelease(rest);
        let (post, rest) = read_post(rest);
        let (development, rest) = match read_worded(rest, &[b"dev"]) {
            Some((number, rest)) => (Some(number), rest),
            None => (None, rest),
        };
        let local = match rest {
            [] => None,
            [b'+', local @ ..] if local.split(is_local_separator).all(is_local_segment) => {
                Some(local)
            }
            _ => return None,
        };
        Some(Version {
            epoch,
            release,
            prerelease,
            post,
            development,
            local,
        })
    }

    fn is_plain(&self) -> bool {
        self.prerelease.is_none()
            && self.post.is_none()
            && self.development.is_none()
            && self.local.is_none()
    }

    fn tokens(self) -> impl Iterator<Item = Token<'a>> {
        let (prerelease_class, prerelease_number) = match self.prerelease {
            Some((class, number)) => (class, Some(number)),
            None if self.post.is_none() && self.development.is_some() => (DEVELOPMENT_ONLY, None),
            None => (NO_PRERELEASE, None),
        };
        [Token::mark(PEP_440), Token::number(EPOCH, self.epoch)]
            .into_iter()
            .chain(release_numbers(self.release))
            .chain([
                Token::mark(RELEASE_END),
                Token::number(prerelease_class, prerelease_number.unwrap_or_default()),
                Token::number(
                    if self.post.is_some() { POST } else { NO_POST },
                    self.post.unwrap_or_default(),
                ),
                Token::number(
                    if self.development.is_some() {
                        DEVELOPMENT
                    } else {
                        NO_DEVELOPMENT
                    },
                    self.development.unwrap_or_default(),
                ),
            ])
            .chain(
                self.local
                    .into_iter()
                    .flat_map(|local| local.split(is_local_separator))
                    .map(local_token),
            )
            .chain([Token::mark(LOCAL_END)])
    }
}

fn release_length(bytes: &[u8]) -> Option<usize> {
    let mut length = token::take_digits(bytes).0.len();
    if length == 0 {
        return None;
    }
    while let Some([b'.', behind @ ..]) = bytes.get(length..) {
        let (digits, _) = token::take_digits(behind);
        if digits.is_empty() {
            break;
        }
        length += 1 + digits.len();
    }
    Some(length)
}

/// Yields the numbers of a release without the zeros at its end.
fn release_numbers(release: &[u8]) -> impl Iterator<Item = Token<'_>> {
    let kept = match release
        .iter()
        .rposition(|byte| !matches!(byte, b'0' | b'.'))
    {
        Some(last) => {
            let (_, behind) = token::take_digits(release.get(last..).unwrap_or_default());
            release
                .get(..release.len() - behind.len())
                .unwrap_or_default()
        }
        None => &[],
    };
    let count = if kept.is_empty() { 0 } else { usize::MAX };
    kept.split(|&byte| byte == b'.')
        .take(count)
        .map(|digits| Token::number(RELEASE_NUMBER, digits))
}

/// Reads `[-_.]word[-_.]number`, any case; the number and both separators may be missing (`1.0cpost`).
///
/// `words` has the longer before the shorter that begin alike.
fn read_worded<'a>(bytes: &'a [u8], words: &[&[u8]]) -> Option<(&'a [u8], &'a [u8])> {
    let start = match bytes {
        [b'-' | b'_' | b'.', rest @ ..] => rest,
        bytes => bytes,
    };
    let rest = words.iter().find_map(|word| {
        let (beginning, rest) = start.split_at_checked(word.len())?;
        beginning.eq_ignore_ascii_case(word).then_some(rest)
    })?;
    let behind = match rest {
        // A separator belongs to the word before it, also when no number follows (`1.0a.`), but not when a word does.
        [b'-' | b'_' | b'.', behind @ ..] if !matches!(behind, [b'a'..=b'z' | b'A'..=b'Z', ..]) => {
            behind
        }
        rest => rest,
    };
    Some(token::take_digits(behind))
}

type Prerelease<'a> = Option<(u8, &'a [u8])>;

fn read_prerelease(bytes: &[u8]) -> (Prerelease<'_>, &[u8]) {
    const WORDS: &[(u8, &[&[u8]])] = &[
        (ALPHA, &[b"alpha", b"a"]),
        (BETA, &[b"beta", b"b"]),
        (CANDIDATE, &[b"preview", b"pre", b"rc", b"c"]),
    ];
    for &(class, words) in WORDS {
        if let Some((number, rest)) = read_worded(bytes, words) {
            return (Some((class, number)), rest);
        }
    }
    (None, bytes)
}

fn read_post(bytes: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if let [b'-', b'0'..=b'9', ..] = bytes {
        let (number, rest) = token::take_digits(bytes.get(1..).unwrap_or_default());
        return (Some(number), rest);
    }
    match read_worded(bytes, &[b"post", b"rev", b"r"]) {
        Some((number, rest)) => (Some(number), rest),
        None => (None, bytes),
    }
}

fn is_local_separator(byte: &u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_')
}

fn is_local_segment(segment: &[u8]) -> bool {
    !segment.is_empty() && segment.iter().all(u8::is_ascii_alphanumeric)
}

fn local_token(segment: &[u8]) -> Token<'_> {
    if segment.iter().all(u8::is_ascii_digit) {
        Token::number(LOCAL_NUMBER, segment)
    } else {
        Token::folded(LOCAL_WORD, segment)
    }
}

/// Cuts a text into the list by which it was ordered before PEP 440.
///
/// Runs of digits, runs of letters, dots and hyphens are cut apart. Numbers are higher than words, and the list ends with
/// the word `final`. A word before `final` by alphabet drops the hyphens before it, and every word the zeros before it.
fn legacy_tokens(bytes: &[u8]) -> Vec<Token<'_>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, behind) = legacy_piece(rest);
        rest = behind;
        match piece {
            b"." => {}
            [b'0'..=b'9', ..] => parts.push(Token::number(LEGACY_NUMBER, piece)),
            word => push_legacy_word(legacy_word(word), &mut parts),
        }
    }
    push_legacy_word(LEGACY_FINAL, &mut parts);
    std::iter::once(Token::mark(LEGACY))
        .chain(parts)
        .chain(std::iter::once(Token::mark(LEGACY_END)))
        .collect()
}

fn push_legacy_word<'a>(word: &'a [u8], parts: &mut Vec<Token<'a>>) {
    if word
        .iter()
        .map(u8::to_ascii_lowercase)
        .lt(LEGACY_FINAL.iter().copied())
    {
        while parts
            .last()
            .is_some_and(|part| matches!(part.value, Value::Folded(LEGACY_HYPHEN)))
        {
            parts.pop();
        }
    }
    while parts
        .last()
        .is_some_and(|part| matches!(part.value, Value::Number([])))
    {
        parts.pop();
    }
    parts.push(Token::folded(LEGACY_WORD, word));
}

/// Takes the next run of digits, run of letters, dot, hyphen, or run of anything else.
fn legacy_piece(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes {
        [] => (&[], &[]),
        [b'.' | b'-', ..] => bytes.split_at(1),
        [b'0'..=b'9', ..] => token::take_digits(bytes),
        [byte, ..] if byte.is_ascii_alphabetic() => {
            token::take_while(bytes, u8::is_ascii_alphabetic)
        }
        _ => token::take_while(bytes, |byte| {
            !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-')
        }),
    }
}

/// Puts the words that stand for others in their places; `@` is lower than all letters.
fn legacy_word(word: &[u8]) -> &[u8] {
    const WORDS: &[(&[u8], &[u8])] = &[
        (b"pre", b"c"),
        (b"preview", b"c"),
        (b"rc", b"c"),
        (b"dev", b"@"),
        (b"-", LEGACY_HYPHEN),
    ];
    WORDS
        .iter()
        .find(|(from, _)| from.eq_ignore_ascii_case(word))
        .map_or(word, |&(_, to)| to)
}
