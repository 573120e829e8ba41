//! Results of outside scanners.

use plimsoll_core::model::scanner::Scanner;
use plimsoll_formats::scanners;

/// Reads Grype's JSON.
pub fn grype(data: &[u8]) {
    one(Scanner::Grype, data);
}

/// Reads OVAL results, XCCDF results and ARF.
pub fn openscap(data: &[u8]) {
    one(Scanner::Openscap, data);
}

/// Reads OSV-Scanner's JSON.
pub fn osv(data: &[u8]) {
    one(Scanner::OsvScanner, data);
}

/// Reads Trivy's JSON.
pub fn trivy(data: &[u8]) {
    one(Scanner::Trivy, data);
}

fn one(scanner: Scanner, data: &[u8]) {
    let _ = scanners::read("fuzz", data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let found = scanners::read_as(scanner, "fuzz", text);
    assert_eq!(found, scanners::read_as(scanner, "fuzz", text), "the same bytes give the same answer");
    if let Ok(reading) = found {
        assert_eq!(reading.scanner, scanner);
        assert!(reading.said.iter().all(|said| !said.ids.is_empty()), "every statement is about something");
    }
}
