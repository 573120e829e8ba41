#![no_main]
//! os-release files.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::os_release;

fuzz_target!(|data: &[u8]| {
    let _ = os_release::parse("fuzz", data);
});
