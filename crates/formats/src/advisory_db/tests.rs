//! The database as it is used: facts in, verdicts out, and damage found.

use super::read::Database;
use super::write::Builder;
use crate::advisories::Fact;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::advisory::{
    Advisory, AdvisoryKind, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Status,
};
use plimsoll_core::model::component::{Component, ComponentKind, KernelRole};
use plimsoll_core::model::finding::State;
use plimsoll_core::model::host::{Host, OperatingSystem};
use plimsoll_core::model::source::Source;
use plimsoll_core::model::statement::{Statement, VexStatus};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::threat::Epss;
use plimsoll_core::phases::evaluate::{self, Verdict};

fn affected(stream: &str, name: &str, fixed: &str) -> Affected {
    let stream = Stream::from_stored(stream);
    let by_source = matches!(stream.family(), "debian" | "ubuntu");
    Affected {
        stream,
        name: name.to_owned(),
        names: if by_source { NamesWhat::Source } else { NamesWhat::Binary },
        ranges: vec![AffectedRange { introduced: None, end: RangeEnd::Fixed(fixed.to_owned()) }],
        versions: Vec::new(),
        status: Status::Affected,
        only: Only::default(),
    }
}

fn advisory(id: &str, cves: &[&str], affected: Vec<Affected>) -> Fact {
    Fact::Advisory(Box::new(Advisory {
        id: id.to_owned(),
        cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
        kind: AdvisoryKind::Security,
        summary: format!("{id} summary"),
        details: "why".repeat(100),
        published: "2026-01-02T03:04:05Z".parse().ok(),
        affected,
        ..Advisory::default()
    }))
}

fn build(facts: Vec<Fact>) -> Vec<u8> {
    let mut builder = Builder::default();
    let source = builder.source(Source { name: "test".to_owned(), ..Source::default() });
    for fact in facts {
        builder.add(source, fact);
    }
    builder.finish(None).expect("small databases can be written")
}

fn component(stream: &str, name: &str, version: &str) -> Component {
    Component {
        purl: format!("pkg:generic/{name}@{version}"),
        stream: Some(Stream::from_stored(stream)),
        name: name.to_owned(),
        version: version.to_owned(),
        arch: Some("amd64".to_owned()),
        ..Component::default()
    }
}

fn verdicts(bytes: &[u8], host: &Host, component: &Component) -> Vec<Verdict> {
    let database = Database::open(bytes, "test", None).expect("opens");
    let input = evaluate::Input {
        component,
        host,
        knowledge: &database,
        offered: None,
        repositories_known: false,
        include_fixed: true,
    };
    evaluate::decide(&input).expect("evaluates").decision.verdicts
}

fn states(bytes: &[u8], host: &Host, component: &Component) -> Vec<(String, State)> {
    verdicts(bytes, host, component).into_iter().map(|verdict| (verdict.advisory.id, verdict.state)).collect()
}

fn one(id: &str, state: State) -> Vec<(String, State)> {
    vec![(id.to_owned(), state)]
}

#[test]
fn source_names_judge_binaries_and_only_those_of_the_source() {
    let bytes = build(vec![advisory("DSA-1-1", &["CVE-2026-1000"], vec![affected("debian:12", "emacs", "1:28.2-2")])]);
    let binary = |name: &str, source: &str, version: &str, source_version: &str| Component {
        source: Some(source.to_owned()),
        source_version: Some(source_version.to_owned()),
        ..component("debian:12", name, version)
    };
    // A binNMU raises the binary's version only; the epoch counts.
    let nmu = binary("emacs-gtk", "emacs", "1:28.2-2+b1", "1:28.2-2");
    assert_eq!(states(&bytes, &Host::default(), &nmu), one("DSA-1-1", State::Fixed));
    let old = binary("emacs-gtk", "emacs", "1:28.2-1+b9", "1:28.2-1");
    assert_eq!(states(&bytes, &Host::default(), &old), one("DSA-1-1", State::Affected));
    // A binary of another source that merely is called emacs.
    assert_eq!(states(&bytes, &Host::default(), &binary("emacs", "emacs-defaults", "1", "1")), vec![]);
}

#[test]
fn an_unreadable_version_is_unknown_and_never_dropped() {
    let bytes = build(vec![advisory("DSA-1-1", &[], vec![affected("debian:12", "x", "2")])]);
    let found = verdicts(&bytes, &Host::default(), &component("debian:12", "x", "no version at all"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].state, found[0].detail), (State::Unknown, Some("unreadable-version")));
}

