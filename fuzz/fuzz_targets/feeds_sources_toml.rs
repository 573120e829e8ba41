//! An operator's `sources.toml`, as far as it goes into catalogue and network options.
#![no_main]

use plimsoll_feeds::catalogue::Catalogue;
use plimsoll_feeds::fetch::NetworkOptions;
use plimsoll_feeds::fetch::additions::Additions;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(additions) = Additions::parse("fuzz", text) else { return };
    let mut catalogue = Catalogue::built_in(jiff::civil::date(2026, 11, 22)).expect("the built-in catalogue");
    if additions.apply("fuzz", &mut catalogue, &mut NetworkOptions::default()).is_ok() {
        for entry in catalogue.needed_for(&[], true) {
            let parts = entry.path.split('/');
            assert!(!entry.path.starts_with('/') && parts.clone().all(|part| part != ".."), "{}", entry.path);
        }
    }
});
