//! SBOM documents of every format, and package URLs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::sbom::read("fuzz", data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = plimsoll_formats::sbom::purl::component_of_purl(text);
    }
});
