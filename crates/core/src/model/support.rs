//! Support windows of releases and packages (end of life).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How long a release of a product is supported, by one source.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SupportWindow {
    /// Product, in the spelling of streams where it is a distribution
    /// (`debian`), else the source's own (`nodejs`).
    pub product: String,
    /// Release cycle, `12`, `3.11`.
    pub release: String,
    /// Code name, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// First day of the release.
    pub released: Option<Date>,
    /// Last day of the vendor's ordinary security support.
    pub ends: Option<Date>,
    /// Last day of free long-term support by others (Debian LTS).
    pub long_term_ends: Option<Date>,
    /// Last day of paid extended support (ELTS, ESM, Pro).
    pub extended_ends: Option<Date>,
}

/// Support of one package that ends before its release's (Debian
/// `debian-security-support`), or is limited.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PackageSupport {
    /// Stream, `debian:12`.
    pub stream: super::stream::Stream,
    /// Source package name; a trailing `.*` in the source's list means every
    /// name with this prefix and is kept as written.
    pub source: String,
    /// Last supported version; none for `limited`.
    pub last_version: Option<String>,
    /// Day support ended or will end; none for `limited`.
    pub ended: Option<Date>,
    /// The source's words.
    pub text: String,
}
