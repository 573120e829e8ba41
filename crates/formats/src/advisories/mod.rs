//! Advisory sources: one file a format, each from bytes to [`Fact`]s.

pub mod csaf;
mod csaf_document;
mod csaf_products;
pub mod csaf_provider;
pub mod cve5;
pub mod cvss;
pub mod debian;
pub mod detect;
pub mod distributions;
pub mod epss;
mod facts;
pub mod feed;
mod json_text;
pub mod kev;
pub mod lifecycle;
pub mod nodejs_wg;
pub mod nvd;
pub mod osv;
mod osv_ranges;
pub mod retirejs;
pub mod secdb;
mod tarball;
pub mod typed;
pub mod ubuntu;
pub mod vex;

use plimsoll_core::model::advisory::{Advisory, Cvss};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::statement::Statement;
use plimsoll_core::model::support::{PackageSupport, SupportWindow};
use plimsoll_core::model::threat::{Epss, Kev, Ssvc};

/// One thing a source says.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// An advisory.
    Advisory(Box<Advisory>),
    /// A CVSS score of a CVE.
    Cvss {
        /// CVE id.
        cve: String,
        /// The score.
        cvss: Cvss,
    },
    /// A known exploited vulnerability.
    Kev {
        /// CVE id.
        cve: String,
        /// The entry.
        kev: Kev,
    },
    /// An exploit prediction.
    Epss {
        /// CVE id.
        cve: String,
        /// The prediction.
        epss: Epss,
    },
    /// SSVC decision points.
    Ssvc {
        /// CVE id.
        cve: String,
        /// The points.
        ssvc: Ssvc,
    },
    /// Publication date of a CVE record.
    Published {
        /// CVE id.
        cve: String,
        /// The date.
        published: jiff::Timestamp,
    },
    /// A support window of a release.
    Support(SupportWindow),
    /// Support of one package.
    PackageSupport(PackageSupport),
    /// A VEX statement.
    Statement(Box<Statement>),
}

/// What reading one source came to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Reading {
    /// Records taken.
    pub records: u64,
    /// Records that could not be read, each also a problem (the first
    /// [`Reading::PROBLEM_LIMIT`] of them).
    pub rejected: u64,
    /// Newest date among the records or the feed's own.
    pub newest: Option<jiff::Timestamp>,
    /// Problems met; the reading went on.
    pub problems: Vec<Problem>,
}

impl Reading {
    /// Problems kept in full; further ones are only counted in `rejected`.
    pub const PROBLEM_LIMIT: usize = 20;

    /// Notes a record that could not be read.
    pub fn reject(&mut self, problem: Problem) {
        self.rejected += 1;
        if self.problems.len() < Self::PROBLEM_LIMIT {
            self.problems.push(problem);
        }
    }

    /// Notes a date of the source.
    pub fn saw(&mut self, date: Option<jiff::Timestamp>) {
        if date > self.newest {
            self.newest = date;
        }
    }

    /// Adds up two readings of parts of one source.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.rejected += other.rejected;
        self.saw(other.newest);
        let room = Self::PROBLEM_LIMIT.saturating_sub(self.problems.len());
        self.problems.extend(other.problems.into_iter().take(room));
    }
}
