//! Replays every kept corpus through its target, so that an input which once
//! broke a parser keeps it mended.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use plimsoll_fuzz::TARGETS;

/// The names in a folder of this package, without what follows the first dot.
fn names(folder: &str) -> BTreeSet<String> {
    fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .expect(folder)
        .map(|entry| entry.expect(folder).file_name().into_string().expect("a name in UTF-8"))
        .map(|name| name.split('.').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn every_target_has_a_file_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets, names("fuzz_targets"));
    assert_eq!(targets, names("corpus"));
    // The files are compiled by whoever fuzzes; all they may do is to call the
    // function that is replayed here.
    let replayed = include_str!("../src/lib.rs");
    for (name, _) in TARGETS {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets").join(name).with_extension("rs");
        let text = fs::read_to_string(&file).expect(name);
        let calls: Vec<&str> = text.lines().filter(|line| line.contains("fuzz_target!")).collect();
        let called = match calls.as_slice() {
            [call] => call.split_once(" plimsoll_fuzz::").and_then(|(_, rest)| rest.strip_suffix("(data));")),
            _ => None,
        };
        assert!(called.is_some_and(|path| replayed.contains(&format!("(\"{name}\", {path}),"))), "{name}: {text}");
    }
}

#[test]
fn every_kept_input_passes() {
    for (name, target) in TARGETS.iter().copied() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs: Vec<_> = fs::read_dir(&folder).expect(name).map(|entry| entry.expect(name).path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no kept input");
        for input in inputs {
            // A panic ends the test; this line is what names its input.
            eprintln!("{}", input.display());
            target(&fs::read(&input).expect(name));
        }
    }
}

/// Whoever begins with a document that is refused at its first member fuzzes
/// nothing behind it.
#[test]
fn the_kept_package_is_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/trust_package/unsigned.json");
    let read = plimsoll_formats::trust::SignedPackage::read("unsigned.json", &fs::read(file).expect("the package"));
    assert!(read.is_ok(), "{:?}", read.err());
}
