use super::*;
use crate::model::deployment_package::{Target, Tool};
use crate::model::identifier::{ClientId, HostId};
use crate::model::scanner::Scanner;
use crate::phases::confirm::{Confirmed, with_second};
use std::collections::BTreeMap;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn asked() -> Asked {
    Asked { within: Some(WEEK), oldest: Some(WEEK), reopens: true }
}

fn plan() -> StreamPlan {
    let target = Target { name: "openssl".to_owned(), arch: "amd64".to_owned(), version: "3.0.2-1".to_owned(), sha256: String::new(), size: 1, repository: String::new(), new: false };
    StreamPlan { tool: Tool::Apt, install: vec![target], remove: Vec::new(), way_back: Vec::new(), no_way_back: Vec::new(), steps: Vec::new() }
}

fn result(moment: &str) -> ScannerResult {
    ScannerResult {
        digest: "ab".to_owned(),
        client: ClientId::from_bits(1),
        host: HostId::from_bits(1),
        scanner: Scanner::Trivy,
        version: Some("0.74.0".to_owned()),
        database: None,
        moment: at(moment),
        received: at(moment),
        there: 0,
    }
}

fn reading(system: bool) -> Reading {
    Reading { scanner: Scanner::Trivy, version: None, database: None, moment: None, target: None, system, packages: BTreeMap::new(), said: Vec::new() }
}

fn seen(name: &str, version: &str) -> Reading {
    Reading { packages: [(name.to_owned(), BTreeSet::from([version.to_owned()]))].into(), ..reading(true) }
}

fn said(id: &str, package: Option<&str>, there: Option<bool>) -> Reading {
    let said = Said { ids: BTreeSet::from([id.to_owned()]), package: package.map(str::to_owned), version: Some("3.0.2-1".to_owned()), there };
    Reading { said: vec![said], ..reading(false) }
}

fn decided(held: &[(ScannerResult, Reading)]) -> Explained<Agreement> {
    let (plan, stream) = (plan(), Stream::release("debian", "12"));
    let component = Component { name: "openssl".to_owned(), version: "3.0.2-1".to_owned(), source: Some("openssl-src".to_owned()), stream: Some(stream.clone()), ..Component::default() };
    let advisories = BTreeSet::from(["DSA-1-1".to_owned(), "CVE-2026-1".to_owned()]);
    let components = [component];
    let subject = Subject { plan: &plan, stream: &stream, components: &components, advisories: &advisories, ended: at("2026-11-22T10:00:00Z"), now: at("2026-11-23T10:00:00Z") };
    let held: Vec<Held<'_>> = held.iter().map(|(result, reading)| Held { result, reading }).collect();
    decide(&asked(), &subject, &held)
}

fn word(reading: Reading) -> &'static str {
    decided(&[(result("2026-11-22T12:00:00Z"), reading)]).decision.word()
}

#[test]
fn only_what_a_scanner_saw_after_the_change_counts() {
    assert_eq!(decided(&[]).decision, Agreement::Missing);
    let early = decided(&[(result("2026-11-22T10:00:00Z"), reading(true))]);
    assert_eq!(early.decision, Agreement::TooOld, "{early:?}");
    assert!(early.because.iter().any(|because| because.text.contains("until 2026-11-29T10:00:00Z")), "{early:?}");
    let late = ScannerResult { received: at("2026-11-30T12:00:01Z"), ..result("2026-11-22T12:00:00Z") };
    assert_eq!(decided(&[(late, reading(true))]).decision, Agreement::TooOld);
    let data = |made: &str| ScannerResult { database: Some(at(made)), ..result("2026-11-22T12:00:00Z") };
    assert_eq!(decided(&[(data("2026-11-15T11:59:59Z"), reading(true))]).decision, Agreement::TooOld);
    assert_eq!(decided(&[(data("2026-11-15T12:00:00Z"), reading(true))]).decision, Agreement::Agrees);
}

#[test]
fn silence_counts_only_where_it_looked() {
    assert_eq!(word(reading(true)), "agrees");
    assert_eq!(word(reading(false)), "does-not-say");
    assert_eq!(word(seen("openssl", "3.0.2-1")), "agrees");
    assert_eq!(word(Reading { system: false, ..seen("openssl", "3.0.2-1") }), "agrees");
    assert_eq!(word(Reading { system: false, ..seen("vim", "9") }), "does-not-say");
    assert_eq!(word(said("CVE-2026-1", None, Some(false))), "agrees");
    assert_eq!(word(said("CVE-2026-1", None, None)), "does-not-say", "it could not tell");
    assert_eq!(word(Reading { system: true, ..said("CVE-2026-1", None, None) }), "does-not-say");
}

