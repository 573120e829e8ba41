//! Artefacts come out as what their digest names, or not at all.

use plimsoll_store::artefacts::Artefacts;
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
