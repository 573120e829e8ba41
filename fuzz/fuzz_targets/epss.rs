//! Any bytes as EPSS scores.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::epss::scores("fuzz", data, &mut |_| ());
});
