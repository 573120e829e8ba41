//! A cache manifest that anybody may have written to.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_feeds::cache::parse_manifest("fuzz", data);
});
