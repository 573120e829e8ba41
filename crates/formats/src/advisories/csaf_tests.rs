use super::*;
use crate::test_data;

fn read(bytes: &[u8]) -> Result<(Advisory, Vec<Statement>), Problem> {
    let (mut found, mut statements) = (None, Vec::new());
    advisory("doc.json", bytes, &mut |fact| match fact {
        Fact::Advisory(advisory) => found = Some(*advisory),
        Fact::Statement(statement) => statements.push(*statement),
        other => panic!("{other:?}"),
    })?;
    Ok((found.expect("an advisory"), statements))
}

fn lines(advisory: &Advisory) -> Vec<String> {
    let shown = advisory.affected.iter().map(|a| {
        let ranges: Vec<_> = a.ranges.iter().map(|range| format!("{:?}", range.end)).collect();
        format!(
            "{} {} {:?} {:?} {} minor={:?} in={:?} module={:?} arches={}",
            a.stream, a.name, a.names, a.status, ranges.join(","), a.only.minor, a.only.repository, a.only.module, a.only.arches.join(",")
        )
    });
    shown.collect()
}

#[test]
fn red_hat_advisories_keep_minor_release_module_and_architecture() {
    let Some(data) = test_data::folder() else { return };
    let bytes = std::fs::read(data.join("csaf/redhat-vunnel/advisories/rhsa-2024_0811.json")).unwrap();
    let (sudo, statements) = read(&bytes).unwrap();
    assert_eq!(sudo.id, "RHSA-2024:0811");
    assert!(statements.is_empty());
    let shown = lines(&sudo);
    for expected in [
        r#"rhel:9 sudo Binary Affected Fixed("1.9.5p2-7.el9_0.4") minor=Some("9.0-eus") in=None module=None arches=aarch64,ppc64le,s390x,x86_64"#,
        r#"rhel:8 sudo Binary Affected Fixed("1.9.5p2-1.el8_6") minor=Some("8.6-eus") in=None module=None arches=aarch64,ppc64le,s390x,x86_64"#,
    ] {
        assert!(shown.iter().any(|line| line == expected), "{shown:#?}");
    }
    assert!(!shown.iter().any(|line| line.contains("Source")), "{shown:#?}");
    let bytes = std::fs::read(data.join("csaf/redhat-vunnel/advisories/rhsa-2024_1431.json")).unwrap();
    let (ruby, _) = read(&bytes).unwrap();
    let expected = r#"rhel:8 rubygems Binary Affected Fixed("3.3.26-142.module+el8.9.0+21471+7d1e4a35") minor=None in=None module=Some("ruby:3.1") arches="#;
    assert!(lines(&ruby).iter().any(|line| line == expected), "{:#?}", lines(&ruby));
}

#[test]
fn red_hat_vex_states_become_states_of_the_stream() {
    let Some(data) = test_data::folder() else { return };
    let bytes = std::fs::read(data.join("csaf/redhat/CVE-2023-20862.json")).unwrap();
    let (advisory, _) = read(&bytes).unwrap();
    let shown = lines(&advisory);
    for expected in [
        "rhel:9 log4j Source NotAffected  minor=None in=None module=None arches=",
        "rhel:8 log4j Source NotAffected  minor=None in=None module=Some(\"log4j:2\") arches=",
        "redhat:openshift:3.11 jenkins Source EndOfLife Open minor=None in=None module=None arches=",
        "redhat:openshift:4 jenkins Source WontFix Open minor=None in=None module=None arches=",
    ] {
        assert!(shown.iter().any(|line| line == expected), "lacks {expected}\n{shown:#?}");
    }
    assert_eq!(advisory.cves, ["CVE-2023-20862"]);
}

#[test]
fn a_providers_zip_reads_with_its_digests() {
    let Some(data) = test_data::folder() else { return };
    let bytes = std::fs::read(data.join("csaf/cisa-csaf-it+ot2023.zip")).unwrap();
    let mut taken = Vec::new();
    let reading = archive("cisa.zip", &bytes, &mut |fact| {
        if let Fact::Advisory(advisory) = fact {
            taken.push(*advisory);
        }
    })
    .unwrap();
    assert_eq!((reading.records, reading.rejected), (384, 0), "{:#?}", reading.problems);
    let hitachi = taken.iter().find(|advisory| advisory.id == "ICSA-23-005-01").unwrap();
    assert_eq!(hitachi.affected[0].stream.as_str(), "vendor");
    assert!(hitachi.affected.iter().any(|affected| affected.name == "hitachi energy/unem" && affected.versions.contains(&"R16A".to_owned())));
    assert!(hitachi.workarounds.iter().any(|workaround| workaround.kind == "mitigation"));
    assert!(taken.iter().filter(|advisory| !advisory.affected.is_empty()).count() > 370);
}

