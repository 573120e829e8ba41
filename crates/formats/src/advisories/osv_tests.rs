use super::*;
use plimsoll_core::model::advisory::{AffectedRange, RangeEnd};
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
