#![no_main]
//! Sources of apt in both forms.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::apt::sources;

fuzz_target!(|data: &[u8]| {
    for sources in [sources::parse_list("fuzz", data), sources::parse_deb822("fuzz", data)].into_iter().flatten() {
        for entry in sources.entries {
            let _ = entry.packages_name("main", "amd64", "amd64");
            let _ = entry.host();
        }
    }
});
