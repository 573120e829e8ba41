//! Artefacts come out as what their digest names, or not at all.

use plimsoll_store::artefacts::{Artefacts, Swept};
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn content_is_checked_on_the_way_in_and_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let store = Artefacts::in_folder(&at("store")).expect("a store");
    // Longer than one part.
    let content: Vec<u8> = (0..9 << 20).map(|byte: u32| (byte % 251) as u8).collect();
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&content));
    std::fs::write(at("in"), &content).expect("a file");
    assert_eq!(store.length(&digest).await, Ok(None));
    let other = "0".repeat(64);
    assert_eq!(store.keep(&other, &at("in")).await.expect_err("another content").problem.code, "E-DIGEST");
    assert_eq!(store.length(&other).await, Ok(None), "nothing is kept of it");
    store.keep(&digest, &at("in")).await.expect("kept");
    store.keep(&digest, &at("in")).await.expect("kept again");
    assert_eq!(store.length(&digest).await, Ok(Some(content.len() as u64)));
    store.place(&digest, &at("out")).await.expect("placed");
    assert_eq!(std::fs::read(at("out")).expect("a file"), content);
    assert_eq!(std::fs::metadata(at("out")).expect("a file").permissions().mode() & 0o777, 0o444);
    assert!(store.place(&digest, &at("out")).await.is_err(), "what is there is not written over");
    assert_eq!(std::fs::read(at("out")).expect("still there"), content);
    for odd in ["", "../../etc/passwd", &digest.to_uppercase(), &digest[1..]] {
        assert_eq!(store.length(odd).await.expect_err("no digest").problem.code, "E-VALUE");
    }
    // A byte that the disk changed does not get out.
    let kept = at("store").join("sha256").join(&digest[..2]).join(&digest);
    let mut bytes = std::fs::read(&kept).expect("a file");
    bytes[5_000_000] ^= 1;
    std::fs::write(&kept, bytes).expect("changed");
    assert_eq!(store.place(&digest, &at("never")).await.expect_err("changed").problem.code, "E-DIGEST");
    assert!(!at("never").exists());
    store.remove(&digest).await.expect("removed");
    store.remove(&digest).await.expect("none is no error");
    assert_eq!(store.place(&digest, &at("never")).await.expect_err("gone").problem.code, "E-NOT-FOUND");
}

#[tokio::test]
async fn a_sweep_removes_what_is_old_and_marked_by_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Artefacts::in_folder(&folder.path().join("store")).expect("a store");
    let mut digests = Vec::new();
    for content in ["marked", "old", "young"] {
        let file = folder.path().join(content);
        std::fs::write(&file, content).expect("a file");
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(content));
        store.keep(&digest, &file).await.expect("kept");
        digests.push(digest);
    }
    let at = |digest: &str| folder.path().join("store/sha256").join(&digest[..2]).join(digest);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(40 * 86_400);
    for digest in &digests[..2] {
        std::fs::File::options().write(true).open(at(digest)).expect("a file").set_modified(long_ago).expect("its time");
    }
    // Somebody else's file is not ours to remove.
    let foreign = folder.path().join("store/sha256/notes");
    std::fs::write(&foreign, "x").expect("a file");
    std::fs::File::options().write(true).open(&foreign).expect("a file").set_modified(long_ago).expect("its time");
    let before = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 86_400).expect("a time");
    let marks = std::collections::BTreeSet::from([digests[0].clone()]);
    let expected = Swept { marked: 1, young: 1, removed: 1, bytes: 3 };
    assert_eq!(store.sweep(&marks, before, true).await, Ok(expected));
    assert!(at(&digests[1]).exists(), "a dry run removes nothing");
    assert_eq!(store.sweep(&marks, before, false).await, Ok(expected));
    let there: Vec<bool> = digests.iter().map(|digest| at(digest).exists()).collect();
    assert_eq!((there, foreign.exists()), (vec![true, false, true], true));
    assert_eq!(store.sweep(&marks, before, false).await, Ok(Swept { removed: 0, bytes: 0, ..expected }));
}
