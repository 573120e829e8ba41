//! CSAF 2.0 and 2.1: security advisories and VEX of Red Hat, SUSE, CISA and
//! any other provider.

use super::csaf_document::{Csaf, Products, Remediation, Vulnerability};
use super::csaf_products::{Package, package};
use super::facts::{
    cut, details, first_line, is_cve, one_record, push_severity, push_unique, timestamp, unreadable, vendor_severity,
};
use super::json_text::{Word, document};
use super::{Fact, Reading};
use crate::bounded::{self, Limits};
use crate::protocol::encode_hex;
use jiff::Timestamp;
use plimsoll_core::model::advisory::{
    Advisory, AdvisoryKind, Affected, AffectedRange, NamesWhat, RangeEnd, Severity, Status, Workaround,
};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::statement::{Statement, VexStatus};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};

/// Reads one CSAF document.
///
/// A document is one advisory under its tracking id. Products on Red Hat's and
/// SUSE's platforms become packages of those streams; products with package
/// URLs become packages of their ecosystem; any other product stands in the
/// stream `vendor` under `vendor/product`. VEX documents give statements as
/// well, except for packages of a platform: their URLs do not name the
/// release, and a statement for one release must not silence another.
pub fn advisory(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let csaf: Csaf<'_> = document(place, bytes, "a CSAF document")?;
    let head = &csaf.document;
    let id = head.tracking.id.as_str().trim();
    if id.is_empty() {
        return Err(unreadable(place, "is not a CSAF document: it has no tracking id"));
    }
    let products = Products::of(&csaf.product_tree);
    let mut advisory = heading(&csaf, id);
    let vex = head.category.as_str() == "csaf_vex";
    let mut collected = Collected::default();
    for vulnerability in &csaf.vulnerabilities {
        names(vulnerability, &mut advisory);
        severities(vulnerability, &vendor(head.publisher.name.as_str()), &mut advisory);
        workarounds(vulnerability, &mut advisory);
        collected.take(vulnerability, &products);
        if vex {
            statements(vulnerability, &products, &advisory, head.publisher.name.as_str(), sink);
        }
    }
    advisory.affected = collected.finish();
    let reading = one_record(advisory.modified.max(advisory.published));
    sink(Fact::Advisory(Box::new(advisory)));
    Ok(reading)
}

fn heading(csaf: &Csaf<'_>, id: &str) -> Advisory {
    let head = &csaf.document;
    let title = head.title.as_str();
    let note = head
        .notes
        .iter()
        .find(|note| matches!(note.category.as_str(), "summary" | "description"))
        .or_else(|| head.notes.iter().find(|note| matches!(note.category.as_str(), "general" | "details")));
    let modified = timestamp(head.tracking.current_release_date.as_str());
    let withdrawn = matches!(head.category.as_str(), "csaf_withdrawn" | "csaf_superseded");
    let mut advisory = Advisory {
        id: id.to_owned(),
        kind: kind(id, head.category.as_str(), !csaf.vulnerabilities.is_empty()),
        summary: first_line(title),
        details: details(note.map_or("", |note| note.text.as_str())),
        published: timestamp(head.tracking.initial_release_date.as_str()),
        modified,
        withdrawn: if withdrawn { Some(modified.unwrap_or(Timestamp::UNIX_EPOCH)) } else { None },
        ..Advisory::default()
    };
    if is_cve(id) {
        advisory.cves.push(id.to_owned());
    }
    let own = |reference: &&super::json_text::Object<super::csaf_document::Reference<'_>>| {
        reference.category.as_str() == "self"
    };
    for reference in head.references.iter().filter(own).chain(&head.references) {
        if !reference.url.as_str().is_empty() {
            push_unique(&mut advisory.references, reference.url.as_str());
        }
    }
    let stated = vendor_severity(&vendor(head.publisher.name.as_str()), head.aggregate_severity.text.as_str());
    advisory.severities.extend(stated);
    advisory
}

/// The vendor's short name for severities.
fn vendor(publisher: &str) -> String {
    if publisher.starts_with("Red Hat") {
        return "redhat".to_owned();
    }
    let mut name = publisher.split_whitespace().next().unwrap_or("csaf").to_lowercase();
    cut(&mut name, 40);
    name
}

