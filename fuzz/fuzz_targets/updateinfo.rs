#![no_main]
//! Errata of yum repositories.
use libfuzzer_sys::fuzz_target;
use plimsoll_core::model::stream::Stream;

fuzz_target!(|data: &[u8]| {
    let stream = Stream::release("almalinux", "9");
    let _ = plimsoll_formats::packages::yum::updateinfo("fuzz", data, &stream, Some("repo"), &mut |fact| {
        drop(std::hint::black_box(fact));
    });
});
