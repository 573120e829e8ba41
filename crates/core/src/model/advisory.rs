//! An **advisory**: what a vendor or database says about a vulnerability.

use super::stream::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One advisory as its source states it, before the database's layout.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Advisory {
    /// The source's own id, `DSA-5998-1`, `RHSA-2024:0811`, `CVE-2024-3094`.
    pub id: String,
    /// Other names of *the same* vulnerability (CVE, GHSA).
    pub aliases: Vec<String>,
    /// CVE ids it deals with; a distribution advisory names many. Contains the
    /// CVE ids among `aliases` as well.
    pub cves: Vec<String>,
    /// What it is about.
    pub kind: AdvisoryKind,
    /// One line.
    pub summary: String,
    /// Free text, at most [`Advisory::DETAILS_LIMIT`] bytes, cut at a
    /// character boundary.
    pub details: String,
    /// First publication; none where the source gives no usable date
    /// (placeholders such as year 1 are none).
    pub published: Option<Timestamp>,
    /// Last change.
    pub modified: Option<Timestamp>,
    /// Set when the source took it back; it then matches nothing, and
    /// `explain` says so.
    pub withdrawn: Option<Timestamp>,
    /// Severities as stated, in the order of the source.
    pub severities: Vec<Severity>,
    /// What it says of each package.
    pub affected: Vec<Affected>,
    /// Workarounds and mitigations; never counted as a fix.
    pub workarounds: Vec<Workaround>,
    /// Web addresses, the advisory's own page first.
    pub references: Vec<String>,
}

impl Advisory {
    /// Longest kept free text, in bytes: enough for any explanation shown,
    /// and bounds a hostile record.
    pub const DETAILS_LIMIT: usize = 8 * 1024;
}

/// What an advisory is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdvisoryKind {
    /// A vulnerability.
    #[default]
    Security,
    /// A repair of an earlier security update that carries no CVE of its own
    /// (Debian "regression update"): judged like a security advisory.
    Regression,
    /// A bug fix without security content.
    Bugfix,
    /// New features.
    Enhancement,
    /// The package is malicious.
    Malware,
    /// Nobody maintains the package any more.
    Unmaintained,
    /// A notice (unsound code, informational).
    Notice,
}

impl AdvisoryKind {
    /// Whether a match is a finding under the policy, rather than a remark.
    pub fn is_security(self) -> bool {
        matches!(self, Self::Security | Self::Regression | Self::Malware)
    }
}

/// A severity in one of the field's notations.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
pub enum Severity {
    /// A CVSS vector with its base score.
    Cvss(Cvss),
    /// The vendor's own word, mapped onto the common scale.
    Vendor {
        /// Who says so (`redhat`, `debian`, `ubuntu`, `ghsa`).
        vendor: String,
        /// The word as written.
        word: String,
        /// The word on the common scale.
        rating: Rating,
    },
}

/// A CVSS vector and the score computed from it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cvss {
    /// Major version: 2, 3 or 4.
    pub version: u8,
    /// Vector string as stated (`CVSS:3.1/AV:N/…`; v2 without prefix). Empty
    /// where the source states only a number.
    pub vector: String,
    /// Base score, 0.0 to 10.0 in tenths (75 is 7.5), so that equality and
    /// order are exact.
    pub base_tenths: u8,
}

impl Cvss {
    /// The rating of the base score by the bands of its CVSS version.
    ///
    /// Source: FIRST's qualitative scale for v3 and v4; NVD's for v2, which
    /// has no `critical`.
    pub fn rating(&self) -> Rating {
        match (self.version, self.base_tenths) {
            (2, 0..=39) => Rating::Low,
            (2, 40..=69) => Rating::Medium,
            (2, _) => Rating::High,
            (_, 0) => Rating::None,
            (_, 1..=39) => Rating::Low,
            (_, 40..=69) => Rating::Medium,
            (_, 70..=89) => Rating::High,
            (_, _) => Rating::Critical,
        }
    }
}

/// The common severity scale.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rating {
    /// Nobody has said; the policy names what is assumed instead.
    #[default]
    Unknown,
    /// Score 0.
    None,
    /// Low, negligible, minor.
    Low,
    /// Medium, moderate.
    Medium,
    /// High, important.
    High,
    /// Critical.
    Critical,
}

impl Rating {
    /// All ratings, mild to grave.
    pub const ALL: [Self; 6] = [Self::Unknown, Self::None, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word for people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What an advisory says of one package in one stream.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Affected {
    /// The stream it speaks of.
    pub stream: Stream,
    /// Package name, normalised by [`Stream::normalise_name`].
    pub name: String,
    /// Whether `name` and the versions are those of source or binary packages.
    pub names: NamesWhat,
    /// Ranges of affected versions; a version in any of them is affected.
    pub ranges: Vec<AffectedRange>,
    /// Single affected versions, beside the ranges.
    pub versions: Vec<String>,
    /// What the source says the state of this package is.
    pub status: Status,
    /// Narrows where the statement holds.
    pub only: Only,
}

/// Whether an advisory names source or binary packages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamesWhat {
    /// Source packages and source versions (Debian, Ubuntu, Alpine).
    Source,
    /// Binary packages (rpm errata, languages).
    #[default]
    Binary,
}

/// A range of affected versions, from `introduced` (inclusive) on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AffectedRange {
    /// First affected version; none means from the beginning.
    pub introduced: Option<String>,
    /// Where it ends.
    pub end: RangeEnd,
}

/// Where a range of affected versions ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RangeEnd {
    /// At this version, which is fixed (exclusive).
    Fixed(String),
    /// With this version, which is still affected (inclusive); no fixed
    /// version is known.
    LastAffected(String),
    /// It does not end: no fix is known.
    Open,
}

/// What a source says the state of a package is, apart from versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Affected in the ranges; fixed where they end.
    #[default]
    Affected,
    /// Not affected at all; overrides ranges.
    NotAffected,
    /// Still being looked into.
    UnderInvestigation,
    /// Affected, a fix is put off (Debian `postponed`, `no-dsa`; Red Hat "Fix
    /// deferred").
    Postponed,
    /// Affected, will not be fixed (Debian `ignored`, Red Hat "Will not fix").
    WontFix,
    /// Affected or unknown, out of the vendor's support.
    EndOfLife,
}

/// Narrows an [`Affected`] statement; an empty field does not narrow.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Only {
    /// Architectures.
    pub arches: Vec<String>,
    /// RPM module `name:stream`.
    pub module: Option<String>,
    /// Minor release or extended-support line the fix belongs to (`9.2`,
    /// `8.6-eus`); the host's own minor release chooses among several.
    pub minor: Option<String>,
    /// Repository or subscription in which the fix is (`esm-infra`,
    /// `esm-apps`, `fips-updates`, a yum repository id); none is the ordinary one.
    pub repository: Option<String>,
}

/// A workaround or mitigation: shown, never counted as a fix.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Workaround {
    /// CSAF remediation category (`workaround`, `mitigation`), or the same
    /// word for other sources.
    pub kind: String,
    /// What to do.
    pub text: String,
    /// Where it is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Whether `id` has the form `CVE-YYYY-NNNN…`, upper case.
pub fn is_cve(id: &str) -> bool {
    let mut parts = id.split('-');
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next() == Some("CVE")
        && parts.next().is_some_and(|year| year.len() == 4 && digits(year))
        && parts.next().is_some_and(|number| (4..=19).contains(&number.len()) && digits(number))
        && parts.next().is_none()
}
