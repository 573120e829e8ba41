//! **Dependencies** between packages of one stream, as their indices state
//! them.

use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;
use std::fmt;

/// How a version is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operator {
    /// Every version will do.
    Any,
    /// Older.
    Less,
    /// The same or older.
    LessEqual,
    /// The same.
    Equal,
    /// The same or newer.
    GreaterEqual,
    /// Newer.
    Greater,
}

impl Operator {
    /// Whether an order between what is there and what is asked for will do.
    pub fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Any => true,
            Self::Less => order == Ordering::Less,
            Self::LessEqual => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::GreaterEqual => order != Ordering::Less,
            Self::Greater => order == Ordering::Greater,
        }
    }
}

/// What a package needs, or what it provides: a name and a range of versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Requirement<'a> {
    /// Package name, or a name that packages provide.
    pub name: &'a str,
    /// What stands after a colon: `any`, `native` or an architecture.
    pub arch: Option<&'a str>,
    /// How the version is compared.
    pub operator: Operator,
    /// The version it is compared with; empty for [`Operator::Any`].
    pub version: &'a str,
}

impl Requirement<'_> {
    /// Whether a version will do. Without a version only [`Operator::Any`] is
    /// satisfied, as dpkg and rpm read it.
    ///
    /// An rpm requirement without release (`>= 2.1`) is compared without the
    /// release of what is there.
    pub fn admits(&self, scheme: Scheme, version: Option<&str>) -> bool {
        let Some(version) = version.filter(|_| self.operator != Operator::Any) else {
            return self.operator == Operator::Any;
        };
        let version = match (scheme, version.rsplit_once('-')) {
            (Scheme::Rpm, Some((short, _))) if !self.version.contains('-') => short,
            _ => version,
        };
        compare(scheme, version, self.version).is_ok_and(|order| self.operator.admits(order))
    }
}

impl fmt::Display for Requirement<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)?;
        if let Some(arch) = self.arch {
            write!(formatter, ":{arch}")?;
        }
        let sign = match self.operator {
            Operator::Any => return Ok(()),
            Operator::Less => "<<",
            Operator::LessEqual => "<=",
            Operator::Equal => "=",
            Operator::GreaterEqual => ">=",
            Operator::Greater => ">>",
        };
        write!(formatter, " ({sign} {})", self.version)
    }
}
