#![no_main]
//! dpkg's status file, status.d entries and apt's extended states.
use libfuzzer_sys::fuzz_target;
use plimsoll_core::model::stream::Stream;
use plimsoll_formats::packages::{control, dpkg};

fuzz_target!(|data: &[u8]| {
    let Ok((text, _)) = control::text("fuzz", data) else { return };
    let stream = Stream::release("debian", "12");
    for package in dpkg::parse("fuzz", &text).packages {
        let _ = package.to_component(&stream);
    }
    let _ = dpkg::parse_status_d("fuzz", &text);
    let _ = dpkg::automatic("fuzz", &text);
});