fn kind(id: &str, category: &str, has_vulnerabilities: bool) -> AdvisoryKind {
    match id.split(['-', ':']).next().unwrap_or(id) {
        "RHBA" => return AdvisoryKind::Bugfix,
        "RHEA" => return AdvisoryKind::Enhancement,
        _ => {}
    }
    match category {
        "csaf_informational_advisory" | "csaf_security_incident_response" => AdvisoryKind::Notice,
        "csaf_base" if !has_vulnerabilities => AdvisoryKind::Notice,
        _ if id.contains("-RU-") => AdvisoryKind::Bugfix,
        _ if id.contains("-FU-") => AdvisoryKind::Enhancement,
        _ => AdvisoryKind::Security,
    }
}

fn names(vulnerability: &Vulnerability<'_>, advisory: &mut Advisory) {
    let cve = vulnerability.cve.as_str().trim();
    if is_cve(cve) {
        push_unique(&mut advisory.cves, cve);
    }
    if advisory.summary.is_empty() {
        advisory.summary = first_line(vulnerability.title.as_str());
    }
    if advisory.details.is_empty() {
        let note = vulnerability.notes.iter().find(|note| matches!(note.category.as_str(), "description" | "summary"));
        advisory.details = details(note.map_or("", |note| note.text.as_str()));
    }
}

fn severities(vulnerability: &Vulnerability<'_>, vendor: &str, advisory: &mut Advisory) {
    let metrics = vulnerability.metrics.iter().map(|metric| &metric.content);
    for score in vulnerability.scores.iter().chain(metrics) {
        for cvss in [&score.cvss_v4, &score.cvss_v3, &score.cvss_v2] {
            if let Some(cvss) = cvss.cvss() {
                push_severity(&mut advisory.severities, Severity::Cvss(cvss));
            }
        }
    }
    let rated = advisory.severities.iter().any(|severity| matches!(severity, Severity::Vendor { .. }));
    if !rated {
        let impact = vulnerability.threats.iter().filter(|threat| threat.category.as_str() == "impact");
        for threat in impact {
            let word = threat.details.as_str();
            if super::facts::rating(word) != plimsoll_core::model::advisory::Rating::Unknown {
                advisory.severities.extend(vendor_severity(vendor, word));
                break;
            }
        }
    }
}

/// Keeps workarounds and mitigations, each text once; Red Hat's standing
/// sentences that there is none are none.
fn workarounds(vulnerability: &Vulnerability<'_>, advisory: &mut Advisory) {
    for remediation in &vulnerability.remediations {
        let category = remediation.category.as_str();
        let text = remediation.details.as_str().trim();
        let none = ["Mitigation for this issue is either not available", "No mitigation is ", "There is no known mitigation"]
            .iter()
            .any(|sentence| text.starts_with(sentence));
        if !matches!(category, "workaround" | "mitigation") || text.is_empty() || none {
            continue;
        }
        let url = remediation.url.as_str();
        let workaround = Workaround {
            kind: category.to_owned(),
            text: details(text),
            url: (!url.is_empty()).then(|| url.to_owned()),
        };
        if !advisory.workarounds.contains(&workaround) {
            advisory.workarounds.push(workaround);
        }
    }
}

/// What is affected, gathered over vulnerabilities and architectures.
#[derive(Default)]
struct Collected {
    /// By everything but the architecture.
    packages: BTreeMap<String, (Affected, BTreeSet<String>, bool)>,
    /// Ranges and versions of products outside platforms, by stream and name.
    loose: BTreeMap<(String, String, Status), Affected>,
    /// Streams and scopes in which binaries are named as fixed.
    binaries: BTreeSet<String>,
}

impl Collected {
    fn take(&mut self, vulnerability: &Vulnerability<'_>, products: &Products<'_>) {
        let states = states(&vulnerability.remediations.0, products);
        let status = &vulnerability.product_status;
        for id in status.fixed.iter().chain(&status.first_fixed) {
            if let Some(package) = resolve(products, id) {
                self.fixed(package);
            }
        }
        for id in status.known_affected.iter().chain(&status.first_affected).chain(&status.last_affected) {
            if let Some(package) = resolve(products, id) {
                let state = states.get(id.as_str()).copied().unwrap_or_default();
                self.affected(package, state);
            }
        }
        for id in &status.under_investigation {
            if let Some(package) = resolve(products, id) {
                self.affected(package, Status::UnderInvestigation);
            }
        }
        for id in &status.known_not_affected {
            if let Some(package) = resolve(products, id) {
                self.not_affected(package);
            }
        }
    }

