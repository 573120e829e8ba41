//! Every reader of lock files and metadata; the first byte picks the kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::components::{FileKind, read, recognise};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let kind = FileKind::ALL[usize::from(*first) % FileKind::ALL.len()];
    let found = read(kind, "fuzz", rest);
    assert_eq!(found, read(kind, "fuzz", rest), "the same bytes give the same answer");
    if let Ok(name) = std::str::from_utf8(rest) {
        let _ = recognise(name);
    }
});
