use super::*;
use crate::advisories::osv;
use std::collections::BTreeMap;

fn advisories(read: impl FnOnce(&mut dyn FnMut(Fact)) -> Reading) -> (Vec<Advisory>, Reading) {
    let mut out = Vec::new();
    let reading = read(&mut |fact| {
        if let Fact::Advisory(advisory) = fact {
            out.push(*advisory);
        }
    });
    (out, reading)
}

const LIST: &str = "[31 Mar 2026] DSA-6189-1 libpng1.6 - security update
\t{CVE-2026-33416 CVE-2026-33636}
\t[bookworm] - libpng1.6 1.6.39-2+deb12u4
\t[trixie] - libpng1.6 <not-affected> (Vulnerable code not present)
\tNOTE: fixed in testing at time of DSA
[02 Nov 2005] DSA-880-1 phpmyadmin - several
\t{CVE-2005-2869}
        [woody] - phpmyadmin <unfixed>
[nonsense] DSA-1-1 x
\t[woody] - y 1
[01 Jan 2020] DLA-2000-2 z - regression update
\t[atlantis] - z 1
\tgibberish
\t[stretch] - z 2 (medium)
";

#[test]
fn a_list_with_every_kind_of_line() {
    let (taken, reading) = advisories(|sink| list("list", LIST.as_bytes(), sink).unwrap());
    let shown: Vec<String> = taken
        .iter()
        .map(|advisory| {
            let affected: Vec<_> = advisory
                .affected
                .iter()
                .map(|a| format!("{} {} {:?} {:?}", a.stream, a.name, a.status, a.ranges.iter().map(|r| &r.end).collect::<Vec<_>>()))
                .collect();
            format!("{} {:?} {} {:?} {}", advisory.id, advisory.kind, advisory.published.unwrap(), advisory.cves, affected.join("; "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "DSA-6189-1 Security 2026-03-31T00:00:00Z [\"CVE-2026-33416\", \"CVE-2026-33636\"] debian:12 libpng1.6 Affected [Fixed(\"1.6.39-2+deb12u4\")]; debian:13 libpng1.6 NotAffected []",
            "DSA-880-1 Security 2005-11-02T00:00:00Z [\"CVE-2005-2869\"] debian:3.0 phpmyadmin Affected [Open]",
            "DLA-2000-2 Regression 2020-01-01T00:00:00Z [] debian:9 z Affected [Fixed(\"2\")]",
        ]
    );
    assert_eq!((reading.records, reading.rejected), (3, 3));
    let places: Vec<_> = reading.problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["list:9", "list:12", "list:13"]);
}

#[test]
fn lists_that_are_none() {
    assert_eq!(list("list", b"\xff\xfe", &mut |_| ()).unwrap_err().code, "E-FORMAT");
    assert_eq!(list("list", b"<html>", &mut |_| ()).unwrap_err().code, "E-FORMAT");
    assert_eq!(list("list", b"", &mut |_| ()).unwrap().records, 0);
}

#[test]
fn the_trackers_json_with_every_state() {
    let json = r#"{"openssl":{"CVE-2024-0001":{"description":"d\"e","releases":{
        "bullseye":{"status":"resolved","fixed_version":"0","urgency":"unimportant"},
        "bookworm":{"status":"resolved","fixed_version":"3.0.1-1","urgency":"medium**"},
        "trixie":{"status":"open","urgency":"not yet assigned","nodsa":"Minor issue","nodsa_reason":"ignored"},
        "buster":{"status":"open","urgency":"end-of-life"},
        "forky":{"status":"open","urgency":"low","nodsa":"Minor issue","nodsa_reason":""},
        "sid":{"status":"undetermined","urgency":"low"},
        "jessie":{"status":"open"},
        "atlantis":{"status":"open"},
        "wheezy":{"status":"what"}}},
        "TEMP-1":{"releases":null}},"nginx":{}}"#;
    let (taken, reading) = advisories(|sink| tracker("json", json.as_bytes(), sink).unwrap());
    assert_eq!((reading.records, reading.rejected), (1, 3));
    let states: Vec<String> =
        taken[0].affected.iter().map(|a| format!("{} {:?} {}", a.stream, a.status, a.ranges.len())).collect();
    assert_eq!(
        states,
        [
            "debian:12 Affected 1",
            "debian:11 NotAffected 0",
            "debian:10 EndOfLife 1",
            "debian:14 Postponed 1",
            "debian:8 Affected 1",
            "debian:sid UnderInvestigation 1",
            "debian:13 WontFix 1",
        ]
    );
    for end in 0..json.len() {
        assert!(tracker("cut", &json.as_bytes()[..end], &mut |_| ()).is_err(), "cut at {end}");
    }
    let deep = format!("{{\"a\":{{\"CVE-1\":{}", "[".repeat(10_000));
    assert!(tracker("deep", deep.as_bytes(), &mut |_| ()).is_err());
}

/// Every announcement reads the same from the tracker's own list and from
/// OSV's record of it.
#[test]
fn lists_and_osv_records_agree() {
    let Some(data) = crate::test_data::folder() else { return };
    let mut ours: BTreeMap<String, Advisory> = BTreeMap::new();
    for name in ["DSA", "DLA"] {
        let bytes = std::fs::read(data.join(format!("debian-security-tracker/data/{name}/list"))).unwrap();
        let (taken, reading) = advisories(|sink| list(name, &bytes, sink).unwrap());
        assert_eq!(reading.rejected, 0, "{:?}", reading.problems);
        ours.extend(taken.into_iter().map(|advisory| (advisory.id.clone(), advisory)));
    }
    let bytes = std::fs::read(data.join("osv/Debian/all.zip")).unwrap();
    let (theirs, reading) = advisories(|sink| osv::archive("osv", &bytes, sink).unwrap());
    assert_eq!((theirs.len(), reading.rejected), (10_799, 0));
    let mut differences = Vec::new();
    for their in theirs {
        let Some(our) = ours.get_mut(&their.id) else {
            differences.push(format!("{} is in OSV only", their.id));
            continue;
        };
        // OSV carries fixed versions only; the tracker's marks are ours alone.
        our.affected.retain(|affected| affected.ranges.iter().any(|range| matches!(range.end, RangeEnd::Fixed(_))));
        let mut their = their;
        // The bundle's records were made from these lists, with a dash even
        // where the list has no title.
        their.summary = their.summary.trim_end_matches(" -").to_owned();
        our.summary = our.summary.trim_end_matches(" -").to_owned();
        for list in [&mut our.affected, &mut their.affected] {
            list.sort_by_cached_key(|affected| format!("{affected:?}"));
        }
        our.cves.sort();
        their.cves.sort();
        if their.id == "DSA-2798-1" {
            // The record made for the bundle lost wheezy's line; the list has it.
            our.affected.retain(|affected| affected.stream.as_str() != "debian:7");
        }
        if *our != their {
            differences.push(format!("{}\n  list {our:?}\n  osv  {their:?}", their.id));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences[..differences.len().min(8)].join("\n"));
}
