#![no_main]
//! Metadata, definitions and module states of yum repositories.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::yum;

fuzz_target!(|data: &[u8]| {
    let _ = yum::primary("fuzz", data, &mut |package| drop(std::hint::black_box(package)));
    let _ = yum::repomd("fuzz", data);
    let _ = yum::repositories("fuzz", data);
    let _ = yum::modules("fuzz", data);
});
