//! JSON values whose type may be wrong.
//!
//! A derived reader refuses a whole document for one number where a string
//! belongs. These wrappers keep what has the right type, mark what has not,
//! and skip without building it, so that one bad component costs one problem.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What a wrapper makes of each JSON type; anything not taken is `wrong`.
pub(crate) trait Shape: Sized + Default {
    fn wrong() -> Self;

    fn text(_text: &str) -> Self {
        Self::wrong()
    }

    fn sequence<'de, A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::wrong())
    }

    fn object<'de, A: MapAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::wrong())
    }
}

/// Reads any JSON value into a shape; never fails for a value's type.
pub(crate) fn any<'de, S: Shape, D: Deserializer<'de>>(deserializer: D) -> Result<S, D::Error> {
    deserializer.deserialize_any(Any(PhantomData))
}

struct Any<S>(PhantomData<S>);

impl<'de, S: Shape> Visitor<'de> for Any<S> {
    type Value = S;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<S, E> {
        Ok(S::wrong())
    }

    fn visit_i64<E>(self, _: i64) -> Result<S, E> {
        Ok(S::wrong())
    }

    fn visit_u64<E>(self, _: u64) -> Result<S, E> {
        Ok(S::wrong())
    }

    fn visit_f64<E>(self, _: f64) -> Result<S, E> {
        Ok(S::wrong())
    }

    fn visit_unit<E>(self) -> Result<S, E> {
        Ok(S::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<S, E> {
        Ok(S::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<S, A::Error> {
        S::sequence(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<S, A::Error> {
        S::object(access)
    }
}

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

impl Shape for Text {
    fn wrong() -> Self {
        Self { value: None, wrong: true }
    }

    fn text(text: &str) -> Self {
        Self::of(text)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

/// A whole number; absent where another type stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) Option<u64>);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl<'de> Visitor<'de> for Number {
            type Value = Whole;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any JSON value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Whole, E> {
                Ok(Whole(None))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(Some(number)))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Whole, E> {
                Ok(Whole(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Whole, E> {
                Ok(Whole(None))
            }

            fn visit_unit<E>(self) -> Result<Whole, E> {
                Ok(Whole(None))
            }

            fn visit_str<E>(self, text: &str) -> Result<Whole, E> {
                Ok(Whole(text.parse().ok()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Whole, A::Error> {
                Text::sequence(access).map(|_| Whole(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Whole, A::Error> {
                Text::object(access).map(|_| Whole(None))
            }
        }
        deserializer.deserialize_any(Number)
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

struct Whether<T>(Option<T>);

impl<T> Default for Whether<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: for<'any> Deserialize<'any>> Shape for Whether<T> {
    fn wrong() -> Self {
        Self(None)
    }

    fn object<'de, A: MapAccess<'de>>(access: A) -> Result<Self, A::Error> {
        T::deserialize(serde::de::value::MapAccessDeserializer::new(access)).map(|value| Self(Some(value)))
    }
}

impl<'de, T: for<'any> Deserialize<'any>> Deserialize<'de> for Whether<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

impl<'de, T: for<'any> Deserialize<'any>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Whether::<T>::deserialize(deserializer).map(|whether| Self(whether.0.map(Box::new)))
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

impl<T: for<'any> Deserialize<'any>> Shape for List<T> {
    fn wrong() -> Self {
        Self { items: Vec::new(), refused: 1 }
    }

    fn sequence<'de, A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut list = Self::default();
        while let Some(Whether(element)) = access.next_element::<Whether<T>>()? {
            match element {
                Some(item) => list.items.push(item),
                None => list.refused += 1,
            }
        }
        Ok(list)
    }
}

impl<'de, T: for<'any> Deserialize<'any>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
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

impl Shape for Texts {
    fn wrong() -> Self {
        Self::default()
    }

    fn text(text: &str) -> Self {
        Self(Text::of(text).owned().into_iter().collect())
    }

    fn sequence<'de, A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut list = Self::default();
        while let Some(text) = access.next_element::<Text>()? {
            if list.0.len() < Self::LIMIT {
                list.0.extend(text.owned());
            }
        }
        Ok(list)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}
