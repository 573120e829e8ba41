//! Publishers, mirrors and people in between who lie.

use super::upstream::{Upstream, tools};
use super::{acquire, ago, frozen, moment, publisher};
use crate::sandbox::text;

fn resolve(upstream: &Upstream, repositories: &str) -> String {
    let ran = acquire(upstream, &["resolve", "--repositories", repositories, "--packages", "app"]);
    if ran.code == Some(0) { "taken".to_owned() } else { ran.failed().err.clone() }
}

fn code(said: &str) -> &str {
    let start = said.find("error[").map_or(0, |at| at + "error[".len());
    said[start..].split(']').next().unwrap_or(said)
}

#[test]
fn signatures_that_do_not_count() {
    let Some((upstream, keyring)) = publisher() else { return };
    let suite = upstream.www("debian/dists/stable");
    let path = "/debian/dists/stable/InRelease";
    let repositories = upstream.repositories(&keyring, "stable", "");
    assert_eq!(resolve(&upstream, &repositories), "taken");
    // Another key, though its certificate lies in the repository.
    let stranger = upstream.key("stranger", "ed25519", "0");
    upstream.sign("stranger", &suite);
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-SIGNER");
    assert_eq!(resolve(&upstream, &upstream.repositories(&stranger, "stable", "")), "taken", "for whom it is named");
    // A key that expired.
    let expired = upstream.key("expired", "rsa2048", "past");
    upstream.sign("expired", &suite);
    let said = resolve(&upstream, &upstream.repositories(&expired, "stable", ""));
    assert!(code(&said) == "E-SIGNING-KEY" && said.contains("expired on 2020-01-02"), "{said}");
    // A weak hash.
    let output = upstream.gpg().args(["--digest-algo", "SHA1", "--local-user", "publisher", "--output", "-", "--clear-sign", &text(&suite.join("Release"))]).output().expect("gpg");
    upstream.lie(path, Some(output.stdout));
    let said = resolve(&upstream, &repositories);
    assert!(code(&said) == "E-SIGNING-KEY" && said.contains("SHA1"), "{said}");
    // No signature at all, in either form.
    upstream.lie(path, Some(std::fs::read(suite.join("Release")).expect("a file")));
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-UNSIGNED");
    upstream.lie(path, None);
    upstream.lie("/debian/dists/stable/Release.gpg", None);
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-UNSIGNED");
    // A good signature beside, as older archives have it.
    super::run(upstream.gpg().args(["--local-user", "publisher", "--armor", "--output", &text(&suite.join("Release.gpg")), "--detach-sign", &text(&suite.join("Release"))]));
    upstream.honest();
    upstream.lie(path, None);
    assert_eq!(resolve(&upstream, &repositories), "taken");
    // A key that was revoked.
    let prepared = super::walk(&upstream.at("gnupg/openpgp-revocs.d"));
    let certificates: String = prepared.iter().map(|path| std::fs::read_to_string(path).expect("a certificate").replace(":-----BEGIN", "-----BEGIN")).collect();
    std::fs::write(upstream.at("revoke.asc"), certificates).expect("a file");
    super::run(upstream.gpg().args(["--import", &text(&upstream.at("revoke.asc"))]));
    super::run(upstream.gpg().args(["--output", &keyring, "--export", "publisher"]));
    let said = resolve(&upstream, &repositories);
    assert!(code(&said) == "E-SIGNING-KEY" && said.contains("was revoked"), "{said}");
}

#[test]
fn a_suite_that_goes_back_or_is_another_one() {
    let Some((upstream, keyring)) = publisher() else { return };
    let repositories = upstream.repositories(&keyring, "stable", "");
    let old = std::fs::read(upstream.www("debian/dists/stable/InRelease")).expect("a file");
    assert_eq!(resolve(&upstream, &repositories), "taken");
    upstream.publish("publisher", &ago(540), "");
    assert_eq!(resolve(&upstream, &repositories), "taken");
    // The same genuine file as an hour ago; the memory outlives the process.
    upstream.lie("/debian/dists/stable/InRelease", Some(old));
    let said = resolve(&upstream, &repositories);
    assert!(code(&said) == "E-ROLLBACK" && said.contains(&format!("{}, and {} was seen", moment(600), moment(540))), "{said}");
    upstream.honest();
    // The same date over another text.
    upstream.publish("publisher", &ago(540), "Description: other\n");
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-FORK");
    // Past its own end, older than allowed, from the future, without date.
    upstream.publish("publisher", &ago(480), &format!("Valid-Until: {}\n", ago(420)));
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-EXPIRED");
    upstream.publish("publisher", &ago(480), "");
    assert_eq!(code(&resolve(&upstream, &upstream.repositories(&keyring, "stable", "max_age = \"PT1H\"\n"))), "E-STALE");
    upstream.publish("publisher", &ago(-30), "");
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-FUTURE");
    upstream.publish("publisher", "someday", "");
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-NO-DATE");
    // A genuine file of another suite under this one's name.
    upstream.index("publisher", "testing", &ago(400), "", b"");
    upstream.lie("/debian/dists/stable/InRelease", Some(std::fs::read(upstream.www("debian/dists/testing/InRelease")).expect("a file")));
    let said = resolve(&upstream, &repositories);
    assert!(code(&said) == "E-SUITE" && said.contains("testing"), "{said}");
    // Nobody may forget for us.
    upstream.honest();
    std::fs::write(upstream.at("artefacts/suites.json"), "{").expect("written");
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-MEMORY");
}

