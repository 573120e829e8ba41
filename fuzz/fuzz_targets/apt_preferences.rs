#![no_main]
//! Pins of apt, and matching with them.
use libfuzzer_sys::fuzz_target;
use plimsoll_formats::packages::apt::preferences::{self, Candidate};
use plimsoll_formats::packages::apt::release::Release;

fuzz_target!(|data: &[u8]| {
    let Ok((entries, _)) = preferences::parse("fuzz", data) else { return };
    let release = Release { suite: Some("stable".to_owned()), ..Release::default() };
    let candidate = Candidate {
        name: "linux-image-amd64",
        source: "linux",
        arch: "amd64",
        version: "6.1-1",
        release: Some(&release),
        host: "deb.example",
        component: "main",
        index_arch: "amd64",
    };
    for entry in entries {
        let _ = entry.matches(&candidate);
    }
});
