//! What it does stands in `plimsoll_fuzz`, where the replay of the corpora finds it too.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::scanners::openscap(data));
