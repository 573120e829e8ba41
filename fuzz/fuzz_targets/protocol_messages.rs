//! Any bytes as each small message, a refusal, a checkpoint, a log key.
#![no_main]

use plimsoll_formats::protocol;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = protocol::read_message::<protocol::Enrol>(data);
    let _ = protocol::read_message::<protocol::Enrolled>(data);
    let _ = protocol::read_message::<protocol::CheckIn>(data);
    let _ = protocol::read_message::<protocol::CheckInAnswer>(data);
    let _ = protocol::read_message::<protocol::ReportAnswer>(data);
    let _ = protocol::read_message::<protocol::Rotate>(data);
    let _ = protocol::Refusal::read(500, data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = protocol::LogKey::read(text);
    let (key, note) = text.split_once('\0').unwrap_or((text, text));
    if let Ok(key) = protocol::LogKey::read(key) {
        let _ = protocol::Checkpoint::read(note, &key);
    }
});
