//! Feeds arbitrary bytes to the database reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::advisory_db::read::Database;

fuzz_target!(|data: &[u8]| {
    if let Ok(database) = Database::open(data, "fuzz", None) {
        let _ = database.verify();
    }
});
