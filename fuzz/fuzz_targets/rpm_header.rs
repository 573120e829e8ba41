#![no_main]
//! One rpm header.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::rpm::{self, header};

fuzz_target!(|data: &[u8]| {
    if let Ok(package) = header::parse("fuzz", data) {
        let stream = plimsoll_core::model::stream::Stream::release("almalinux", "9");
        let _ = rpm::to_components(&[package], &stream);
    }
    let _ = rpm::parse_query("fuzz", data);
});
