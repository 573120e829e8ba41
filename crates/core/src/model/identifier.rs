//! Typed **identifiers** of what a server keeps.
//!
//! 128 bits as 26 letters of Crockford's base 32, lower case: 48 bits of
//! milliseconds, so that newer rows sort later, and 80 random bits, so that
//! nobody can count or guess what belongs to another client.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Number of letters.
pub const LENGTH: usize = 26;

/// Puts 128 bits together: milliseconds since the epoch above, chance below.
pub fn compose(milliseconds: u64, chance: u128) -> u128 {
    (u128::from(milliseconds & ((1 << 48) - 1)) << 80) | (chance & ((1 << 80) - 1))
}

fn write(bits: u128) -> String {
    (0..LENGTH).rev().map(|place| LETTERS[(bits >> (place * 5)) as usize & 31] as char).collect()
}

fn read(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    // The first letter carries three bits only; a larger one would be a second
    // spelling of another identifier.
    if bytes.len() != LENGTH || *bytes.first()? > b'7' {
        return None;
    }
    bytes.iter().try_fold(0u128, |bits, letter| {
        let value = LETTERS.iter().position(|known| known == letter)?;
        Some((bits << 5) | value as u128)
    })
}

/// Text that is no identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAnIdentifier;

impl fmt::Display for NotAnIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "is no identifier: {LENGTH} of the letters 0-9 a-z without i, l, o and u")
    }
}

impl std::error::Error for NotAnIdentifier {}

macro_rules! identifiers {
    ($($(#[$attribute:meta])* $name:ident;)*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u128);

        impl $name {
            /// Makes it from its 128 bits, see [`compose`].
            pub fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// Its 128 bits.
            pub fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&write(self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotAnIdentifier;

            fn from_str(text: &str) -> Result<Self, NotAnIdentifier> {
                read(text).map(Self).ok_or(NotAnIdentifier)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

identifiers! {
    /// Names a managed host.
    HostId;
    /// Names a client (of a service provider); a single organisation has one.
    ClientId;
    /// Names a person with an account.
    PersonId;
    /// Names a group of hosts.
    GroupId;
    /// Names an application.
    ApplicationId;
    /// Names an API or enrolment token; not its secret.
    TokenId;
    /// Names a webhook.
    WebhookId;
    /// Names an exception.
    ExceptionId;
    /// Names a mitigation.
    MitigationId;
    /// Names an accreditation.
    AccreditationId;
    /// Names a word of a forensic triage.
    TriageId;
    /// Names a question to a client.
    QuestionId;
    /// Names a record of work.
    WorkId;
    /// Names a report that was made when it was due.
    MadeReportId;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_back_what_it_writes(bits: u128) {
            let id = HostId::from_bits(bits);
            prop_assert_eq!(id.to_string().parse::<HostId>(), Ok(id));
        }

        #[test]
        fn text_sorts_as_bits_do(left: u128, right: u128) {
            let (one, two) = (HostId::from_bits(left), HostId::from_bits(right));
            prop_assert_eq!(one.cmp(&two), one.to_string().cmp(&two.to_string()));
        }
    }

    #[test]
    fn refuses_second_spellings() {
        for text in ["", "8zzzzzzzzzzzzzzzzzzzzzzzzz", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "7zzzzzzzzzzzzzzzzzzzzzzzzi", "é7zzzzzzzzzzzzzzzzzzzzzzzz"] {
            assert_eq!(text.parse::<HostId>(), Err(NotAnIdentifier), "{text}");
        }
    }
}
