//! A first pass over JSON that keeps nothing: depth, lengths, counts, control
//! characters. What passes it cannot make the second pass allocate much.

use super::limits::Limits;
use plimsoll_core::model::problem::{Problem, printable};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// Checks the shape of JSON text against limits.
///
/// `lines` allows line breaks and tabs inside strings (a signed checkpoint has
/// them); other control characters, and those that turn the direction of
/// writing, are refused everywhere.
pub(super) fn measure(place: &str, bytes: &[u8], limits: &Limits, lines: bool) -> Result<(), Problem> {
    let values = Cell::new(0usize);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let walk = Walk { limits, lines, values: &values, depth: 0 };
    walk.deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(|error| problem(place, &error))
}

/// Says where JSON is wrong; the message of a measured limit is our own.
pub(super) fn problem(place: &str, error: &serde_json::Error) -> Problem {
    let text = printable(&error.to_string());
    match text.strip_prefix(OVER) {
        Some(text) => Problem::new("E-LIMIT", place, text, "look at the host that sent it; no real host reaches this"),
        None => Problem::new("E-FORMAT", place, format!("is not a message of this protocol: {text}"), "update the agent, or look at the host that sent it"),
    }
}

/// Marks our own message among serde_json's.
const OVER: &str = "over the limit: ";

#[derive(Clone, Copy)]
struct Walk<'a> {
    limits: &'a Limits,
    lines: bool,
    values: &'a Cell<usize>,
    depth: usize,
}

impl Walk<'_> {
    fn count<E: Error>(&self) -> Result<(), E> {
        let values = self.values.get() + 1;
        self.values.set(values);
        if values > self.limits.values {
            return Err(E::custom(format!("{OVER}has more than {} values", self.limits.values)));
        }
        Ok(())
    }

    fn deeper<E: Error>(&self) -> Result<Self, E> {
        if self.depth >= self.limits.depth {
            return Err(E::custom(format!("{OVER}is nested deeper than {} levels", self.limits.depth)));
        }
        Ok(Self { depth: self.depth + 1, ..*self })
    }

    fn text<E: Error>(&self, text: &str) -> Result<(), E> {
        if text.len() > self.limits.string {
            return Err(E::custom(format!("{OVER}has a string of {} bytes, the limit is {}", text.len(), self.limits.string)));
        }
        let allowed = |character: char| self.lines && matches!(character, '\n' | '\t');
        if let Some(character) = text.chars().find(|&character| unprintable(character) && !allowed(character)) {
            let shown: String = printable(text).chars().take(60).collect();
            return Err(E::custom(format!("{OVER}has the control character {} in \"{shown}\"", character.escape_unicode())));
        }
        Ok(())
    }
}

/// Whether a character could move a cursor or turn the direction of writing;
/// the same ones that `printable` escapes.
pub(super) fn unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.count()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.count()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.count()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.count()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.count()
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.count()?;
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.count()?;
        let inner = self.deeper()?;
        let mut entries = 0usize;
        while sequence.next_element_seed(inner)?.is_some() {
            entries += 1;
            if entries > self.limits.components {
                return Err(A::Error::custom(format!("{OVER}has a list of more than {} entries", self.limits.components)));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.count()?;
        let inner = self.deeper()?;
        while map.next_key_seed(inner)?.is_some() {
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}
