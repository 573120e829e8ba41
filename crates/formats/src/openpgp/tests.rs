use super::*;
use crate::test_data::file as data;
use crate::trust::KeyFile;
use jiff::Timestamp;
use std::process::Command;

const DEBIAN: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

fn debian() -> Option<Keyring> {
    match std::fs::read(DEBIAN) {
        Ok(bytes) => Some(Keyring::read(DEBIAN, &bytes).expect("Debian's keyring")),
        Err(_) => {
            eprintln!("skipped: no {DEBIAN} on this machine");
            None
        }
    }
}

#[test]
fn debians_security_archive() {
    let (Some(keyring), Some(bytes)) = (debian(), data("repos/debian-security/dists/bookworm-security/InRelease")) else { return };
    let signed = keyring.verify_clear("InRelease", &bytes, now()).expect("signed");
    assert!(!signed.signers.is_empty());
    assert!(signed.signers.iter().all(|signer| signer.made == at("2026-11-20T00:12:41Z") || signer.made.as_second() > 1_763_000_000), "{:?}", signed.signers);
    assert!(signed.text.starts_with("Origin: Debian\n") && signed.text.ends_with('\n'));
    // Before its keys were made nobody could have signed it.
    assert_eq!(keyring.verify_clear("InRelease", &bytes, at("2015-01-01T00:00:00Z")).unwrap_err().code, "E-SIGNING-KEY");
    // One changed letter anywhere: of the text, it is told as changed; of the
    // frame, something else is wrong; nothing passes, nothing panics.
    let start = bytes.windows(2).position(|window| window == b"\n\n").expect("a header") + 2;
    let end = bytes.windows(10).position(|window| window == b"-----BEGIN").map_or(0, |_| bytes.len());
    for place in (start..end).step_by(1_009) {
        let mut changed = bytes.clone();
        changed[place] ^= 2;
        if let Ok(passed) = keyring.verify_clear("InRelease", &changed, now()) {
            // Base64 has letters that say the same, and one of two signatures may be hurt.
            assert_eq!(passed.text, signed.text, "byte {place}");
        }
    }
    let own = RepositoryKey::certify(&KeyFile::from_seed(&[1; 32]), "own", now(), 0).expect("a key").keyring();
    let problem = own.verify_clear("InRelease", &bytes, now()).unwrap_err();
    assert_eq!(problem.code, "E-SIGNER");
    for odd in [&b""[..], b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"\x99\x01", &bytes[..100]] {
        assert_eq!(Keyring::read("k", odd).unwrap_err().code, "E-KEYRING");
    }
}