    fn fixed(&mut self, package: Package) {
        // Outside a platform, that one version is fixed says nothing about
        // the others; affected ranges say that.
        let (true, Some(version)) = (package.on_platform, package.version.clone()) else { return };
        if package.scope.names == NamesWhat::Binary {
            self.binaries.insert(scope_key(&package));
        }
        let ranges = vec![AffectedRange { introduced: None, end: RangeEnd::Fixed(version) }];
        self.add(package, ranges, Status::Affected);
    }

    fn affected(&mut self, package: Package, status: Status) {
        if package.on_platform {
            let ranges = vec![AffectedRange { introduced: None, end: RangeEnd::Open }];
            self.add(package, ranges, status);
            return;
        }
        let key = (package.scope.stream.as_str().to_owned(), package.name.clone(), status);
        let entry = self.loose.entry(key).or_insert_with(|| empty(&package, status));
        for range in package.ranges {
            if !entry.ranges.contains(&range) {
                entry.ranges.push(range);
            }
        }
        if let Some(version) = package.version {
            push_unique(&mut entry.versions, &version);
        }
    }

    fn not_affected(&mut self, package: Package) {
        // A version that is not affected says nothing about the others.
        if package.version.is_none() && package.ranges.is_empty() && package.on_platform {
            self.add(package, Vec::new(), Status::NotAffected);
        }
    }

    fn add(&mut self, package: Package, ranges: Vec<AffectedRange>, status: Status) {
        let affected = Affected { ranges, ..empty(&package, status) };
        let key = format!("{} {:?} {:?} {status:?}", scope_key(&package), package.name, affected.ranges);
        let names = package.scope.names;
        let (_, arches, everywhere) =
            self.packages.entry(format!("{key} {names:?}")).or_insert_with(|| (affected, BTreeSet::new(), false));
        match package.arch {
            Some(arch) => {
                arches.insert(arch);
            }
            None => *everywhere = true,
        }
    }

    fn finish(self) -> Vec<Affected> {
        let mut out = Vec::new();
        for (affected, arches, everywhere) in self.packages.into_values() {
            let scope = format!("{} {:?}", affected.stream, affected.only);
            let source_of_binaries = affected.names == NamesWhat::Source
                && affected.ranges.iter().any(|range| matches!(range.end, RangeEnd::Fixed(_)))
                && self.binaries.contains(&scope);
            if source_of_binaries {
                // The same fix is named by its binaries.
                continue;
            }
            let mut affected = affected;
            let arches: Vec<String> = arches.into_iter().filter(|arch| arch != "src").collect();
            if !everywhere {
                affected.only.arches = arches;
            }
            out.push(affected);
        }
        out.extend(self.loose.into_values());
        out
    }
}

fn scope_key(package: &Package) -> String {
    format!("{} {:?}", package.scope.stream, package.scope.only)
}

fn empty(package: &Package, status: Status) -> Affected {
    Affected {
        stream: package.scope.stream.clone(),
        name: package.name.clone(),
        names: package.scope.names,
        ranges: Vec::new(),
        versions: Vec::new(),
        status,
        only: package.scope.only.clone(),
    }
}

fn resolve(products: &Products<'_>, id: &Word<'_>) -> Option<Package> {
    let (component, platforms) = products.resolve(id.as_str())?;
    package(component, &platforms)
}

/// What the vendor will do about a product that is affected.
fn states<'s>(
    remediations: &'s [super::json_text::Object<Remediation<'_>>],
    products: &'s Products<'_>,
) -> BTreeMap<&'s str, Status> {
    let mut out = BTreeMap::new();
    for remediation in remediations {
        let words = remediation.details.as_str().to_ascii_lowercase();
        let status = match remediation.category.as_str() {
            "no_fix_planned" if words.contains("support") => Status::EndOfLife,
            "no_fix_planned" => Status::WontFix,
            "none_available" if words.contains("deferred") => Status::Postponed,
            "none_available" if words.contains("investigation") => Status::UnderInvestigation,
            _ => continue,
        };
        for id in products.ids(&remediation.product_ids, &remediation.group_ids) {
            out.insert(id, status);
        }
    }
    out
}

