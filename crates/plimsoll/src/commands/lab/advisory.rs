//! What the drill is about: a package whose security update is truly pending,
//! and an advisory that says so.
//!
//! The fix, its version and the CVE ids are the distribution's own, read out
//! of the package's changelog; that one of them is exploited is the drill's
//! assumption, and the advisory says that it is a drill.

use super::base::Base;
use super::rpm_base::{RpmBase, STREAM};
use super::server::own;
use super::system::System;
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

/// What hosts of one packaging system lack.
#[derive(Debug)]
pub struct Lacking {
    /// Packages with a security update, and the version it leads to.
    pub pending: Vec<(String, String)>,
    /// The package that the drill is about.
    pub package: String,
    /// The version that fixes it.
    pub fixed: String,
}

impl Lacking {
    fn of(pending: Vec<(String, String)>) -> Result<Self, Failure> {
        let wanted = RATHER.iter().find_map(|name| pending.iter().find(|(pending, _)| pending == name));
        let (package, fixed) = wanted.or(pending.first()).cloned().ok_or_else(|| {
            unfinished("the repositories", "offer no security update for the base release, so there is nothing to carry")
        })?;
        Ok(Self { pending, package, fixed })
    }
}

/// The drill.
#[derive(Debug)]
pub struct Drill {
    debian: Lacking,
    rpm: Option<Lacking>,
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
    pub fn prepare(base: &Base, rpm: Option<&RpmBase>, work: &Path) -> Result<Self, Failure> {
        let debian = Lacking::of(base.pending_security()?)?;
        let rpm = rpm.map(|rpm| rpm.pending_security().and_then(Lacking::of)).transpose()?;
        let sources = work.join("sources");
        let release = said(Command::new("sh").args(["-c", ". \"$1/etc/os-release\"; printf %s \"$VERSION_ID\"", "sh"]).arg(&base.root))?;
        let id = format!("DRILL-{}", debian.package);
        let drill = Self { debian, rpm, id, database: work.join("advisories.plimsolldb"), sources, release, cves: Vec::new() };
        drill.write("advisories/none.toml", &text("DRILL-0", "concerns nobody", &[], &[["debian:0", "nothing-that-anybody-has", "1"].map(str::to_owned)]))?;
        drill.build()?;
        Ok(drill)
    }

    /// What hosts of a packaging system lack.
    pub fn update(&self, system: System) -> &Lacking {
        match (system, &self.rpm) {
            (System::Rpm, Some(rpm)) => rpm,
            _ => &self.debian,
        }
    }

    /// Publishes the advisory: a newer database takes the old one's place.
    pub fn publish(&self) -> Result<(), Failure> {
        let of = |stream: String, lacking: &Lacking| [stream, lacking.package.clone(), lacking.fixed.clone()];
        let mut affected = vec![of(format!("debian:{}", self.release), &self.debian)];
        affected.extend(self.rpm.as_ref().map(|rpm| of(STREAM.to_owned(), rpm)));
        let summary = format!("{} before {}", self.debian.package, self.debian.fixed);
        self.write(&format!("advisories/{}.toml", self.id), &text(&self.id, &summary, &self.cves, &affected))?;
        let exploited = self.cves.first().map(|cve| {
            json!({
                "cveID": cve, "vendorProject": "Debian", "product": self.debian.package, "vulnerabilityName": "assumed to be exploited, for this drill",
                "dateAdded": Timestamp::now().strftime("%Y-%m-%d").to_string(), "shortDescription": "a drill", "requiredAction": "install the update",
                "dueDate": "", "knownRansomwareCampaignUse": "Unknown", "notes": "", "cwes": [],
            })
        });
        let all: Vec<_> = exploited.into_iter().collect();
        let catalogue = json!({ "title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "drill", "dateReleased": Timestamp::now().to_string(), "count": all.len(), "vulnerabilities": all });
        self.write("kev/known_exploited_vulnerabilities.json", &catalogue.to_string())?;
        self.build()
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

/// An advisory of our own form: `stream, package, fixed version` of each that
/// it concerns.
fn text(id: &str, summary: &str, cves: &[String], affected: &[[String; 3]]) -> String {
    let today = Timestamp::now().strftime("%Y-%m-%d");
    let mut text = format!("id = \"{id}\"\nsummary = \"A drill: {summary}\"\nseverity = \"critical\"\npublished = {today}\ncves = {cves:?}\n");
    for [stream, name, fixed] in affected {
        text.push_str(&format!("\n[[affected]]\nstream = \"{stream}\"\nname = \"{name}\"\nfixed = \"{fixed}\"\nnames = \"binary\"\n"));
    }
    text
}
