use super::*;

#[test]
fn paths_of_the_data_folder() {
    for (path, first, expected) in [
        ("osv/Debian/all.zip", &b"PK\x03\x04"[..], "osv/Debian"),
        ("osv/Debian/all.zip", b"", "-"),
        ("osv-misc-samples/a/b/GHSA-x.json", b"{\"id\"", "osv/misc-samples"),
        ("debian-security-tracker/data/DSA/list", b"[", "debian-tracker/dsa"),
        ("debian-security-tracker/json", b"{", "debian-tracker/json"),
        ("alpine-secdb/v3.11/main.yaml", b"---", "alpine-secdb/v3.11/main"),
        ("ubuntu/osv/usn/USN-1.json", b"{", "osv/Ubuntu"),
        ("ubuntu/x/osv-all.tar.xz", b"\xfd7zXZ", "osv/Ubuntu"),
        ("ubuntu/x/database-all.json.bz2", b"BZh", "ubuntu/notices"),
        ("kev/known_exploited_vulnerabilities.csv", b"", "kev"),
        ("kev/known_exploited_vulnerabilities_schema.json", b"", "-"),
        ("epss/epss_scores-2026-03-29.csv.gz", b"\x1f\x8b", "epss"),
        ("endoflife/products-frontmatter.zip", b"PK", "endoflife/products-frontmatter"),
        ("endoflife/distro-info-data/debian.csv", b"", "distro-info/debian"),
        ("endoflife/debian-security-support/security-support-ended", b"", "-"),
        ("endoflife/debian-security-support/security-support-ended.deb12", b"", "debian-security-support"),
        ("vulnrichment/a.zip", b"PK", "cve/vulnrichment"),
        ("csaf/cisa-csaf-it+ot2023.zip", b"PK", "csaf/cisa-csaf-it+ot2023"),
        ("csaf/redhat/rhsa.json", b"{", "csaf/redhat"),
        ("csaf/redhat/provider-metadata.json", b"{", "-"),
        ("csaf/oasis-2.0-validator-tests.zip", b"PK", "-"),
        ("csaf/oasis-2.0-examples/csaf/a.json", b"{", "-"),
        ("nodejs-security-wg/npm.zip", b"PK", "nodejs-wg/npm"),
        ("retirejs/jsrepository-v4.json", b"{", "retirejs"),
        ("feeds/acme.xml", b"<", "feed/acme"),
        ("advisories/acme.toml", b"", "typed/acme"),
        ("repos/yum.zip", b"PK", "updateinfo/yum"),
        ("csaf/redhat/csaf_advisories_2026-11-20.tar.zst", b"", "csaf/redhat"),
        ("ubuntu/vex/vex-all.tar.xz", b"", "vex/Ubuntu"),
        ("updateinfo/fedora_42/updates.xml.gz", b"", "updateinfo/fedora:42/updates"),
        ("vex/acme/a.json", b"{\"@context\":\"https://openvex.dev/ns/v0.2.0\"", "vex/acme"),
        ("README.md", b"", "-"),
        ("", b"", "-"),
        ("../../etc/passwd", b"", "-"),
    ] {
        let name = source_of(path, first).map_or_else(|| "-".to_owned(), |kind| kind.name());
        assert_eq!(name, expected, "{path}");
    }
}

#[test]
fn the_newest_day_wins() {
    let kept = chosen(vec![
        (SourceKind::Epss("epss_scores-2026-03-29.csv.gz".into()), 1),
        (SourceKind::KevCsv, 2),
        (SourceKind::Epss("epss_scores-2025-08-17.csv.gz".into()), 3),
        (SourceKind::KevJson, 4),
    ]);
    assert_eq!(kept.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [1, 4]);
}

#[test]
fn a_providers_tarball_reads_like_its_documents() {
    let Some(folder) = crate::test_data::folder() else { return };
    let document = std::fs::read(folder.join("csaf/redhat/rhsa-2023_5835.json")).expect("the document is there");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(document.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "2023/rhsa-2023_5835.json", document.as_slice()).expect("appends");
    let packed = zstd::bulk::compress(&archive.into_inner().expect("ends"), 3).expect("packs");
    let facts = |kind: SourceKind, bytes: &[u8]| {
        let mut out = Vec::new();
        let reading = read(&kind, "place", bytes, &mut |fact| out.push(fact)).expect("reads");
        assert_eq!((reading.records, reading.rejected), (1, 0));
        out
    };
    let loose = facts(SourceKind::CsafDocument("redhat".into()), &document);
    assert!(!loose.is_empty());
    assert_eq!(facts(SourceKind::CsafTarball("redhat".into()), &packed), loose);
}

#[test]
fn ubuntus_real_tarball_of_statements_is_read_whole() {
    let Some(folder) = crate::test_data::folder() else { return };
    let path = "ubuntu/vuls-samples/vex/testdata/fixtures/vex-all.tar.xz";
    let bytes = std::fs::read(folder.join(path)).expect("the tarball is there");
    let kind = source_of(path, &bytes[..16]).expect("is a source");
    let mut statements = 0;
    let reading = read(&kind, path, &bytes, &mut |fact| statements += u64::from(matches!(fact, Fact::Statement(_)))).expect("reads");
    assert_eq!((reading.rejected, &reading.problems), (0, &Vec::new()));
    assert_eq!(reading.records, statements);
    assert!(statements > 0 && reading.newest.is_some(), "{reading:?}");
}
