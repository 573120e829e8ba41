//! Why a text is no version, told so that a person can act on it.

use std::fmt;

use crate::Scheme;

/// How much of an unreadable text an error repeats, in characters.
///
/// Enough to find it again in a feed; a hostile one may be megabytes long.
const SHOWN: usize = 80;

/// Says which text cannot be read as a version (or requirement) of which scheme, and why.
///
/// The text is shortened and escaped, so that it can go to a terminal or a log as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// By whose rules it was read.
    pub scheme: Scheme,
    /// What was to be read: escaped, and cut after 80 characters.
    pub version: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Says what is wrong with a text that was to be a version or a requirement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// There is nothing to read.
    Empty,
    /// It is longer than any real one.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that is read, in bytes.
        limit: usize,
    },
    /// Something else stands where the grammar of the scheme asks for this.
    Unexpected {
        /// Where, in bytes from the beginning.
        offset: usize,
        /// What the grammar asks for.
        expected: &'static str,
    },
    /// A number is larger than the scheme's own tool accepts.
    TooLarge {
        /// Where, in bytes from the beginning.
        offset: usize,
        /// The largest value accepted.
        limit: u64,
    },
    /// Its place depends on what it is compared with, so it has no place in a sorted file.
    NoTotalOrder {
        /// Where the part stands that does this, in bytes from the beginning.
        offset: usize,
    },
    /// A requirement falls apart into more alternatives than any real one.
    TooManyAlternatives {
        /// The most that are read.
        limit: usize,
    },
}

impl Unreadable {
    pub(crate) fn new(scheme: Scheme, text: &str, reason: Reason) -> Self {
        Unreadable {
            scheme,
            version: shown(text),
            reason,
        }
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "cannot read \"{}\" by the rules of {}: {}; correct it where it comes from, or treat it as unknown",
            self.version, self.scheme, self.reason
        )
    }
}

impl std::error::Error for Unreadable {}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Empty => write!(formatter, "it is empty"),
            Reason::TooLong { length, limit } => {
                write!(formatter, "it has {length} bytes, the limit is {limit}")
            }
            Reason::Unexpected { offset, expected } => {
                write!(formatter, "byte {offset} should be {expected}")
            }
            Reason::TooLarge { offset, limit } => {
                write!(
                    formatter,
                    "the number at byte {offset} is larger than {limit}"
                )
            }
            Reason::NoTotalOrder { offset } => {
                write!(
                    formatter,
                    "byte {offset} stands for any number, so the version has no fixed place"
                )
            }
            Reason::TooManyAlternatives { limit } => {
                write!(formatter, "it has more than {limit} alternatives")
            }
        }
    }
}
