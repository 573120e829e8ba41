use super::*;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

fn sample(path: &str) -> Reading {
    let file = std::fs::read(format!("{CORPUS}/{path}")).unwrap();
    read(path, &file).unwrap()
}

/// Ids, package, version, and whether it is there, a line each.
fn said(reading: &Reading) -> Vec<String> {
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let line = |said: &Said| format!("{} | {} | {} | {:?}", said.ids.iter().cloned().collect::<Vec<_>>().join(" "), word(&said.package), word(&said.version), said.there);
    reading.said.iter().map(line).collect()
}

#[test]
fn trivy_is_read_for_the_packages_of_the_system() {
    let reading = sample("scanner_trivy/rootfs.json");
    assert_eq!((reading.scanner, reading.version.as_deref(), reading.system), (Scanner::Trivy, Some("0.74.0"), true));
    assert_eq!(reading.moment, "2026-11-22T10:00:00.5Z".parse().ok());
    assert_eq!(reading.database, None, "the file does not say");
    let versions: Vec<_> = reading.packages.iter().map(|(name, versions)| (name.as_str(), versions.iter().map(String::as_str).collect::<Vec<_>>())).collect();
    assert_eq!(versions, [("openssl", vec!["3.0.17-1~deb12u3"]), ("vim", vec!["2:9.0.1378-2"])], "epoch and revision are put together, and the library of an application is left out");
    assert_eq!(said(&reading), ["CVE-2026-1001 DSA-6001-1 | vim | 2:9.0.1378-2 | Some(true)"]);
}

#[test]
fn grype_is_read_with_the_age_of_its_data() {
    let reading = sample("scanner_grype/dir.json");
    assert_eq!((reading.scanner, reading.version.as_deref(), reading.system), (Scanner::Grype, Some("0.116.0"), true));
    assert_eq!((reading.moment, reading.database), ("2026-11-22T10:00:00Z".parse().ok(), "2026-11-22T01:30:00Z".parse().ok()));
    assert_eq!(said(&reading), ["CVE-2026-1001 CVE-2026-1002 | vim | 2:9.0.1378-2 | Some(true)"]);
}

#[test]
fn silence_of_osv_scanner_proves_nothing() {
    let reading = sample("scanner_osv/scan.json");
    assert_eq!((reading.scanner, reading.moment, reading.system), (Scanner::OsvScanner, None, false));
    let both = ["CVE-2026-1001 DEBIAN-CVE-2026-1001 | vim-common | 2:9.0.1378-2 | Some(true)", "CVE-2026-1002 DSA-6001-1 | vim-common | 2:9.0.1378-2 | Some(true)"];
    assert_eq!(said(&reading), both, "the lock file is another matter");
}

#[test]
fn openscap_says_what_is_there_and_what_is_not() {
    let reading = sample("scanner_openscap/oval.xml");
    assert_eq!((reading.version.as_deref(), reading.target.as_deref()), (Some("1.3.7"), Some("web-1")));
    assert_eq!(reading.database, "2026-11-22T01:00:00Z".parse().ok());
    assert_eq!(reading.moment, None, "a local time without offset is no moment");
    assert_eq!(said(&reading), ["CVE-2026-1001 DSA-6001-1 |  |  | Some(false)", "CVE-2026-7 |  |  | Some(true)"]);

    let reading = sample("scanner_openscap/arf.xml");
    assert_eq!((reading.version.as_deref(), reading.target.as_deref(), reading.moment), (Some("1.3.7"), Some("web-1"), "2026-11-22T10:00:00Z".parse().ok()));
    assert_eq!(said(&reading), ["CVE-2026-1001 RHSA-2026:1 |  |  | Some(true)", "CVE-2026-7 |  |  | Some(false)"]);
}

#[test]
fn hostile_files_are_refused_before_they_cost_anything() {
    let code = |bytes: &[u8]| read("file", bytes).unwrap_err().code;
    let bomb = std::fs::read(format!("{CORPUS}/scanner_openscap/bomb.xml")).unwrap();
    assert_eq!(code(&bomb), "E-XML-DTD");
    let deep = format!("<oval_results>{}", "<a>".repeat(1_000));
    assert_eq!(code(deep.as_bytes()), "E-FORMAT");
    let deep = format!("{{\"matches\":{}", "[".repeat(100_000));
    assert_eq!(code(deep.as_bytes()), "E-FORMAT");
    assert_eq!(code(format!("{{\"matches\":[{}", "{},".repeat(600_000)).as_bytes()), "E-LIMIT");
    assert_eq!(code(&vec![b' '; FILE_LIMIT + 1]), "E-LIMIT");
    assert_eq!(code(b"{\"bomFormat\":\"CycloneDX\"}"), "E-FORMAT");
    assert_eq!(code(b"<Benchmark/>"), "E-FORMAT");
    assert_eq!(code(b""), "E-FORMAT");
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![b' '; 90 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(code(&packed), "E-LIMIT");
    let many: String = (0..MOST + 1).map(|number| format!("<rule-result idref=\"r{number}\"><result>pass</result></rule-result>")).collect();
    assert_eq!(code(format!("<TestResult>{many}</TestResult>").as_bytes()), "E-LIMIT");
}