#[test]
fn an_older_version_and_a_finding_that_is_still_there_disagree() {
    let older = decided(&[(result("2026-11-22T12:00:00Z"), seen("openssl", "3.0.1-1"))]);
    assert_eq!(older.decision, Agreement::Disagrees);
    assert_eq!(older.because[0].text, "Trivy 0.74.0 of 2026-11-22T12:00:00Z saw openssl 3.0.1-1, the host reports 3.0.2-1");
    assert_eq!(word(said("CVE-2026-1", Some("openssl"), Some(true))), "disagrees");
    assert_eq!(word(said("DSA-1-1", Some("openssl-src"), Some(true))), "disagrees", "by the source's name");
    assert_eq!(word(said("DSA-1-1", None, Some(true))), "disagrees");
    assert_eq!(word(Reading { system: true, ..said("CVE-2026-1", Some("openssl-dev"), Some(true)) }), "agrees", "of a package that was not changed");
    assert_eq!(word(Reading { system: true, ..said("CVE-2026-2", Some("openssl"), Some(true)) }), "agrees", "an advisory that was not answered");
    // Kernels stand beside each other: one that is new enough is enough.
    let mut both = seen("openssl", "3.0.1-1");
    both.packages.get_mut("openssl").unwrap().insert("3.0.2-1".to_owned());
    assert_eq!(word(both), "agrees");
    // One that disagrees outweighs all that agree.
    let two = decided(&[(result("2026-11-22T12:00:00Z"), reading(true)), (result("2026-11-22T13:00:00Z"), seen("openssl", "3.0.1-1"))]);
    assert_eq!((two.decision, two.because.len()), (Agreement::Disagrees, 1));
}

#[test]
fn both_together_confirm() {
    let seen = |decision| Explained { decision, because: vec![Because::new(BecauseKind::Version, "the report shows it")] };
    let with = |own, agreement, reopens| {
        let second = Explained { decision: agreement, because: vec![Because::new(BecauseKind::Source, "a scanner")] };
        with_second(seen(own), &Asked { reopens, ..asked() }, &second)
    };
    assert_eq!(with(Confirmed::Installed, Agreement::Agrees, true).decision, Confirmed::Installed);
    let disputed = with(Confirmed::Installed, Agreement::Disagrees, true);
    assert_eq!((disputed.decision, disputed.because[0].text.as_str(), disputed.because.len()), (Confirmed::Disputed, "a scanner", 2), "what each saw");
    assert_eq!(with(Confirmed::Installed, Agreement::Disagrees, false).decision, Confirmed::Installed, "a person looks");
    for unknown in [Agreement::Missing, Agreement::TooOld, Agreement::DoesNotSay] {
        assert_eq!(with(Confirmed::InstalledPendingReboot, unknown, true).decision, Confirmed::Unknown);
    }
    assert_eq!(with(Confirmed::InstalledPendingReboot, Agreement::Agrees, true).decision, Confirmed::InstalledPendingReboot);
    assert_eq!(with(Confirmed::Failed, Agreement::Agrees, true).decision, Confirmed::Failed, "nobody confirms what failed");
}

#[test]
fn a_finding_says_what_scanners_see_of_it() {
    let component = FindingComponent { purl: String::new(), name: "openssl".to_owned(), version: "3.0.1-1".to_owned(), arch: None, source: None, source_version: None };
    let text = |reading: &Reading| of_finding(&result("2026-11-22T12:00:00Z"), reading, &BTreeSet::from(["CVE-2026-1"]), &component).map(|because| because.text);
    let shown = "Trivy 0.74.0 of 2026-11-22T12:00:00Z";
    assert_eq!(text(&said("CVE-2026-1", Some("openssl"), Some(true))), Some(format!("{shown} sees it as well")));
    assert_eq!(text(&said("CVE-2026-1", None, Some(false))), Some(format!("{shown} looked for it and does not see it")));
    assert_eq!(text(&reading(true)), Some(format!("{shown} does not report it")));
    assert_eq!(text(&reading(false)), None);
}
