use super::*;

fn shown(vulnerable: &str, patched: &str) -> String {
    match ranges(vulnerable, patched) {
        Ok(ranges) => ranges
            .iter()
            .map(|range| format!("{}..{:?}", range.introduced.as_deref().unwrap_or(""), range.end))
            .collect::<Vec<_>>()
            .join(" "),
        Err(reason) => reason,
    }
}

#[test]
fn patched_versions_are_taken_out_of_vulnerable_ones() {
    assert_eq!(shown("<13.0.8", ">=13.0.8"), r#"..Fixed("13.0.8")"#);
    assert_eq!(shown("6.x || 8.x", "^6.9.0 || ^8.1.2"), r#"6.0.0..Fixed("6.9.0") 8.0.0..Fixed("8.1.2")"#);
    assert_eq!(shown("<=99.999.99999", "<0.0.0"), "..Open");
    assert_eq!(shown(">1.0.0 <=1.2.0", ""), r#"1.0.1-0..LastAffected("1.2.0")"#);
}

#[test]
fn both_archives_read_in_full() {
    let Some(data) = crate::test_data::folder() else { return };
    for (name, part, records) in [("npm.zip", Part::Npm, 342), ("core.zip", Part::Core, 171)] {
        let bytes = std::fs::read(data.join("nodejs-security-wg").join(name)).unwrap();
        let mut taken = 0;
        let reading = archive(name, part, &bytes, &mut |_| taken += 1).unwrap();
        assert_eq!(reading.records, taken);
        assert_eq!((reading.records + reading.rejected, reading.rejected), (records, 0), "{:#?}", reading.problems);
    }
}

#[test]
fn hostile_records_are_refused() {
    for bytes in [&b"{}"[..], b"[]", b"", b"\xff", b"{\"module_name\":\"a\",\"vulnerable_versions\":\"<<<<\"}"] {
        assert!(record("x", Part::Npm, "1", bytes, &mut |_| ()).is_err(), "{bytes:?}");
    }
}
