#![no_main]
//! An ndb rpm database.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::rpm::ndb;

fuzz_target!(|data: &[u8]| {
    let _ = ndb::parse("fuzz", data);
});
