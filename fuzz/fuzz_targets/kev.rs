//! Any bytes as the catalogue of known exploited vulnerabilities.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::kev::json("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::kev::csv("fuzz", data, &mut |_| ());
});
