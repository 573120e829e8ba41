//! Any bytes as a CVE record, a zip of them, or a page of NVD.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::cve5::record("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::cve5::archive("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::nvd::page("fuzz", data, &mut |_| ());
});
