//! Archives: nested JARs, `pom.properties`, manifests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::components::{FileKind, read};

fuzz_target!(|data: &[u8]| {
    let _ = read(FileKind::Jar, "fuzz.jar", data);
});
