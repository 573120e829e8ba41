#![no_main]
//! apk's installed database, index and repositories.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::{alpine, control};

fuzz_target!(|data: &[u8]| {
    let _ = alpine::index_text("fuzz", data);
    let _ = alpine::repositories("fuzz", data);
    let Ok((text, _)) = control::text("fuzz", data) else { return };
    let stream = plimsoll_core::model::stream::Stream::release("alpine", "3.19");
    for package in alpine::parse("fuzz", &text).packages {
        let _ = package.to_component(&stream);
    }
});
