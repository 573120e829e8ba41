//! Reading typed values out of rows; whatever cannot be read is damage, named
//! by its column.

use crate::error::{Result, StoreError};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};
use std::str::FromStr;

/// Typed columns of a row.
pub(crate) trait Columns {
    /// Reads a value of a type that the driver knows.
    fn value<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, name: &str) -> Result<T>;

    /// Reads text.
    fn text(&self, name: &str) -> Result<String> {
        self.value(name)
    }

    /// Reads text that may be missing.
    fn optional_text(&self, name: &str) -> Result<Option<String>> {
        self.value(name)
    }

    /// Reads a whole number.
    fn number(&self, name: &str) -> Result<i64> {
        self.value(name)
    }

    /// Reads a whole number that cannot be negative.
    fn count(&self, name: &str) -> Result<u64> {
        u64::try_from(self.number(name)?).map_err(|_| StoreError::damaged(name, "The number is negative."))
    }

    /// Reads yes or no, kept as 1 and 0.
    fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.number(name)? != 0)
    }

    /// Reads bytes.
    fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        self.value(name)
    }

    /// Reads a time.
    fn time(&self, name: &str) -> Result<Timestamp> {
        moment(self.number(name)?).ok_or_else(|| StoreError::damaged(name, "The time is out of range."))
    }

    /// Reads a time that may be missing.
    fn optional_time(&self, name: &str) -> Result<Option<Timestamp>> {
        match self.value::<Option<i64>>(name)? {
            None => Ok(None),
            Some(value) => {
                moment(value).map(Some).ok_or_else(|| StoreError::damaged(name, "The time is out of range."))
            }
        }
    }

    /// Reads an identifier or another type that has a text form.
    fn parsed<T: FromStr>(&self, name: &str) -> Result<T> {
        self.text(name)?.parse().map_err(|_| StoreError::damaged(name, "The text has not the form it was written in."))
    }

    /// Reads a text form that may be missing.
    fn optional_parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.optional_text(name)?
            .map(|text| text.parse().map_err(|_| StoreError::damaged(name, "The text has not the form it was written in.")))
            .transpose()
    }

    /// Reads a value kept as JSON.
    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_str(&self.text(name)?).map_err(|error| StoreError::damaged(name, error.to_string()))
    }

    /// Reads a word of a closed list.
    fn word<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let text = self.text(name)?;
        parse(&text).ok_or_else(|| StoreError::damaged(name, format!("The word {text:?} is unknown.")))
    }
}

impl Columns for AnyRow {
    fn value<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, name: &str) -> Result<T> {
        self.try_get(name).map_err(|error| StoreError::damaged(name, error.to_string()))
    }
}

/// Time of a stored number: microseconds since the epoch.
pub(crate) fn moment(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok()
}

/// Writes a value as JSON.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::invalid("value", error.to_string()))
}

/// Placeholders `$from` to `$to` in a list.
pub(crate) fn placeholders(from: usize, count: usize) -> String {
    (from..from + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}
