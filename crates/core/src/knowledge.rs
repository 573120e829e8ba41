//! **Knowledge**: what an advisory database can be asked.
//!
//! The trait keeps the core free of I/O: the mapped file implements it in
//! `plimsoll-formats`, a fleet's in-memory index may implement it too. Every
//! question can fail, because a damaged database must never read as "nothing
//! found".

use crate::model::advisory::{AdvisoryKind, NamesWhat, Only, Severity, Status, Workaround};
use crate::model::problem::Problem;
use crate::model::source::Source;
use crate::model::statement::Statement;
use crate::model::stream::Stream;
use crate::model::support::{PackageSupport, SupportWindow};
use crate::model::threat::Threat;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a set of sources knows about vulnerabilities.
pub trait Knowledge {
    /// Passes every rule on the source or binary packages called `name` in
    /// `stream` to `each`.
    ///
    /// `name` must be normalised by [`Stream::normalise_name`]. With
    /// `settled_at`, the key of a version, rules that [`Rule::is_settled_at`]
    /// it may be left out: most rules of a well-kept package are fixed long
    /// ago. The order is the implementation's own; [`Rule::order`] tells the
    /// advisory's.
    fn rules<'a>(
        &'a self,
        stream: &Stream,
        names: NamesWhat,
        name: &str,
        settled_at: Option<&[u8]>,
        each: &mut dyn FnMut(Rule<'a>),
    ) -> Result<(), Problem>;
    /// The advisory a rule belongs to.
    fn advisory(&self, number: u32) -> Result<AdvisoryFacts, Problem>;
    /// Free text and references of an advisory, for explanations.
    fn advisory_text(&self, number: u32) -> Result<AdvisoryText, Problem>;
    /// Numbers of the advisories with this id, alias or CVE, ascending.
    fn advisories_named(&self, id: &str) -> Result<Vec<u32>, Problem>;
    /// Scores and exploitation of a CVE; none when nothing is known.
    fn threat(&self, cve: &str) -> Result<Option<Threat>, Problem>;
    /// VEX statements on a vulnerability.
    fn statements(&self, vulnerability: &str) -> Result<Vec<Statement>, Problem>;
    /// Support windows of a product, in the spelling of stream families.
    fn support(&self, product: &str) -> Result<Vec<SupportWindow>, Problem>;
    /// Packages of a stream whose support ends early or is limited.
    fn package_support(&self, stream: &Stream) -> Result<Vec<PackageSupport>, Problem>;
    /// All sources.
    fn sources(&self) -> &[Source];
    /// Streams with at least one rule, ascending.
    fn streams(&self) -> Vec<Stream>;
    /// Whether there is at least one rule for a stream.
    fn covers(&self, stream: &Stream) -> bool;
}

/// One range of one advisory for one package.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// Number of the advisory.
    pub advisory: u32,
    /// Place among the advisory's rules on the same packages.
    pub order: u16,
    /// First affected version; none means from the beginning.
    pub introduced: Option<RuleVersion<'a>>,
    /// Where it ends.
    pub end: RuleEnd<'a>,
    /// What the source says apart from versions.
    pub status: Status,
    /// Whether it speaks of source or binary packages.
    pub names: NamesWhat,
    /// Where it holds; none holds everywhere.
    pub only: Option<&'a Only>,
}

impl<'a> Rule<'a> {
    /// The key of the fix that settles the rule for every version from it on;
    /// none where the rule denies, has no fix, or cannot be read whole.
    pub fn fix_key(&self) -> Option<&'a [u8]> {
        let RuleEnd::Fixed(RuleVersion { key, .. }) = self.end else { return None };
        let started = self.introduced.is_none_or(|version| version.key.is_some());
        key.filter(|_| started && self.status != Status::NotAffected)
    }

    /// Whether the version with this key holds the rule's fix, and the rule
    /// has nothing else to say.
    pub fn is_settled_at(&self, key: &[u8]) -> bool {
        self.fix_key().is_some_and(|fix| fix <= key)
    }
}

/// A version with its order-preserving key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuleVersion<'a> {
    /// As written, UTF-8; read only where it is shown, see [`RuleVersion::shown`].
    pub text: &'a [u8],
    /// Key by [`plimsoll_version::write_key`]; none when it cannot be read.
    pub key: Option<&'a [u8]>,
}

impl RuleVersion<'_> {
    /// The version as written.
    pub fn shown(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.text)
    }
}

/// Where a rule's range ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleEnd<'a> {
    /// This version is fixed.
    Fixed(RuleVersion<'a>),
    /// This version is the last affected one.
    LastAffected(RuleVersion<'a>),
    /// Only the version `introduced` is affected.
    Exactly,
    /// No end known.
    Open,
}

/// What a finding needs to know of its advisory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AdvisoryFacts {
    /// Id.
    pub id: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// CVE ids.
    pub cves: Vec<String>,
    /// Kind.
    pub kind: AdvisoryKind,
    /// One line.
    pub summary: String,
    /// First publication.
    pub published: Option<Timestamp>,
    /// Last change.
    pub modified: Option<Timestamp>,
    /// Taken back.
    pub withdrawn: Option<Timestamp>,
    /// Severities as stated.
    pub severities: Vec<Severity>,
    /// Workarounds and mitigations.
    pub workarounds: Vec<Workaround>,
    /// Indices into [`Knowledge::sources`], the source whose text is kept first.
    pub sources: Vec<u16>,
}

/// The long part of an advisory.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AdvisoryText {
    /// Free text.
    pub details: String,
    /// Web addresses.
    pub references: Vec<String>,
    /// Packages it names, `stream/name`, at most
    /// [`AdvisoryText::PACKAGE_LIMIT`].
    pub packages: Vec<String>,
}

impl AdvisoryText {
    /// Packages listed in an explanation; a kernel advisory names hundreds of
    /// flavours and a reader needs the fact, not all of them.
    pub const PACKAGE_LIMIT: usize = 400;
}
