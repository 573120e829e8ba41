#![no_main]
//! An SQLite rpm database.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::rpm::sqlite;

fuzz_target!(|data: &[u8]| {
    let _ = sqlite::parse("fuzz", data, 0);
});
