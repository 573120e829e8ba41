//! Fields that accept whatever stands there, so that one bad entry cannot
//! cost a whole file.
//!
//! A lock file with one damaged entry would otherwise show no component at
//! all, and an empty list looks like a clean project. These types read any
//! shape of value and keep only what fits; the reader of the format then names
//! the entry that did not.

use crate::lenient::{Lenient, Number, deserialize_any};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, MapAccess, SeqAccess};

/// Where text is expected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Text {
    /// Nothing there, or null.
    #[default]
    Absent,
    /// Text, or a number in its shortest spelling.
    Is(String),
    /// A list, a map or a truth value.
    Other,
}

impl Text {
    /// The text, if it is one and not empty.
    pub(super) fn get(&self) -> Option<&str> {
        match self {
            Self::Is(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

impl Lenient<'_> for Text {
    fn other() -> Self {
        Self::Other
    }

    fn text(text: &str) -> Self {
        Self::Is(text.to_owned())
    }

    fn number(number: Number) -> Self {
        Self::Is(number.to_string())
    }
}

/// Where a truth value is expected; anything but `true` is false.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flag(pub(super) bool);

impl Lenient<'_> for Flag {
    fn other() -> Self {
        Self(false)
    }

    fn flag(value: bool) -> Self {
        Self(value)
    }

    fn text(text: &str) -> Self {
        Self(text == "true")
    }
}

/// Where a map with known keys is expected; none when something else stands
/// there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry<T>(pub(super) Option<T>);

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Entry<T> {
    fn other() -> Self {
        Self(None)
    }

    fn map<A: MapAccess<'de>>(access: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(|entry| Self(Some(entry)))
    }
}

/// What stood where a list or a map was expected.
///
/// An absent list and a damaged one are both empty; only this tells a project
/// without dependencies from a file that hides them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Shape {
    /// Nothing, or null.
    #[default]
    Absent,
    /// Something else.
    Wrong,
    /// What was expected.
    There,
}

/// Where a list is expected; empty when something else stands there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sequence<T>(pub(super) Vec<T>, pub(super) Shape);

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self(Vec::new(), Shape::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Sequence<T> {
    fn other() -> Self {
        Self(Vec::new(), Shape::Wrong)
    }

    fn sequence<A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = access.next_element()? {
            out.push(item);
        }
        Ok(Self(out, Shape::There))
    }
}

/// Where a map with free keys is expected, in the order of the file and with
/// repeated keys kept; empty when something else stands there.
///
/// Not a map type, because a repeated key must not hide an earlier entry: in
/// `package-lock.json` that is a way to smuggle a version past a reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(String, T)>, pub(super) Shape);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new(), Shape::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Entries<T> {
    fn other() -> Self {
        Self(Vec::new(), Shape::Wrong)
    }

    fn map<A: MapAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = access.next_entry()? {
            out.push(entry);
        }
        Ok(Self(out, Shape::There))
    }
}

deserialize_any!(Text, Flag);
deserialize_any!(Entry<T>, Sequence<T>, Entries<T>);