#[test]
fn what_our_key_signs_is_taken_by_gpgv_and_changes_are_not() {
    let file = KeyFile::from_seed(&[7; 32]);
    let key = RepositoryKey::certify(&file, "Frozen sets", at("2026-01-01T00:00:00Z"), 365).expect("a key");
    let text = "Origin: Plimsoll\nDate: x\n- dash\nEnd: y\n";
    let clear = key.sign_clear(text, at("2026-02-01T00:00:00Z")).expect("a signature");
    let detached = key.sign_detached(text.as_bytes(), at("2026-02-01T00:00:00Z")).expect("a signature");
    let keyring = key.keyring();
    let read = keyring.verify_clear("x", clear.as_bytes(), at("2026-03-01T00:00:00Z")).expect("signed");
    assert_eq!((read.text.as_str(), read.signers[0].certificate.clone()), (text, key.fingerprint()));
    assert!(keyring.verify_detached("x", text.as_bytes(), detached.as_bytes(), at("2026-03-01T00:00:00Z")).is_ok());
    let code = |text: &str, now: &str| keyring.verify_clear("x", text.as_bytes(), at(now)).map(drop).map_err(|problem| problem.code);
    assert_eq!(code(&clear.replace("End: y", "End: z"), "2026-03-01T00:00:00Z"), Err("E-SIGNATURE".into()));
    assert_eq!(code(text, "2026-03-01T00:00:00Z"), Err("E-UNSIGNED".into()));
    assert_eq!(code(&clear, "2026-01-31T23:54:59Z"), Err("E-SIGNING-KEY".into()), "more than five minutes ahead");
    assert_eq!(code(&clear, "2026-01-31T23:55:01Z"), Ok(()));
    assert_eq!(code(&clear, "2026-12-31T23:59:59Z"), Ok(()));
    assert_eq!(code(&clear, "2027-01-01T00:00:00Z"), Err("E-SIGNING-KEY".into()), "the key expired");
    // The certificate reads back, and only with its own key and in its time.
    let armoured = key.armoured().expect("a certificate");
    let open = |file: &KeyFile, now: &str| RepositoryKey::open("c", file, armoured.as_bytes(), at(now)).map(|key| key.fingerprint()).map_err(|problem| problem.code);
    assert_eq!(open(&file, "2026-03-01T00:00:00Z"), Ok(key.fingerprint()));
    assert_eq!(open(&KeyFile::from_seed(&[8; 32]), "2026-03-01T00:00:00Z"), Err("E-KEY".into()));
    assert_eq!(open(&file, "2027-01-01T00:00:00Z"), Err("E-SIGNING-KEY".into()));
    assert!(!format!("{key:?}").contains("0707"), "no secret is shown");

    if Command::new("gpgv").arg("--version").output().is_err() {
        eprintln!("skipped: no gpgv on this machine");
        return;
    }
    let folder = std::env::temp_dir().join(format!("plimsoll-openpgp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let put = |name: &str, bytes: &str| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    };
    // A key of its own whose time holds at any time the test runs.
    let lasting = RepositoryKey::certify(&file, "Frozen sets", at("2026-01-01T00:00:00Z"), 0).expect("a key");
    let clear = lasting.sign_clear(text, at("2026-02-01T00:00:00Z")).expect("a signature");
    let binary: Vec<u8> = {
        let body: String = lasting.armoured().expect("a certificate").lines().filter(|line| !line.starts_with('-') && !line.starts_with('=') && !line.contains(':')).collect();
        data_encoding::BASE64.decode(body.as_bytes()).expect("base64")
    };
    let ring = folder.join("ring.gpg");
    std::fs::write(&ring, binary).expect("a ring");
    let gpgv = |file: &std::path::Path| Command::new("gpgv").arg("--homedir").arg(&folder).arg("--keyring").arg(&ring).arg(file).output().expect("gpgv");
    let good = gpgv(&put("InRelease", &clear));
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert!(!gpgv(&put("Changed", &clear.replace("End: y", "End: z"))).status.success());
    std::fs::remove_dir_all(folder).expect("gone");
}

#[test]
fn frames_that_hide_text_are_refused() {
    let file = KeyFile::from_seed(&[9; 32]);
    let key = RepositoryKey::certify(&file, "own", now(), 0).expect("a key");
    let keyring = key.keyring();
    let clear = key.sign_clear("Origin: A\n", now()).expect("a signature");
    let code = |text: String| keyring.verify_clear("x", text.as_bytes(), now()).map(|signed| signed.text).map_err(|problem| problem.code);
    assert_eq!(code(clear.clone()), Ok("Origin: A\n".to_owned()));
    for hidden in [format!("Suite: evil\n{clear}"), format!("{clear}Suite: evil\n"), format!("{clear}{clear}"), clear.replace("\n\nOrigin", "\nOrigin")] {
        assert!(code(hidden.clone()).is_err(), "{hidden}");
    }
    // White space at the ends of lines is not signed, and not read either.
    let spaced = code(clear.replace("Origin: A\n", "Origin: A \t\n"));
    assert!(spaced.is_ok_and(|text| text.trim_end() == "Origin: A"));
    // Very many signatures, and something else than signatures.
    let block = clear.split_once("-----BEGIN PGP SIGNATURE-----").expect("a block").1;
    assert!(code(clear.replace(block, &block.repeat(40))).is_err());
    let armoured = key.armoured().expect("a certificate");
    assert_eq!(keyring.verify_detached("x", b"text", armoured.as_bytes(), now()).unwrap_err().code, "E-SIGNATURE");
    assert_eq!(keyring.verify_detached("x", b"text", b"", now()).unwrap_err().code, "E-UNSIGNED");
    assert_eq!(keyring.verify_detached("x", b"text", &vec![0xff; 300 << 10], now()).unwrap_err().code, "E-SIGNATURE");
}
