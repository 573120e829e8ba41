//! Any bytes as a DSA or DLA list.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::debian::list("fuzz", data, &mut |_| ());
});
