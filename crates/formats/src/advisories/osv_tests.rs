use super::*;
use crate::packages;
use plimsoll_core::model::advisory::{AffectedRange, NamesWhat, RangeEnd};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::stream::Stream;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

fn read(json: &str) -> (Advisory, Reading) {
    let mut taken = Vec::new();
    let reading = record("test.json", json.as_bytes(), &mut |fact| taken.push(fact)).expect("readable");
    match taken.pop() {
        Some(Fact::Advisory(advisory)) => (*advisory, reading),
        other => panic!("{other:?}"),
    }
}

fn ranges_of(affected: &Affected) -> String {
    let mut out = String::new();
    for AffectedRange { introduced, end } in &affected.ranges {
        let from = introduced.as_deref().unwrap_or("*");
        let to = match end {
            RangeEnd::Fixed(version) => format!("<{version}"),
            RangeEnd::LastAffected(version) => format!("<={version}"),
            RangeEnd::Open => "open".to_owned(),
        };
        write!(out, "[{from} {to}]").unwrap();
    }
    out
}

#[test]
fn events_become_ranges_however_they_are_listed() {
    let json = |events: &str| {
        format!(
            r#"{{"id":"GO-1","affected":[{{"package":{{"ecosystem":"Go","name":"stdlib"}},"ranges":[
               {{"type":"GIT","events":[{{"introduced":"0"}},{{"fixed":"abc"}}]}},
               {{"type":"SEMVER","events":[{events}]}}]}}]}}"#
        )
    };
    for (events, expected) in [
        (r#"{"introduced":"0"},{"fixed":"1.4.3"}"#, "[* <1.4.3]"),
        (r#"{"introduced":"0.0.0-0"}"#, "[* open]"),
        (r#"{"introduced":"1.0.0"},{"last_affected":"1.2.0"}"#, "[1.0.0 <=1.2.0]"),
        (
            r#"{"introduced":"0"},{"fixed":"1.0.0"},{"introduced":"2.0.0"},{"fixed":"2.1.0"},{"introduced":"3.0.0"}"#,
            "[* <1.0.0][2.0.0 <2.1.0][3.0.0 open]",
        ),
        (r#"{"introduced":"2.0.0"},{"introduced":"0"},{"fixed":"2.1.0"},{"fixed":"1.0.0"}"#, "[* <1.0.0][2.0.0 <2.1.0]"),
        (r#"{"introduced":"0"},{"limit":"9"},{"fixed":"1.0.0"}"#, "[* <1.0.0]"),
        (r#"{"fixed":"1.0.0"}"#, "[* <1.0.0]"),
        (r#"{"introduced":"0","fixed":"1.0.0"}"#, "[* <1.0.0]"),
        ("", ""),
    ] {
        let (advisory, _) = read(&json(events));
        assert_eq!(ranges_of(&advisory.affected[0]), expected, "{events}");
    }
}

#[test]
fn an_unknown_kind_of_range_is_named_and_the_rest_stands() {
    let (advisory, reading) = read(
        r#"{"id":"X-1","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":["1.0.0"],"ranges":[
            {"type":"MAGIC","events":[{"introduced":"0"}]},
            {"type":"SEMVER","events":[{"introduced":"2.0.0"},{"fixed":"2.0.1"}]}]}]}"#,
    );
    assert_eq!(ranges_of(&advisory.affected[0]), "[2.0.0 <2.0.1]");
    assert_eq!(advisory.affected[0].versions, ["1.0.0"]);
    assert_eq!((reading.records, reading.rejected), (1, 1));
    assert!(reading.problems[0].text.contains("MAGIC"), "{:?}", reading.problems);
}

#[test]
fn odd_but_harmless_parts_do_not_cost_the_record() {
    let (advisory, reading) = read(
        r#"{"id":"MAL-2024-1","aliases":null,"severity":"HIGH","references":{},"database_specific":[1],
            "published":"0001-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"Foo_.Bar"},
            "database_specific":{"informational":{"x":1},"cves_map":7},"versions":["1"]},{"package":null}]}"#,
    );
    assert_eq!(advisory.kind, AdvisoryKind::Malware);
    assert_eq!(advisory.published, None);
    assert_eq!(advisory.affected.len(), 1);
    assert_eq!(advisory.affected[0].name, "foo-bar");
    assert_eq!((reading.records, reading.rejected), (1, 1));
}

