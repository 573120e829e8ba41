//! Any bytes as a report, compressed and not; what is read must be canonical
//! enough to be written and read again.
#![no_main]

use plimsoll_formats::protocol;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = protocol::read_report("fuzz", data);
    if let Ok(read) = protocol::read_report_bytes("fuzz", data.to_vec()) {
        let made = protocol::canonical(read.report).expect("what was read is within limits");
        let again = protocol::read_report_bytes("fuzz", made.bytes.clone()).expect("what was made is readable");
        assert_eq!(made, again);
    }
});