#[test]
fn each_minor_release_has_its_own_fix() {
    let bytes = build(vec![
        advisory("RHSA-1", &["CVE-2026-1"], vec![affected("rhel:9", "kernel-core", "5.14.0-611.54.1.el9_7")]),
        advisory("RHSA-2", &["CVE-2026-1"], vec![affected("rhel:9", "kernel-core", "5.14.0-700.1.1.el9_8")]),
    ]);
    let on_its_fix = component("rhel:9", "kernel-core", "5.14.0-611.54.1.el9_7");
    let found = states(&bytes, &Host::default(), &on_its_fix);
    assert!(found.iter().all(|(_, state)| *state == State::Fixed), "{found:?}");
    let before = component("rhel:9", "kernel-core", "5.14.0-611.50.1.el9_7");
    assert!(states(&bytes, &Host::default(), &before).contains(&("RHSA-1".to_owned(), State::Affected)));
}

#[test]
fn extended_lines_bind_only_hosts_that_follow_them() {
    let mut eus = affected("rhel:9", "openssl", "1:3.0.7-20.el9_2");
    eus.only.minor = Some("9.2-eus".to_owned());
    let bytes = build(vec![advisory("RHSA-3", &["CVE-2026-3"], vec![eus])]);
    let package = component("rhel:9", "openssl", "1:3.0.7-18.el9_2");
    let host = |version: &str, subscriptions: &[&str]| Host {
        os: Some(OperatingSystem { version: version.to_owned(), ..OperatingSystem::default() }),
        subscriptions: Some(subscriptions.iter().map(|name| (*name).to_owned()).collect()),
        ..Host::default()
    };
    assert_eq!(states(&bytes, &host("9.2", &["rhel-eus"]), &package), one("RHSA-3", State::Affected));
    assert_eq!(states(&bytes, &host("9.2", &[]), &package), vec![]);
    assert_eq!(states(&bytes, &host("9.4", &["rhel-eus"]), &package), vec![]);
}

#[test]
fn modules_and_plain_packages_do_not_judge_each_other() {
    let fixed = "1:18.20-1.module_el8.9.0+1+a";
    let bytes = build(vec![advisory("ALSA-1", &[], vec![affected("almalinux:8", "nodejs", fixed)])]);
    let plain = component("almalinux:8", "nodejs", "1:10.1-1.el8");
    assert_eq!(states(&bytes, &Host::default(), &plain), vec![]);
    let module = component("almalinux:8", "nodejs", "1:18.10-1.module_el8.8.0+1+b");
    assert_eq!(states(&bytes, &Host::default(), &module), one("ALSA-1", State::Affected));
}

#[test]
fn other_vendors_builds_are_not_judged() {
    let bytes = build(vec![advisory("ALSA-2", &[], vec![affected("almalinux:9", "php", "8.2.0-1.el9")])]);
    let remi = Component { vendor: Some("Remi's RPM repository".to_owned()), ..component("almalinux:9", "php", "8.1.0-1.el9") };
    assert_eq!(states(&bytes, &Host::default(), &remi), vec![]);
    let own = Component { vendor: Some("AlmaLinux".to_owned()), ..remi };
    assert_eq!(states(&bytes, &Host::default(), &own), one("ALSA-2", State::Affected));
}

#[test]
fn a_fix_that_needs_a_subscription_says_so() {
    let mut esm = affected("ubuntu:18.04", "curl", "7.58.0-2ubuntu3.25");
    esm.only.repository = Some("esm-infra".to_owned());
    let bytes = build(vec![advisory("USN-1-1", &["CVE-2026-5"], vec![esm])]);
    let host = Host { subscriptions: Some(Vec::new()), ..Host::default() };
    let found = verdicts(&bytes, &host, &component("ubuntu:18.04", "curl", "7.58.0-2ubuntu3.24"));
    let said: Vec<&str> = found[0].because.iter().map(|because| because.text.as_str()).collect();
    let wanted = "the fix 7.58.0-2ubuntu3.25 exists only in esm-infra; this host is not attached to it";
    assert!(said.contains(&wanted), "{said:?}");
}

