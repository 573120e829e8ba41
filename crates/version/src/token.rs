//! The tokens a version is read into, and the two things done with them: comparing and writing.
//!
//! A scheme's reader yields tokens such that the order of two versions is the lexicographic order of their streams:
//! first the class of each token, then its value, and a stream that ends is lower than one that goes on.
//!
//! Two rules make the written bytes keep that order, and every reader must hold to them:
//!
//! 1. At one position (after equal tokens), one class always carries one kind of value.
//! 2. A text holds no NUL byte. `admit` in `lib.rs` sees to it.

use std::cmp::Ordering;

/// Holds one step of a version: where its kind sorts among the other kinds possible at this position, and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) class: u8,
    pub(crate) value: Value<'a>,
}

/// Holds what is compared between two tokens of the same class.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// The class says everything.
    Nothing,
    /// Decimal digits without leading zeros, compared as a number of any size; zero is the empty slice.
    Number(&'a [u8]),
    /// Bytes compared as they stand, a beginning before its continuations.
    Text(&'a [u8]),
    /// Bytes compared as if their ASCII letters were small.
    Folded(&'a [u8]),
    /// A count, smaller first.
    Ascending(u16),
    /// A count, larger first.
    Descending(u16),
}

impl<'a> Token<'a> {
    pub(crate) const fn mark(class: u8) -> Self {
        Token {
            class,
            value: Value::Nothing,
        }
    }

    /// Makes a number token from a run of digits with any leading zeros.
    pub(crate) fn number(class: u8, digits: &'a [u8]) -> Self {
        Token {
            class,
            value: Value::Number(without_leading_zeros(digits)),
        }
    }

    pub(crate) const fn text(class: u8, text: &'a [u8]) -> Self {
        Token {
            class,
            value: Value::Text(text),
        }
    }

    pub(crate) const fn folded(class: u8, text: &'a [u8]) -> Self {
        Token {
            class,
            value: Value::Folded(text),
        }
    }

    #[inline]
    pub(crate) fn compare(&self, other: &Token<'_>) -> Ordering {
        if self.class != other.class {
            return self.class.cmp(&other.class);
        }
        match (self.value, other.value) {
            (Value::Number(a), Value::Number(b)) => compare_significant(a, b),
            (Value::Text(a), Value::Text(b)) => compare_bytes(a, b),
            (Value::Folded(a), Value::Folded(b)) => a
                .iter()
                .map(u8::to_ascii_lowercase)
                .cmp(b.iter().map(u8::to_ascii_lowercase)),
            (Value::Ascending(a), Value::Ascending(b)) => a.cmp(&b),
            (Value::Descending(a), Value::Descending(b)) => b.cmp(&a),
            (Value::Nothing, Value::Nothing) => Ordering::Equal,
            (a, b) => {
                debug_assert!(false, "class {} carries both {a:?} and {b:?}", self.class);
                Ordering::Equal
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.class);
        match self.value {
            Value::Nothing => {}
            Value::Number(digits) => {
                write_length(digits.len(), out);
                out.extend_from_slice(digits);
            }
            Value::Text(text) => {
                out.extend_from_slice(text);
                out.push(0);
            }
            Value::Folded(text) => {
                out.extend(text.iter().map(u8::to_ascii_lowercase));
                out.push(0);
            }
            Value::Ascending(count) => out.extend_from_slice(&count.to_be_bytes()),
            Value::Descending(count) => out.extend_from_slice(&(!count).to_be_bytes()),
        }
    }
}

/// Compares two streams of tokens.
#[inline]
pub(crate) fn compare<'a, 'b>(
    mut a: impl Iterator<Item = Token<'a>>,
    mut b: impl Iterator<Item = Token<'b>>,
) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match a.compare(&b) {
                Ordering::Equal => {}
                decided => return decided,
            },
        }
    }
}

/// Writes a stream of tokens as bytes whose order is the order of the streams.
pub(crate) fn write<'a>(tokens: impl Iterator<Item = Token<'a>>, out: &mut Vec<u8>) {
    tokens.for_each(|token| token.write(out));
}

/// Writes how many digits follow: one byte below 255, else 255 and two bytes.
///
/// The number of digits decides before the digits do, so it stands first; versions are capped at
/// [`crate::MAX_VERSION_LENGTH`], so two bytes always hold it.
fn write_length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < u8::MAX => out.push(short),
        _ => {
            out.push(u8::MAX);
            out.extend_from_slice(&saturating_count(length).to_be_bytes());
        }
    }
}

/// Fits a count of bytes into two, which the cap on the length of a version makes exact.
pub(crate) fn saturating_count(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Compares two runs of digits as numbers of any size.
#[inline]
pub(crate) fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    compare_significant(without_leading_zeros(a), without_leading_zeros(b))
}

/// Compares two short runs of bytes.
///
/// Comparing the slices would call `memcmp`, whose call alone took half of the time of comparing two Debian versions: the
/// runs of a version are two or three bytes long.
#[inline]
pub(crate) fn compare_bytes(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().cmp(b)
}

/// Compares two runs of digits without leading zeros: the longer is the greater.
#[inline]
pub(crate) fn compare_significant(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| compare_bytes(a, b))
}

/// Splits off the longest beginning whose bytes all satisfy `belongs`.
#[inline]
pub(crate) fn take_while(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| !belongs(byte))
        .unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Splits off the digits at the beginning.
#[inline]
pub(crate) fn take_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    take_while(bytes, u8::is_ascii_digit)
}

#[inline]
pub(crate) fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    take_while(digits, |&byte| byte == b'0').1
}
