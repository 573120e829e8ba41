//! JSON values whose type may be wrong.
//!
//! These wrappers keep what has the right type, mark what has not, and skip
//! without building it, so that one bad component costs one problem.

use crate::lenient::{Lenient, Number, deserialize_any};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, MapAccess, SeqAccess};

/// A string; none where the field is absent, null, empty or of another type.
///
/// Numbers are not turned into text: `1.10` read as a number is `1.1`, which
/// is another version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    value: Option<Box<str>>,
    /// Set where a value of another type stood.
    pub(crate) wrong: bool,
}

impl Text {
    /// Longest kept string, in bytes; a version or a name never comes near,
    /// licence texts and descriptions may be cut.
    const LIMIT: usize = 64 * 1024;

    pub(crate) fn of(text: &str) -> Self {
        let mut end = text.len().min(Self::LIMIT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or("").trim();
        Self { value: (!text.is_empty()).then(|| text.into()), wrong: false }
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.value.as_deref()
    }

    pub(crate) fn owned(&self) -> Option<String> {
        self.value.as_deref().map(str::to_owned)
    }
}

impl Lenient<'_> for Text {
    fn other() -> Self {
        Self { value: None, wrong: true }
    }

    fn text(text: &str) -> Self {
        Self::of(text)
    }
}

/// A whole number; absent where another type stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) Option<u64>);

impl Lenient<'_> for Whole {
    fn other() -> Self {
        Self(None)
    }

    fn number(number: Number) -> Self {
        match number {
            Number::Unsigned(number) => Self(Some(number)),
            Number::Signed(_) | Number::Float(_) => Self(None),
        }
    }

    fn text(text: &str) -> Self {
        Self(text.parse().ok())
    }
}

/// An object read as `T`; none where it is absent or of another type.
#[derive(Clone, Debug)]
pub(crate) struct Object<T>(pub(crate) Option<Box<T>>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Object<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Object<T> {
    fn other() -> Self {
        Self(None)
    }

    fn map<A: MapAccess<'de>>(access: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(|value| Self(Some(Box::new(value))))
    }
}

/// An element of a list, which needs no box.
struct Element<T>(Option<T>);

impl<T> Default for Element<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Element<T> {
    fn other() -> Self {
        Self(None)
    }

    fn map<A: MapAccess<'de>>(access: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(|value| Self(Some(value)))
    }
}

/// A list of objects; elements of another type, and a value that is no list
/// at all, are counted in `refused`.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    pub(crate) refused: u64,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), refused: 0 }
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for List<T> {
    fn other() -> Self {
        Self { items: Vec::new(), refused: 1 }
    }

    fn sequence<A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut list = Self::default();
        while let Some(Element(element)) = access.next_element()? {
            match element {
                Some(item) => list.items.push(item),
                None => list.refused += 1,
            }
        }
        Ok(list)
    }
}

/// A list of strings, or a single one; other types are left out, and so is
/// what comes after the first [`Texts::LIMIT`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts(pub(crate) Vec<String>);

impl Texts {
    /// Most strings kept; aliases and responses number a handful.
    const LIMIT: usize = 4096;
}

impl<'de> Lenient<'de> for Texts {
    fn other() -> Self {
        Self::default()
    }

    fn text(text: &str) -> Self {
        Self(Text::of(text).owned().into_iter().collect())
    }

    fn sequence<A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut list = Self::default();
        while let Some(text) = access.next_element::<Text>()? {
            if list.0.len() < Self::LIMIT {
                list.0.extend(text.owned());
            }
        }
        Ok(list)
    }
}

deserialize_any!(Text, Whole, Texts);
deserialize_any!(Object<T>, Element<T>, List<T>);
