#![no_main]
//! apt Packages indices, plain and compressed.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::apt::index;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = index::text("fuzz", data) else { return };
    let _ = index::records("fuzz", &text, &mut |record| {
        std::hint::black_box(record);
    });
});
