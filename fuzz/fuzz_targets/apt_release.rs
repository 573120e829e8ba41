#![no_main]
//! Release and InRelease files.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::apt::release;

fuzz_target!(|data: &[u8]| {
    let _ = release::parse("fuzz", data);
});
