//! Writing a repository that apt installs from: `Packages` and `Release`.

use crate::protocol::digest;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a `Release` file says of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Suite<'a> {
    /// `Origin` and `Label`: who offers it.
    pub origin: &'a str,
    /// `Suite` and `Codename`: what sources name.
    pub name: &'a str,
    /// `Description`, one line.
    pub description: &'a str,
    /// `Architectures`, without `all`.
    pub architectures: &'a [String],
    /// `Date`.
    pub date: Timestamp,
}

/// Writes the `Packages` file of one architecture; the records end with a line
/// feed each.
pub fn packages<'a>(stanzas: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for stanza in stanzas {
        out.push_str(stanza);
        out.push('\n');
    }
    out
}

/// Writes `Release` over these files, by their paths below the suite's folder.
///
/// There is no `Valid-Until`: a frozen set is never replaced, so that nothing
/// newer could be withheld; how long it may be used is said by whoever deploys
/// from it.
pub fn release(suite: &Suite<'_>, files: &BTreeMap<String, Vec<u8>>) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = format!(
        "Origin: {}\nLabel: {}\nSuite: {}\nCodename: {}\nDate: {}\nArchitectures: {}\nComponents: main\nDescription: {}\nAcquire-By-Hash: yes\nSHA256:\n",
        line(suite.origin),
        line(suite.origin),
        line(suite.name),
        line(suite.name),
        suite.date.strftime("%a, %d %b %Y %H:%M:%S UTC"),
        suite.architectures.join(" "),
        line(suite.description),
    );
    for (path, bytes) in files {
        out.push_str(&format!(" {} {} {path}\n", digest(bytes), bytes.len()));
    }
    out
}