#[test]
fn hostile_bytes_are_refused_by_name() {
    let deep = format!("{{\"id\":{}", "[".repeat(10_000));
    let deep_unknown = format!("{{\"id\":\"A\",\"zzz\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_known = format!("{{\"id\":\"A\",\"affected\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for bytes in [deep.as_bytes(), b"", b"null", b"[]", b"{\"id\":\"\"}", b"{\"id\":\"\xff\"}"] {
        let problem = record("evil.json", bytes, &mut |_| panic!("nothing to take")).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.place.as_str()), ("E-FORMAT", "evil.json"));
    }
    // What is passed over may nest as it likes; it must not overflow.
    assert_eq!(record("deep.json", deep_unknown.as_bytes(), &mut |_| ()).unwrap().rejected, 0);
    assert_eq!(record("deep.json", deep_known.as_bytes(), &mut |_| ()).unwrap().rejected, 1);
    let good = r#"{"id":"A-1","affected":[{"package":{"ecosystem":"npm","name":"é"},"versions":["1"]}]}"#;
    for end in 0..good.len() {
        assert!(record("cut.json", &good.as_bytes()[..end], &mut |_| ()).is_err(), "cut at {end}");
    }
}

#[test]
fn a_bomb_in_a_zip_is_named_and_the_others_are_read() {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, size) in [("a.json", 0), ("bomb.json", 8 << 20), ("z.json", 0)] {
        writer.start_file(name, options).unwrap();
        let padding = " ".repeat(size);
        write!(writer, "{{\"id\":\"{name}\"{padding}}}").unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    let mut ids = Vec::new();
    let reading = archive("all.zip", &bytes, &mut |fact| {
        if let Fact::Advisory(advisory) = fact {
            ids.push(advisory.id);
        }
    });
    match reading {
        // Within the archive's own total: the bomb alone is refused.
        Ok(reading) => {
            assert_eq!(ids, ["a.json", "z.json"]);
            assert_eq!((reading.rejected, reading.problems[0].place.as_str()), (1, "all.zip!bomb.json"));
        }
        // Above it: the whole archive is.
        Err(problem) => assert_eq!(problem.code, "E-LIMIT"),
    }
}

/// Of a host's packages, how many names that only a source package has, and
/// how many that only a binary one has, some advisory names.
fn named_on(names: &BTreeSet<String>, installed: &[Component]) -> (usize, usize) {
    let binaries: BTreeSet<&str> = installed.iter().map(|component| component.name.as_str()).collect();
    let sources: BTreeSet<&str> =
        installed.iter().map(|component| component.source.as_deref().unwrap_or(&component.name)).collect();
    let count = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
        one.difference(other).filter(|name| names.contains(**name)).count()
    };
    (count(&sources, &binaries), count(&binaries, &sources))
}

/// Whether Debian and Alpine name source packages and AlmaLinux binary ones is
/// told by what is really installed, not by what the reader says.
#[test]
fn names_are_those_of_sources_or_binaries_as_the_records_really_have_them() {
    let Some(data) = crate::test_data::folder() else { return };
    let named = |facts: Vec<Fact>| {
        let mut names: BTreeMap<(bool, NamesWhat), BTreeSet<String>> = BTreeMap::new();
        for fact in facts {
            let Fact::Advisory(advisory) = fact else { continue };
            for affected in advisory.affected {
                let key = (affected.stream.advisories_name_sources(), affected.names);
                names.entry(key).or_default().insert(affected.name);
            }
        }
        assert_eq!(names.len(), 1, "one rule for all records of a distribution: {:?}", names.keys());
        names.into_iter().next().expect("names")
    };
    let bytes = |name: &str| std::fs::read(data.join(name)).expect(name);
    let all = |name: &str| {
        let mut facts = Vec::new();
        archive(name, &bytes(&format!("osv/{name}/all.zip")), &mut |fact| facts.push(fact)).expect(name);
        facts
    };

    let (kind, names) = named(all("Debian"));
    assert_eq!(kind, (true, NamesWhat::Source));
    let status = std::fs::read_to_string(data.join("hosts/deb12-drifted/var/lib/dpkg/status")).expect("dpkg");
    let stream = Stream::release("debian", "12");
    let installed: Vec<Component> =
        packages::dpkg::parse("status", &status).packages.iter().map(|package| package.to_component(&stream)).collect();
    let (sources, binaries) = named_on(&names, &installed);
    // The binary names are those that were a source's in an older release.
    assert!(sources >= 90 && binaries <= 5, "Debian names {sources} sources and {binaries} binaries");

    let mut facts = Vec::new();
    for part in ["main", "community"] {
        let text = bytes(&format!("alpine-secdb/v3.11/{part}.yaml"));
        crate::advisories::secdb::secdb(part, &text, &mut |fact| facts.push(fact)).expect(part);
    }
    let (kind, names) = named(facts);
    assert_eq!(kind, (true, NamesWhat::Source));
    let text = std::fs::read_to_string(data.join("inventories/apk/installed")).expect("apk");
    let stream = Stream::release("alpine", "3.18");
    let installed: Vec<Component> =
        packages::alpine::parse("installed", &text).packages.iter().map(|package| package.to_component(&stream)).collect();
    let (sources, binaries) = named_on(&names, &installed);
    assert!(sources >= 1 && binaries == 0, "Alpine names {sources} sources and {binaries} binaries");

    let (kind, names) = named(all("AlmaLinux"));
    assert_eq!(kind, (false, NamesWhat::Binary));
    for only_binary in ["openssl-libs", "kernel-core", "glibc-common"] {
        assert!(names.contains(only_binary), "{only_binary}");
    }
}

/// Streams that a typed advisory takes for sources are read so from OSV too;
/// the reverse does not hold, since SUSE's errata name binaries and its OSV
/// records sources.
#[test]
fn ecosystems_agree_with_their_streams() {
    for ecosystem in ["Debian:12", "Ubuntu:22.04:LTS", "Alpine:v3.20", "Wolfi", "Chainguard", "Alpaquita:23", "MinimOS", "Echo"] {
        let scope = osv_ecosystem(ecosystem, None);
        assert!(scope.stream.advisories_name_sources(), "{ecosystem}");
        assert_eq!(scope.names, NamesWhat::Source, "{ecosystem}");
    }
    for ecosystem in ["AlmaLinux:9", "Rocky Linux:9", "Red Hat:enterprise_linux:9::baseos", "npm", "Bitnami"] {
        let scope = osv_ecosystem(ecosystem, None);
        assert!(!scope.stream.advisories_name_sources(), "{ecosystem}");
        assert_eq!(scope.names, NamesWhat::Binary, "{ecosystem}");
    }
}
