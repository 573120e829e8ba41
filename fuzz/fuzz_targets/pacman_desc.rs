#![no_main]
//! pacman desc files and sync databases.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::pacman;

fuzz_target!(|data: &[u8]| {
    if let Ok(package) = pacman::desc("fuzz", data) {
        let _ = package.to_component(&plimsoll_core::model::stream::Stream::language("arch"));
    }
    let _ = pacman::sync("fuzz", data);
});
