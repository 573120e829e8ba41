//! What the drill is about: a package whose security update is truly pending,
//! and an advisory that says so.
//!
//! The fix, its version and the CVE ids are the distribution's own, read out
//! of the package's changelog; that one of them is exploited is the drill's
//! assumption, and the advisory says that it is a drill.

use super::base::Base;
use super::server::own;
use super::tools::{run, said};
use super::{failed, unfinished};
use crate::printer::Failure;
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Source packages that the drill would rather be about: several packages of
/// one source, mapped by running programs.
const RATHER: [&str; 3] = ["openssl", "curl", "perl-base"];

/// The drill.
#[derive(Debug)]
pub struct Drill {
    /// Packages with a security update, and the version it leads to.
    pub pending: Vec<(String, String)>,
    /// The package it is about.
    pub package: String,
    /// The version that fixes it.
    pub fixed: String,
    /// The advisory's id.
    pub id: String,
    /// The database that the server serves.
    pub database: PathBuf,
    sources: PathBuf,
    /// Release of the distribution, `12`.
    pub release: String,
    /// CVE ids that the changelog of the update names.
    cves: Vec<String>,
}

impl Drill {
    /// Chooses the package and builds a database without the advisory.
    ///
    /// # Errors
    ///
    /// `E-LAB` where nothing is pending.
    pub fn prepare(base: &Base, work: &Path) -> Result<Self, Failure> {
        let pending = base.pending_security()?;
        let wanted = RATHER.iter().find_map(|name| pending.iter().find(|(pending, _)| pending == name));
        let (package, fixed) = wanted.or(pending.first()).cloned().ok_or_else(|| {
            unfinished("the repositories", "offer no security update for the base release, so there is nothing to carry")
        })?;
        let sources = work.join("sources");
        let release = said(Command::new("sh").args(["-c", ". \"$1/etc/os-release\"; printf %s \"$VERSION_ID\"", "sh"]).arg(&base.root))?;
        let drill = Self { pending, id: format!("DRILL-{package}"), package, fixed, database: work.join("advisories.plimsolldb"), sources, release, cves: Vec::new() };
        drill.write("advisories/none.toml", &drill.text("DRILL-0", "nothing-that-anybody-has", "1", &[]))?;
        drill.build()?;
        Ok(drill)
    }

    /// Publishes the advisory: a newer database takes the old one's place.
    pub fn publish(&self) -> Result<(), Failure> {
        self.write(&format!("advisories/{}.toml", self.id), &self.text(&self.id, &self.package, &self.fixed, &self.cves))?;
        let exploited = self.cves.first().map(|cve| {
            json!({
                "cveID": cve, "vendorProject": "Debian", "product": self.package, "vulnerabilityName": "assumed to be exploited, for this drill",
                "dateAdded": Timestamp::now().strftime("%Y-%m-%d").to_string(), "shortDescription": "a drill", "requiredAction": "install the update",
                "dueDate": "", "knownRansomwareCampaignUse": "Unknown", "notes": "", "cwes": [],
            })
        });
        let all: Vec<_> = exploited.into_iter().collect();
        let catalogue = json!({ "title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "drill", "dateReleased": Timestamp::now().to_string(), "count": all.len(), "vulnerabilities": all });
        self.write("kev/known_exploited_vulnerabilities.json", &catalogue.to_string())?;
        self.build()
    }

    fn text(&self, id: &str, package: &str, fixed: &str, cves: &[String]) -> String {
        let today = Timestamp::now().strftime("%Y-%m-%d");
        format!(
            "id = \"{id}\"\nsummary = \"A drill: {package} before {fixed}\"\nseverity = \"critical\"\npublished = {today}\ncves = {cves:?}\n\n[[affected]]\nstream = \"debian:{}\"\nname = \"{package}\"\nfixed = \"{fixed}\"\nnames = \"binary\"\n",
            self.release
        )
    }

    fn build(&self) -> Result<(), Failure> {
        let fresh = self.database.with_extension("new");
        run(own()?.args(["--quiet", "db", "build", "--from"]).arg(&self.sources).arg("--to").arg(&fresh))?;
        std::fs::rename(&fresh, &self.database).map_err(|error| failed(&self.database, &error))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.sources.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        made.map_err(|error| failed(&path, &error))
    }
}
