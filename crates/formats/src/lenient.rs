//! Values whose type may be wrong: one visitor for every reader that must not
//! lose a file, or a record, for one number where a string belongs.
//!
//! A derived reader gives up at the first wrong type. What a reader takes
//! instead differs by format (in a lock file a number is a version, in an SBOM
//! `1.10` read as a number is `1.1`, which is another version), so the types
//! themselves stand beside their readers: `components::lenient`,
//! `sbom::lenient` and `advisories::json_text`.

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What a type makes of each kind of value; anything not taken is `other`, and
/// what is absent or null is the default.
pub(crate) trait Lenient<'de>: Sized + Default {
    fn other() -> Self;

    fn text(_text: &str) -> Self {
        Self::other()
    }

    /// Text that can be kept without copying it.
    fn borrowed(text: &'de str) -> Self {
        Self::text(text)
    }

    fn flag(_value: bool) -> Self {
        Self::other()
    }

    fn number(_number: Number) -> Self {
        Self::other()
    }

    fn sequence<A: SeqAccess<'de>>(access: A) -> Result<Self, A::Error> {
        IgnoredAny.visit_seq(access)?;
        Ok(Self::other())
    }

    fn map<A: MapAccess<'de>>(access: A) -> Result<Self, A::Error> {
        IgnoredAny.visit_map(access)?;
        Ok(Self::other())
    }
}

/// A number, printed in its shortest spelling.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(number) => number.fmt(formatter),
            Self::Signed(number) => number.fmt(formatter),
            Self::Float(number) => number.fmt(formatter),
        }
    }
}

/// Reads any value; fails for what is no value at all, never for its type.
pub(crate) fn any<'de, L: Lenient<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<L, D::Error> {
    deserializer.deserialize_any(Any(PhantomData))
}

/// Makes types readable by [`any`]; those with one type parameter apart.
macro_rules! deserialize_any {
    ($($type:ident),* $(,)?) => { $(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::lenient::any(deserializer)
            }
        }
    )* };
    ($($type:ident<T>),* $(,)?) => { $(
        impl<'de, T> serde::Deserialize<'de> for $type<T>
        where
            Self: $crate::lenient::Lenient<'de>,
        {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::lenient::any(deserializer)
            }
        }
    )* };
}
pub(crate) use deserialize_any;

struct Any<L>(PhantomData<L>);

impl<'de, L: Lenient<'de>> Visitor<'de> for Any<L> {
    type Value = L;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_bool<E>(self, value: bool) -> Result<L, E> {
        Ok(L::flag(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<L, E> {
        Ok(L::number(Number::Signed(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<L, E> {
        Ok(L::number(Number::Unsigned(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<L, E> {
        Ok(L::number(Number::Float(number)))
    }

    fn visit_i128<E>(self, _: i128) -> Result<L, E> {
        Ok(L::other())
    }

    fn visit_u128<E>(self, _: u128) -> Result<L, E> {
        Ok(L::other())
    }

    fn visit_none<E>(self) -> Result<L, E> {
        Ok(L::default())
    }

    fn visit_unit<E>(self) -> Result<L, E> {
        Ok(L::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<L, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_str<E>(self, text: &str) -> Result<L, E> {
        Ok(L::text(text))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<L, E> {
        Ok(L::borrowed(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<L, A::Error> {
        L::sequence(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<L, A::Error> {
        L::map(access)
    }
}
