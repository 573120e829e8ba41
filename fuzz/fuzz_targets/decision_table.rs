#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::policy;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(table) = policy::read_table("table.json", text) {
        // Every row that the table lists is one that it decides.
        assert!(table.rows().all(|(values, _)| values.len() == table.inputs().len()));
    }
});