#[test]
fn kernels_count_by_the_part_they_play() {
    let bytes = build(vec![advisory("DSA-9-1", &["CVE-2026-9"], vec![affected("debian:12", "linux", "6.1.192-2")])]);
    let image = |role: Option<KernelRole>, kind: ComponentKind| Component {
        source: Some("linux".to_owned()),
        source_version: Some("6.1.176-1".to_owned()),
        kernel: role,
        kind,
        ..component("debian:12", "linux-image-6.1.0-50-amd64", "6.1.176-1")
    };
    let state = |component: &Component| states(&bytes, &Host::default(), component)[0].1;
    assert_eq!(state(&image(Some(KernelRole::Running), ComponentKind::Kernel)), State::Affected);
    assert_eq!(state(&image(Some(KernelRole::NextBoot), ComponentKind::Kernel)), State::Affected);
    assert_eq!(state(&image(Some(KernelRole::Idle), ComponentKind::Kernel)), State::NotAffected);
    assert_eq!(state(&image(None, ComponentKind::Kernel)), State::Affected);
    assert_eq!(state(&image(None, ComponentKind::KernelHeaders)), State::NotAffected);
}

#[test]
fn statements_clear_only_what_they_speak_of() {
    let statement = |cve: &str, product: &str| {
        Fact::Statement(Box::new(Statement {
            vulnerabilities: vec![cve.to_owned()],
            products: vec![product.to_owned()],
            status: VexStatus::NotAffected,
            justification: Some("vulnerable_code_not_in_execute_path".to_owned()),
            text: None,
            timestamp: None,
            document: "doc".to_owned(),
            author: "us".to_owned(),
        }))
    };
    let both = advisory("DSA-5-1", &["CVE-2026-51", "CVE-2026-52"], vec![affected("debian:12", "y", "2")]);
    let package = component("debian:12", "y", "1");
    let partly = build(vec![both.clone(), statement("CVE-2026-51", "pkg:generic/y")]);
    assert_eq!(states(&partly, &Host::default(), &package), one("DSA-5-1", State::Affected));
    let wholly = build(vec![
        both.clone(),
        statement("CVE-2026-51", "pkg:generic/y"),
        statement("CVE-2026-52", "pkg:generic/y@1"),
    ]);
    assert_eq!(states(&wholly, &Host::default(), &package), one("DSA-5-1", State::NotAffected));
    let other = build(vec![both, statement("CVE-2026-51", "pkg:generic/z"), statement("CVE-2026-52", "pkg:generic/y@3")]);
    assert_eq!(states(&other, &Host::default(), &package), one("DSA-5-1", State::Affected));
}

#[test]
fn withdrawn_and_unfixed_and_doubly_named() {
    let Fact::Advisory(mut withdrawn) = advisory("DSA-6-1", &[], vec![affected("debian:12", "w", "2")]) else {
        unreachable!("an advisory was made")
    };
    withdrawn.withdrawn = "2026-02-01T00:00:00Z".parse().ok();
    let mut unfixed = affected("debian:12", "w", "9");
    unfixed.ranges[0].end = RangeEnd::Open;
    unfixed.status = Status::Postponed;
    let bytes = build(vec![
        Fact::Advisory(withdrawn),
        advisory("CVE-2026-61", &["CVE-2026-61"], vec![unfixed]),
        advisory("DSA-7-1", &["CVE-2026-70", "CVE-2026-71"], vec![affected("debian:12", "w", "2")]),
        advisory("CVE-2026-70", &["CVE-2026-70"], vec![affected("debian:12", "w", "2")]),
    ]);
    let found = verdicts(&bytes, &Host::default(), &component("debian:12", "w", "1"));
    let named: Vec<(&str, State, Option<&str>)> =
        found.iter().map(|verdict| (verdict.advisory.id.as_str(), verdict.state, verdict.detail)).collect();
    assert_eq!(
        named,
        [("CVE-2026-61", State::Affected, Some("postponed")), ("DSA-7-1", State::Affected, None)],
        "the withdrawn one matches nothing, the CVE's own record joins its DSA"
    );
}

#[test]
fn everything_written_is_read_back_and_damage_is_found() {
    let epss = Epss { score: 0.123_45, percentile: 0.9, date: jiff::civil::date(2026, 3, 29) };
    let mut facts: Vec<Fact> =
        (1000..2200).map(|number| Fact::Epss { cve: format!("CVE-2026-{number}"), epss: epss.clone() }).collect();
    facts.push(advisory("DSA-1-1", &["CVE-2026-1000"], vec![affected("debian:12", "a", "2")]));
    let bytes = build(facts.clone());
    assert_eq!(bytes, build(facts), "the same input gives the same bytes");
    let database = Database::open(bytes.as_slice(), "test", None).expect("opens");
    for number in [1000, 1255, 1256, 2199] {
        let threat = database.threat(&format!("CVE-2026-{number}")).expect("asks").expect("is known");
        assert_eq!(threat.epss, Some(epss.clone()), "CVE-2026-{number}");
    }
    assert_eq!(database.threat("CVE-2026-2200").expect("asks"), None);
    assert_eq!(database.advisories_named("cve-2026-1000").expect("asks"), [0]);
    assert_eq!(database.advisory_text(0).expect("asks").details, "why".repeat(100));
    database.verify().expect("is whole");
    for place in (0..bytes.len()).step_by(97) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        let found = Database::open(damaged.as_slice(), "test", None).and_then(|database| database.verify());
        assert!(found.is_err(), "a flipped bit at {place} went unseen");
    }
    for length in (0..bytes.len()).step_by(501) {
        assert!(Database::open(&bytes[..length], "test", None).is_err(), "cut at {length}");
    }
}

