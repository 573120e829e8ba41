//! Fields that accept whatever stands there, so that one bad entry cannot
//! cost a whole file.
//!
//! A typed reader gives up at the first wrong type. A lock file with one
//! damaged entry would then show no component at all, and an empty list looks
//! like a clean project. These types read any shape of value and keep only
//! what fits; the reader of the format then names the entry that did not.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

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

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }
    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Is(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text::Is(text))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::Other)
    }
    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text::Is(number.to_string()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
        Ok(Text::Is(number.to_string()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
        Ok(Text::Is(number.to_string()))
    }
    fn visit_none<E>(self) -> Result<Text, E> {
        Ok(Text::Absent)
    }
    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::Absent)
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Text, D::Error> {
        inner.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text, A::Error> {
        IgnoredAny.visit_seq(seq)?;
        Ok(Text::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
        IgnoredAny.visit_map(map)?;
        Ok(Text::Other)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

/// Where a truth value is expected; anything but `true` is false.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flag(pub(super) bool);

struct FlagVisitor;

impl<'de> Visitor<'de> for FlagVisitor {
    type Value = Flag;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(value))
    }
    fn visit_str<E>(self, text: &str) -> Result<Flag, E> {
        Ok(Flag(text == "true"))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Flag, E> {
        Ok(Flag(false))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Flag, E> {
        Ok(Flag(false))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Flag, E> {
        Ok(Flag(false))
    }
    fn visit_none<E>(self) -> Result<Flag, E> {
        Ok(Flag(false))
    }
    fn visit_unit<E>(self) -> Result<Flag, E> {
        Ok(Flag(false))
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Flag, D::Error> {
        inner.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Flag, A::Error> {
        IgnoredAny.visit_seq(seq)?;
        Ok(Flag(false))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Flag, A::Error> {
        IgnoredAny.visit_map(map)?;
        Ok(Flag(false))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
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

struct EntryVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntryVisitor<T> {
    type Value = Entry<T>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|entry| Entry(Some(entry)))
    }
    fn visit_str<E>(self, _: &str) -> Result<Entry<T>, E> {
        Ok(Entry(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Entry<T>, E> {
        Ok(Entry(None))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Entry<T>, E> {
        Ok(Entry(None))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Entry<T>, E> {
        Ok(Entry(None))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Entry<T>, E> {
        Ok(Entry(None))
    }
    fn visit_none<E>(self) -> Result<Entry<T>, E> {
        Ok(Entry(None))
    }
    fn visit_unit<E>(self) -> Result<Entry<T>, E> {
        Ok(Entry(None))
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Entry<T>, D::Error> {
        inner.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Entry<T>, A::Error> {
        IgnoredAny.visit_seq(seq)?;
        Ok(Entry(None))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor(PhantomData))
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

struct SequenceVisitor<T>(PhantomData<T>);
struct EntriesVisitor<T>(PhantomData<T>);

/// The visits that both list-like types answer with "nothing here".
macro_rules! nothing_for_scalars {
    ($out:ident < $item:ident >) => {
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("anything")
        }
        fn visit_str<E>(self, _: &str) -> Result<$out<$item>, E> {
            Ok($out(Vec::new(), Shape::Wrong))
        }
        fn visit_bool<E>(self, _: bool) -> Result<$out<$item>, E> {
            Ok($out(Vec::new(), Shape::Wrong))
        }
        fn visit_i64<E>(self, _: i64) -> Result<$out<$item>, E> {
            Ok($out(Vec::new(), Shape::Wrong))
        }
        fn visit_u64<E>(self, _: u64) -> Result<$out<$item>, E> {
            Ok($out(Vec::new(), Shape::Wrong))
        }
        fn visit_f64<E>(self, _: f64) -> Result<$out<$item>, E> {
            Ok($out(Vec::new(), Shape::Wrong))
        }
        fn visit_none<E>(self) -> Result<$out<$item>, E> {
            Ok($out::default())
        }
        fn visit_unit<E>(self) -> Result<$out<$item>, E> {
            Ok($out::default())
        }
        fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<$out<$item>, D::Error> {
            inner.deserialize_any(self)
        }
    };
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for SequenceVisitor<T> {
    type Value = Sequence<T>;
    nothing_for_scalars!(Sequence<T>);
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sequence<T>, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = seq.next_element()? {
            out.push(item);
        }
        Ok(Sequence(out, Shape::There))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sequence<T>, A::Error> {
        IgnoredAny.visit_map(map)?;
        Ok(Sequence(Vec::new(), Shape::Wrong))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;
    nothing_for_scalars!(Entries<T>);
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = map.next_entry()? {
            out.push(entry);
        }
        Ok(Entries(out, Shape::There))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Entries<T>, A::Error> {
        IgnoredAny.visit_seq(seq)?;
        Ok(Entries(Vec::new(), Shape::Wrong))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Sequence<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SequenceVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntriesVisitor(PhantomData))
    }
}
