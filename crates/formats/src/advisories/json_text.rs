//! Forgiving pieces of JSON records, borrowed from the input where they can be.
//!
//! Feeds write `null` for an empty list, a number where a word belongs, or an
//! object nobody documented. A record must not be lost for a part that is not
//! needed, so the parts that may vary are read through these types, while ids,
//! names and versions stay strict.

use crate::lenient::{self, Lenient, Number, deserialize_any};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A string, borrowed unless it has escapes; anything else is an error.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The string, owned.
    pub fn to_owned_string(&self) -> String {
        self.0.as_ref().to_owned()
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A string where there is one; any other value is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Word<'a>(pub Option<Cow<'a, str>>);

impl Word<'_> {
    /// The string, or an empty one.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }
}

impl<'de> Lenient<'de> for Word<'de> {
    fn other() -> Self {
        Self(None)
    }

    fn text(text: &str) -> Self {
        Self(Some(Cow::Owned(text.to_owned())))
    }

    fn borrowed(text: &'de str) -> Self {
        Self(Some(Cow::Borrowed(text)))
    }

    fn number(number: Number) -> Self {
        Self(Some(Cow::Owned(number.to_string())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::any::<Word<'de>, D>(deserializer)
    }
}

/// A list; `null` or any other value counts as empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for List<T> {
    fn other() -> Self {
        Self::default()
    }

    fn sequence<A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Self(list))
    }
}

/// An object; any other value counts as its default.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Object<T>(pub T);

impl<T> std::ops::Deref for Object<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + Default> Lenient<'de> for Object<T> {
    fn other() -> Self {
        Self::default()
    }

    fn map<A: MapAccess<'de>>(access: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(Self)
    }
}

deserialize_any!(List<T>, Object<T>);

/// Takes a byte-order mark off, which JSON parsers refuse and Windows tools write.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reads one JSON document, naming line and column of what is wrong.
pub(super) fn document<'de, T: Deserialize<'de>>(
    place: &str,
    bytes: &'de [u8],
    what: &str,
) -> Result<T, plimsoll_core::model::problem::Problem> {
    let bytes = without_mark(bytes);
    // Derived readers take a list for an object, field by field; no document
    // of ours is one.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(super::facts::unreadable(place, format!("is not readable as {what}: it is not a JSON object")));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        super::facts::unreadable(place, format!("is not readable as {what}: {error}"))
    })
}
