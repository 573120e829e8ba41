//! Any bytes as an OSV record, a zip or a tarball of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::osv::record("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::osv::archive("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::osv::tarball("fuzz", data, &mut |_| ());
});