#[test]
fn a_held_fix_ends_the_search_and_costs_no_other_rule() {
    let ranged = |introduced: Option<&str>, end: RangeEnd, status: Status| Affected {
        ranges: vec![AffectedRange { introduced: introduced.map(str::to_owned), end }],
        status,
        ..affected("debian:12", "x", "0")
    };
    let fixed = |version: &str| RangeEnd::Fixed(version.to_owned());
    let said = [
        ranged(None, fixed("2"), Status::Affected),
        ranged(None, fixed("10"), Status::Postponed),
        ranged(Some("3"), fixed("9"), Status::Affected),
        ranged(None, fixed("1"), Status::NotAffected),
        ranged(Some("no version"), fixed("2"), Status::Affected),
        ranged(None, fixed("no version"), Status::Affected),
        ranged(None, RangeEnd::LastAffected("1".to_owned()), Status::Affected),
        ranged(None, RangeEnd::Open, Status::WontFix),
    ];
    let bytes = build(said.into_iter().enumerate().map(|(n, one)| advisory(&format!("DSA-{n}-1"), &[], vec![one])).collect());
    let database = Database::open(bytes.as_slice(), "test", None).expect("opens");
    database.verify().expect("is in order");
    let stream = Stream::from_stored("debian:12");
    let ask = |settled_at: Option<&[u8]>| {
        let mut found = Vec::new();
        database
            .rules(&stream, NamesWhat::Source, "x", settled_at, &mut |rule| found.push((rule.advisory, rule.fix_key().map(<[u8]>::to_vec))))
            .expect("answers");
        found.sort();
        found
    };
    let all = ask(None);
    assert_eq!(all.len(), 8);
    for (version, left) in [("1", 8), ("2", 7), ("9.5", 6), ("10", 5), ("11", 5)] {
        let key = plimsoll_version::key(plimsoll_version::Scheme::Debian, version).expect("a version");
        let open: Vec<_> =
            all.iter().filter(|(_, fix)| fix.as_ref().is_none_or(|fix| fix.as_slice() > key.as_bytes())).cloned().collect();
        assert_eq!((ask(Some(key.as_bytes())), open.len()), (open, left), "at {version}");
    }
    let mut none = 0;
    database.rules(&stream, NamesWhat::Binary, "x", None, &mut |_| none += 1).expect("answers");
    assert_eq!(none, 0, "a rule on sources is none on binaries");
}

#[test]
fn each_score_keeps_its_own_day() {
    let score = |cve: &str, score: f32, day: i8| Fact::Epss {
        cve: cve.to_owned(),
        epss: Epss { score, percentile: 1.0, date: jiff::civil::date(2026, 1, day) },
    };
    let bytes = build(vec![
        score("CVE-2026-0001", 1.0, 3),
        score("CVE-2026-0002", 0.0, 3),
        score("CVE-2026-33554431", 0.25, 2),
        score("CVE-2026-33554432", 0.5, 3),
    ]);
    let database = Database::open(bytes.as_slice(), "test", None).expect("opens");
    let read = |cve: &str| database.threat(cve).expect("answers").and_then(|threat| threat.epss);
    let expected = |score: f32, day: i8| Some(Epss { score, percentile: 1.0, date: jiff::civil::date(2026, 1, day) });
    assert_eq!(read("CVE-2026-0001"), expected(1.0, 3));
    assert_eq!(read("CVE-2026-0002"), expected(0.0, 3));
    assert_eq!(read("CVE-2026-33554431"), expected(0.25, 2));
    // One beyond what a row can name: counted as no CVE id, not mistaken for another.
    assert_eq!((read("CVE-2026-33554432"), read("CVE-2027-0000"), database.threat_count()), (None, None, 3));
}
