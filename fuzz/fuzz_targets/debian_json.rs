//! Any bytes as the Debian tracker's JSON or Ubuntu's notices.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::debian::tracker("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::ubuntu::notices("fuzz", data, &mut |_| ());
});
