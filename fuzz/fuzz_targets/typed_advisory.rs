//! Any bytes as advisories typed in by hand, and as the JavaScript databases.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::typed::advisories("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::retirejs::repository("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::nodejs_wg::record("fuzz", plimsoll_formats::advisories::nodejs_wg::Part::Npm, "1", data, &mut |_| ());
});
