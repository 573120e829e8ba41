//! Programs: ELF, PE and Mach-O headers, Go build information,
//! cargo-auditable data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_formats::components::{FileKind, read, recognise_binary};

fuzz_target!(|data: &[u8]| {
    let _ = recognise_binary(data);
    let _ = read(FileKind::Executable, "fuzz", data);
});