#[test]
fn a_document_that_differs_from_its_digest_is_refused() {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in [
        ("white/2024/a.json", r#"{"document":{"tracking":{"id":"A"}}}"#),
        ("white/2024/a.json.sha512", "0000  a.json"),
        ("white/2024/b.json", r#"{"document":{"tracking":{"id":"B"}}}"#),
        ("white/csaf-feed-tlp-white.json", "{}"),
    ] {
        writer.start_file(name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    let reading = archive("p.zip", &bytes, &mut |_| ()).unwrap();
    assert_eq!((reading.records, reading.rejected), (1, 1));
    assert_eq!((reading.problems[0].code.as_str(), reading.problems[0].place.as_str()), ("E-DIGEST", "p.zip!white/2024/a.json"));
}

#[test]
fn version_2_1_and_suse_spellings() {
    let json = r#"{"document":{"category":"csaf_vex","publisher":{"name":"SUSE Product Security Team"},"tracking":{"id":"SUSE-SU-2026:1-1","initial_release_date":"2026-01-02T00:00:00Z"}},
      "product_tree":{"branches":[{"category":"vendor","name":"SUSE","branches":[
        {"category":"product_name","name":"SUSE Linux Enterprise Server 15 SP5","product":{"name":"SUSE Linux Enterprise Server 15 SP5","product_id":"S"}},
        {"category":"product_version","name":"x","product":{"name":"libopenssl1_1-1.1.1l-150500.17.25.1.x86_64","product_id":"P"}},
        {"category":"product_name","name":"Tool","branches":[{"category":"product_version_range","name":"vers:semver/<2.0","product":{"product_id":"N","product_identification_helper":{"purls":["pkg:npm/%40acme/tool"]}}}]}]}],
        "relationships":[{"category":"default_component_of","product_reference":"P","relates_to_product_reference":"S","full_product_name":{"name":"n","product_id":"S:P"}}]},
      "vulnerabilities":[{"cve":"CVE-2026-0001","product_status":{"fixed":["S:P"],"known_affected":["N","unknown"],"known_not_affected":[null]},
        "metrics":[{"content":{"cvss_v3":{"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}}}]}]}"#;
    let (advisory, statements) = read(json.as_bytes()).unwrap();
    assert_eq!(
        lines(&advisory),
        [
            r#"sles:15.5 libopenssl1_1 Binary Affected Fixed("1.1.1l-150500.17.25.1") minor=None in=None module=None arches=x86_64"#,
            r#"npm @acme/tool Binary Affected Fixed("2.0") minor=None in=None module=None arches="#,
        ]
    );
    assert_eq!(advisory.severities.len(), 1);
    assert_eq!(statements.len(), 1);
    assert_eq!((statements[0].status, statements[0].products.as_slice()), (VexStatus::Affected, &["pkg:npm/%40acme/tool".to_owned()][..]));
}

#[test]
fn the_validators_documents_read_or_are_refused_but_never_panic() {
    let Some(data) = test_data::folder() else { return };
    let bytes = std::fs::read(data.join("csaf/oasis-2.0-validator-tests.zip")).unwrap();
    let reading = archive("tests.zip", &bytes, &mut |_| ()).unwrap();
    assert!(reading.records > 200, "{} read, {} refused: {:#?}", reading.records, reading.rejected, reading.problems);
}

#[test]
fn hostile_documents() {
    let deep = format!(
        r#"{{"document":{{"tracking":{{"id":"A"}}}},"product_tree":{}"#,
        r#"{"branches":[{"category":"vendor","name":"x","branches":["#.repeat(10_000)
    );
    for bytes in [deep.as_bytes(), b"{}", b"[]", b"", b"{\"document\":{}}", b"\xff"] {
        assert_eq!(read(bytes).expect_err("refused").code, "E-FORMAT");
    }
    // A relationship that goes round in a circle ends.
    let circle = r#"{"document":{"tracking":{"id":"A"}},"product_tree":{"relationships":[
        {"product_reference":"B","relates_to_product_reference":"A","full_product_name":{"product_id":"A"}},
        {"product_reference":"A","relates_to_product_reference":"B","full_product_name":{"product_id":"B"}}]},
        "vulnerabilities":[{"product_status":{"fixed":["A","B"],"known_affected":["A"]}}]}"#;
    assert!(read(circle.as_bytes()).unwrap().0.affected.is_empty());
}