#[test]
fn indices_and_packages_that_are_not_what_was_signed() {
    let Some((upstream, keyring)) = publisher() else { return };
    let repositories = upstream.repositories(&keyring, "stable", "");
    let folder = upstream.www("debian/dists/stable/main/binary-amd64");
    let index = std::fs::read(folder.join("Packages.gz")).expect("an index");
    let by_hash = format!("/debian/dists/stable/main/binary-amd64/by-hash/SHA256/{}", plimsoll_formats::protocol::digest(&index));
    let mut flipped = index.clone();
    flipped[20] ^= 1;
    let longer = [index.clone(), vec![0; 1]].concat();
    for (lie, expected) in [(flipped, "E-DIGEST"), (index[..index.len() - 1].to_vec(), "E-LENGTH"), (longer, "E-LENGTH")] {
        upstream.lie(&by_hash, Some(lie));
        assert_eq!(code(&resolve(&upstream, &repositories)), expected);
    }
    // Without by-hash the plain name serves.
    upstream.lie(&by_hash, None);
    assert_eq!(resolve(&upstream, &repositories), "taken");
    upstream.honest();

    let deb = "/debian/pool/app_1.0-1_amd64.deb";
    let good = std::fs::read(upstream.www("debian/pool/app_1.0-1_amd64.deb")).expect("a package");
    let mut flipped = good.clone();
    flipped[200] ^= 1;
    for (lie, expected) in [(Some(flipped), "E-DIGEST"), (Some(good[..100].to_vec()), "E-LENGTH"), (Some([good.clone(), good.clone()].concat()), "E-LENGTH"), (None, "E-HTTP")] {
        upstream.lie(deb, lie);
        let ran = acquire(&upstream, &["fetch", "--repositories", &repositories, "--packages", "app"]);
        assert_eq!(code(&ran.failed().err), expected);
    }
    let kept = super::walk(&upstream.at("artefacts")).into_iter().filter(|path| path.contains("/sha256/")).count();
    assert!(kept <= 1, "at most the other package is kept: {kept}");
    upstream.honest();
    frozen(&acquire(&upstream, &["fetch", "--repositories", &repositories, "--packages", "app", "--rate", "100000"]));
    // What was kept and changed on the disk since does not get into a set.
    let (key, _) = super::set_key(&upstream, "set.pem");
    let digest = plimsoll_formats::protocol::digest(&good);
    super::change(&text(&upstream.at(&format!("artefacts/sha256/{}/{digest}", &digest[..2]))));
    let set = upstream.at("never");
    let ran = acquire(&upstream, &["freeze", "--repositories", &repositories, "--packages", "app", "--key", &key, "--to", &text(&set)]);
    assert_eq!(code(&ran.failed().err), "E-DIGEST");
    assert!(!set.exists(), "a set is whole or not there");
}

#[test]
fn bombs_and_indices_that_lead_outside() {
    let Some((upstream, keyring)) = publisher() else { return };
    if !tools(&["gzip"]) {
        return;
    }
    let repositories = upstream.repositories(&keyring, "stable", "");
    upstream.index("publisher", "stable", &ago(540), "", &vec![b'\n'; 64 << 20]);
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-LIMIT");
    let record = |filename: &str, digest: &str| format!("Package: app\nVersion: 1\nArchitecture: amd64\nSize: 3\nSHA256: {digest}\nFilename: {filename}\n\n");
    let digest = "a".repeat(64);
    for (count, (filename, digest)) in [("../../etc/passwd", digest.as_str()), ("/etc/passwd", &digest), ("pool/x.deb", "short")].into_iter().zip(0..).map(|(pair, count)| (count, pair)) {
        upstream.index("publisher", "stable", &ago(500 - count), "", record(filename, digest).as_bytes());
        let ran = acquire(&upstream, &["resolve", "--repositories", &repositories, "--packages", "app"]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains("E-NOT-OFFERED"), "{}", ran.err);
    }
    // Digests that prove nothing.
    let suite = upstream.www("debian/dists/stable");
    let release = std::fs::read_to_string(suite.join("Release")).expect("a file").replace("SHA256:", "SHA1:").replace(&ago(498), &ago(400));
    std::fs::write(suite.join("Release"), release).expect("a file");
    upstream.sign("publisher", &suite);
    assert_eq!(code(&resolve(&upstream, &repositories)), "E-WEAK-HASH");
}
