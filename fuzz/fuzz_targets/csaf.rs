//! Any bytes as a CSAF document, a provider's zip and its lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = plimsoll_formats::advisories::csaf::advisory("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::csaf::archive("fuzz", data, &mut |_| ());
    let _ = plimsoll_formats::advisories::csaf_provider::metadata("fuzz", data);
    let _ = plimsoll_formats::advisories::csaf_provider::rolie("fuzz", data);
    let _ = plimsoll_formats::advisories::csaf_provider::index("fuzz", data);
    let _ = plimsoll_formats::advisories::csaf_provider::changes("fuzz", data);
});
