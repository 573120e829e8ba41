//! VEX documents: OpenVEX and CycloneDX.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::vex::openvex("fuzz", data, &mut |_| {});
    let _ = plimsoll_formats::advisories::vex::cyclonedx_vex("fuzz", data, &mut |_| {});
});