fn statements(
    vulnerability: &Vulnerability<'_>,
    products: &Products<'_>,
    advisory: &Advisory,
    author: &str,
    sink: &mut dyn FnMut(Fact),
) {
    let mut vulnerabilities = Vec::new();
    for id in std::iter::once(vulnerability.cve.as_str()).chain(vulnerability.ids.iter().map(|id| id.text.as_str())) {
        if !id.trim().is_empty() {
            push_unique(&mut vulnerabilities, id.trim());
        }
    }
    let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
    for flag in &vulnerability.flags {
        for id in products.ids(&flag.product_ids, &flag.group_ids) {
            labels.insert(id, flag.label.as_str());
        }
    }
    let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
    for threat in vulnerability.threats.iter().filter(|threat| threat.category.as_str() == "impact") {
        for id in products.ids(&threat.product_ids, &[]) {
            texts.insert(id, threat.details.as_str());
        }
    }
    let status = &vulnerability.product_status;
    for (state, ids) in [
        (VexStatus::Affected, &status.known_affected),
        (VexStatus::NotAffected, &status.known_not_affected),
        (VexStatus::Fixed, &status.fixed),
        (VexStatus::UnderInvestigation, &status.under_investigation),
    ] {
        let mut by_reason: BTreeMap<(Option<&str>, Option<&str>), Vec<String>> = BTreeMap::new();
        for id in ids {
            let reason = (labels.get(id.as_str()).copied(), texts.get(id.as_str()).copied());
            for purl in statement_purls(products, id.as_str()) {
                push_unique(by_reason.entry(reason).or_default(), purl);
            }
        }
        for ((justification, text), products) in by_reason {
            sink(Fact::Statement(Box::new(Statement {
                vulnerabilities: vulnerabilities.clone(),
                products,
                status: state,
                justification: justification.map(str::to_owned),
                text: text.map(details),
                timestamp: advisory.modified.or(advisory.published),
                document: advisory.id.clone(),
                author: author.to_owned(),
            })));
        }
    }
}

/// Package URLs that say by themselves what they speak of.
fn statement_purls<'p>(products: &'p Products<'_>, id: &str) -> Vec<&'p str> {
    let Some((component, platforms)) = products.resolve(id) else { return Vec::new() };
    let distribution = |purl: &&&str| ["pkg:rpm/", "pkg:deb/", "pkg:apk/"].iter().any(|kind| purl.starts_with(kind));
    let on_platform = !platforms.is_empty();
    component.purls.iter().filter(|purl| !(on_platform && distribution(purl))).copied().collect()
}

/// Reads every document of a provider's zip.
///
/// Files are laid out as a CSAF provider publishes them; a `.sha512` beside a
/// document is checked, and a document that differs from it is refused. ROLIE
/// feeds, metadata and signatures are passed over.
pub fn archive(place: &str, zip_bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut digests: BTreeMap<String, String> = BTreeMap::new();
    bounded::zip_entries(place, zip_bytes, Limits::DOCUMENT, |name, entry| {
        if let (Some(document), Ok(bytes)) = (name.strip_suffix(".sha512"), entry) {
            let text = String::from_utf8_lossy(bytes.get(..128).unwrap_or(bytes)).to_ascii_lowercase();
            digests.insert(document.to_owned(), text);
        }
    })?;
    let mut reading = Reading::default();
    bounded::zip_entries(place, zip_bytes, Limits::DOCUMENT, |name, entry| {
        if !name.ends_with(".json") || super::csaf_provider::is_not_a_document(name) {
            return;
        }
        let inner = format!("{place}!{name}");
        let outcome = entry.and_then(|bytes| {
            if let Some(expected) = digests.get(name) {
                verify(&inner, bytes, expected)?;
            }
            advisory(&inner, bytes, sink)
        });
        match outcome {
            Ok(one) => reading.add(one),
            Err(problem) => reading.reject(problem),
        }
    })?;
    Ok(reading)
}

/// Checks a document against its published SHA-512.
fn verify(place: &str, bytes: &[u8], expected: &str) -> Result<(), Problem> {
    let actual = encode_hex(&sha2::Sha512::digest(bytes));
    if actual == expected {
        return Ok(());
    }
    Err(Problem::new(
        "E-DIGEST",
        place,
        format!("has the SHA-512 {}…, its .sha512 says {}…", actual.get(..16).unwrap_or(""), expected.get(..16).unwrap_or(expected)),
        "fetch the document again; if it stays, tell the provider",
    ))
}

#[cfg(test)]
#[path = "csaf_tests.rs"]
mod tests;
