//! Any bytes as an Alpine security database.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::secdb::secdb("fuzz", data, &mut |_| ());
});
