//! Input that is missing, damaged, lying or hostile.

use crate::sandbox::{Small, data, plimsoll, put, text};
use std::process::{Command, Stdio};

fn advised() -> Small {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    small
}

#[test]
fn what_is_no_document_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| text(&folder.path().join(name));
    put(&folder.path().join("cut.json"), r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"libr"#);
    put(&folder.path().join("cut.xml"), "<?xml version=\"1.0\"?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"><compo");
    put(&folder.path().join("deep.json"), "[".repeat(2_000_000));
    put(&folder.path().join("bytes.json"), [0xff, 0xfe, 0x00, 0x80, 0xc3]);
    put(&folder.path().join("empty.json"), "");
    put(&folder.path().join("Cargo.lock"), "[[package]]\nname = ");
    put(&folder.path().join("unheard.of"), "x");
    let inputs = [
        ("--sbom", "missing.json"), ("--sbom", ""), ("--sbom", "cut.json"), ("--sbom", "cut.xml"), ("--sbom", "deep.json"),
        ("--sbom", "bytes.json"), ("--sbom", "empty.json"), ("--lockfile", "Cargo.lock"), ("--lockfile", "unheard.of"),
        ("--lockfile", "missing.lock"), ("--root", "missing"), ("--project", "missing"),
    ];
    for (flag, name) in inputs {
        let path = at(name);
        let ran = plimsoll(&["scan", flag, &path]);
        assert_eq!(ran.failed().code, Some(2), "{}", ran.err);
        assert!(ran.out.is_empty(), "{flag} {name} printed an answer:\n{}", ran.out);
        assert!(ran.err.contains(path.trim_end_matches('/')), "{flag} {name} does not name its place:\n{}", ran.err);
    }
}

/// A gigabyte of blanks in a megabyte; the program may use a fraction of it.
#[test]
fn a_compressed_bomb_is_refused_in_little_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let bomb = folder.path().join("bom.json.gz");
    let made = Command::new("sh")
        .args(["-c", "head -c 1000000000 /dev/zero | gzip -9 > \"$0\""])
        .arg(&bomb)
        .status()
        .expect("sh runs");
    assert!(made.success());
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 700000; exec \"$0\" scan --sbom \"$1\"", env!("CARGO_BIN_EXE_plimsoll")])
        .arg(&bomb)
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.starts_with("error[E-") && err.contains("bom.json.gz"), "{err}");
}

#[test]
fn a_damaged_database_is_refused_or_answers_the_same() {
    let small = advised();
    small.build(&[]);
    let words = ["--as-of", "2026-03-02T00:00:00Z", "--format", "json"];
    let whole = small.scan(&words);
    whole.finished();
    let bytes = std::fs::read(small.at("small.db")).expect("the database");
    let mut refused = 0;
    for place in 0..20 {
        let mut damaged = bytes.clone();
        let at = if place < 10 { place * 9 } else { place * (bytes.len() / 20) + 7 };
        damaged[at] ^= 0x55;
        put(&small.at("small.db"), &damaged);
        let ran = small.scan(&words);
        let verified = plimsoll(&["db", "verify", "--db", &small.path("small.db")]);
        if matches!(ran.code, Some(0 | 1)) {
            // Only room between the parts, which nothing reads.
            assert!(ran.out == whole.out, "byte {at} changes the answer; verify ended with {:?}", verified.code);
        } else {
            ran.failed();
            verified.failed();
            refused += 1;
        }
    }
    assert!(refused > 4, "only {refused} of 20 were refused");
    for length in [0, 1, 63, bytes.len() / 2, bytes.len() - 1] {
        put(&small.at("small.db"), &bytes[..length]);
        small.scan(&words).failed();
    }
}

#[test]
fn a_database_is_accepted_only_under_its_own_key() {
    let small = advised();
    let (mine, other) = (small.path("mine.key"), small.path("other.key"));
    let mine_public = plimsoll(&["db", "key", &mine]).finished().out.trim().to_owned();
    let other_public = plimsoll(&["db", "key", &other]).finished().out.trim().to_owned();
    plimsoll(&["db", "key", &mine]).failed();
    small.build(&["--sign", &mine]);
    let db = small.path("small.db");
    for command in ["verify", "info"] {
        let good = plimsoll(&["db", command, "--db", &db, "--db-key", &mine_public, "--format", "json"]);
        assert_eq!(good.json()["signed_by"], mine_public.as_str());
        plimsoll(&["db", command, "--db", &db, "--db-key", &other_public]).failed();
        plimsoll(&["db", command, "--db", &db, "--db-key", "abc"]).failed();
    }
    small.scan(&["--db-key", &mine_public]).finished();
    let refused = small.scan(&["--db-key", &other_public]);
    assert!(refused.failed().out.is_empty(), "{}", refused.out);
    small.build(&[]);
    small.scan(&["--db-key", &mine_public]).failed();
    // A header's zeros stand for “nobody”; nobody is not to be trusted.
    assert_eq!(small.scan(&["--db-key", &"0".repeat(64)]).failed().code, Some(2));
}

/// An exit code of a clean host would be read as one.
#[test]
fn a_target_that_holds_nothing_is_refused() {
    let small = advised();
    small.build(&[]);
    let db = small.path("small.db");
    std::fs::create_dir_all(small.at("empty")).expect("a folder");
    put(&small.at("cut/Cargo.lock"), "[[package]]\nname = ");
    put(&small.at("alone/package-lock.json"), r#"{"name":"a","lockfileVersion":3,"packages":{}}"#);
    for (flag, name) in [("--root", "empty"), ("--project", "empty"), ("--project", "cut")] {
        let ran = plimsoll(&["scan", flag, &small.path(name), "--db", &db]);
        assert_eq!(ran.failed().code, Some(2), "{}", ran.err);
        assert!(ran.out.is_empty(), "{flag} {name} printed an answer:\n{}", ran.out);
    }
    let alone = plimsoll(&["scan", "--project", &small.path("alone"), "--db", &db]);
    assert_eq!(alone.code, Some(0), "a project that depends on nobody: {}", alone.err);
}

/// What is no file is neither waited for nor replaced.
#[test]
fn pipes_and_devices_are_not_taken_for_files() {
    let small = advised();
    small.build(&[]);
    let pipe = small.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let (root, db) = (small.path("root"), small.path("small.db"));
    plimsoll(&["scan", "--root", &root, "--db", &pipe]).failed();
    plimsoll(&["db", "verify", "--db", &pipe]).failed();
    small.scan(&["--state", &pipe]).failed();
    for device in ["/dev/zero", "/dev/null"] {
        plimsoll(&["scan", "--sbom", device, "--db", &db]).failed();
        plimsoll(&["diff", device, device]).failed();
        small.scan(&["--policy", device]).failed();
    }
    let built = plimsoll(&["db", "build", "--from", &small.path("sources"), "--to", &pipe]);
    assert_eq!(built.failed().code, Some(2), "{}", built.err);
    let shown = Command::new("sh")
        .args(["-c", "\"$0\" -q scan --root \"$1\" --db \"$2\" --format json --output /dev/stdout | cat"])
        .args([env!("CARGO_BIN_EXE_plimsoll"), &root, &db])
        .output()
        .expect("sh runs");
    let answer: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("the answer through /dev/stdout");
    assert_eq!(answer["components"].as_array().map(Vec::len), Some(1));
    // A shell's `<(…)` is a pipe, and read as what it holds.
    let read = Command::new("bash")
        .args(["-c", "\"$0\" -q scan --root \"$1\" --db \"$2\" --policy <(\"$0\" policy show samm) > /dev/null"])
        .args([env!("CARGO_BIN_EXE_plimsoll"), &root, &db])
        .output()
        .expect("bash runs");
    assert!(matches!(read.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn wrong_words_are_refused() {
    let small = advised();
    small.build(&[]);
    put(&small.at("policy.toml"), "schema = \"patch-policy/1\"\n[policy]\nid = \"x\"\nversion = \"1\"\nzone = 3\n");
    let policy = small.path("policy.toml");
    for more in [&["--policy", "no-such-preset"][..], &["--policy", &policy], &["--exposure", "enormous"]] {
        assert_eq!(small.scan(more).failed().code, Some(2));
    }
    plimsoll(&["policy", "show", "no-such-preset"]).failed();
    plimsoll(&["version", "compare", "klingon", "1", "2"]).failed();
    plimsoll(&["db", "build", "--from", &small.path("nothing"), "--to", &small.path("x.db")]).failed();
    plimsoll(&["db", "update", "--only", "nothing", "--to", &small.path("x.db"), "--cache", &small.path("c")]).failed();
    plimsoll(&["explain", "NOTHING-1", "--root", &small.path("root"), "--db", &small.path("small.db")]).failed();
    plimsoll(&["diff", &policy, &policy]).failed();
    small.scan(&["--output", &small.path("no/such/folder/x")]).failed();
    for usage in [&["scan", "--as-of", "yesterday"][..], &["scan", "--root", "a", "--sbom", "b"], &["scna"]] {
        assert_eq!(plimsoll(usage).code, Some(2));
    }
}

/// Names are printed as what they are, and never as what they would do.
#[test]
fn hostile_names_stay_words() {
    let names = ["\u{1b}[31mred", "<script>alert(1)</script>", "../../etc/passwd", "'; DROP TABLE x;--", "=cmd|'/C calc'!A0", "a|b`c"];
    let packages: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (*name, "1.0"))
        .chain([("alpha", "1.0\u{1b}[2J"), ("beta", "1.0<img src=x onerror=alert(1)>"), ("gamma", "1.0")])
        .collect();
    let small = Small::new(&packages);
    small.advise("TEST-2026-1", "low", "2026-03-01", "gamma", "2.0");
    let toml = |text: &str| text.replace('\u{1b}', "\\u001b");
    for (number, name) in names.iter().chain(&["alpha", "beta"]).enumerate() {
        small.advise(&format!("TEST-2026-9{number}"), "low", "2026-03-01", &toml(name), "2.0");
    }
    let nasty = "id = \"TEST-2026-2\"\nsummary = \"\\u001b[31m<script>alert(2)</script>\\n=1+1\"\npublished = 2026-03-01\nreferences = [\"javascript:alert(3)\"]\n[[affected]]\nstream = \"debian:12\"\nname = \"gamma\"\nfixed = \"2.0\"\n";
    put(&small.at("sources/advisories/nasty.toml"), nasty);
    small.build(&[]);
    let root = small.path("root");
    let mut raw = Vec::new();
    for format in ["text", "html", "markdown", "csv"] {
        for database in [true, false] {
            let more = ["--as-of", "2026-03-02T00:00:00Z", "--color", "never", "--format", format];
            let ran = if database { small.scan(&more) } else { plimsoll(&[&["scan", "--root", &root], &more[..]].concat()) };
            let out = &ran.finished().out;
            for (kind, text) in [("output", out), ("talk", &ran.err)] {
                if let Some(line) = text.lines().find(|line| line.contains('\u{1b}')) {
                    raw.push(format!("{format} {kind}: {line:?}"));
                }
            }
            if format == "html" || format == "markdown" {
                for tag in ["<script>alert", "<img src", "href=\"javascript", "](javascript"] {
                    raw.extend(out.lines().find(|line| line.contains(tag)).map(|line| format!("{format}: {line:?}")));
                }
            }
            if format == "csv" {
                let cells = out.split([',', '\n']).map(|cell| cell.trim_matches('"'));
                raw.extend(cells.filter(|cell| cell.starts_with(['=', '@'])).map(|cell| format!("csv runs {cell}")));
            }
        }
    }
    assert!(raw.is_empty(), "{raw:#?}");
    let answer = small.scan(&["--format", "json"]).json();
    let shown = answer.to_string();
    assert!(shown.contains("gamma"), "the good package is lost with the bad ones");
    let components = answer["components"].as_array().expect("components").len();
    let problems = answer["problems"].as_array().expect("problems").len();
    assert!(components == packages.len() || problems > 0, "{components} of {} and no word of it", packages.len());
}

/// A link in an image that leads out of it shows nothing of this machine.
#[test]
fn links_out_of_a_root_are_not_followed() {
    let small = advised();
    small.build(&[]);
    put(&small.at("outside/status"), "Package: secret\nStatus: install ok installed\nArchitecture: amd64\nVersion: 6.6\nDescription: x\n\n");
    let status = small.at("root/var/lib/dpkg/status");
    for target in [small.path("outside/status"), "../../../../outside/status".to_owned()] {
        std::fs::remove_file(&status).expect("the old one");
        std::os::unix::fs::symlink(&target, &status).expect("a link");
        let ran = small.scan(&["--format", "json"]);
        assert!(!ran.out.contains("secret"), "followed {target}:\n{}", ran.out);
        if matches!(ran.code, Some(0 | 1)) {
            assert!(!ran.json()["problems"].as_array().expect("problems").is_empty(), "nothing said:\n{}", ran.out);
        } else {
            ran.failed();
        }
    }
    let os_release = small.at("root/etc/os-release");
    std::fs::remove_file(&os_release).expect("the old one");
    std::os::unix::fs::symlink("/etc/passwd", &os_release).expect("a link");
    let ran = small.scan(&["--format", "json"]);
    assert!(!ran.out.contains("root:x:0") && !ran.err.contains("root:x:0"));
}

/// Every real document, cut in the middle: an answer or one clear error.
#[test]
fn cut_documents_never_crash() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for (flag, name) in [
        ("--sbom", "sbom/cyclonedx/laravel-7.12.0/bom.1.4.json"),
        ("--sbom", "sbom/cyclonedx/proton-bridge/proton-bridge-v1.6.3.bom.xml"),
        ("--sbom", "sbom/spdx/example6/spdx2.2/example6-bin.spdx"),
        ("--lockfile", "lockfiles/jj-vcs_jj/Cargo.lock"),
        ("--lockfile", "lockfiles/anchore_grype/go.mod"),
    ] {
        let bytes = std::fs::read(data.join(name)).expect("the document");
        let path = folder.path().join(std::path::Path::new(name).file_name().expect("a name"));
        for part in [0, 1, 3, 7, 15] {
            put(&path, &bytes[..bytes.len() * part / 16]);
            let ran = plimsoll(&["scan", flag, &text(&path), "--format", "json"]);
            if !matches!(ran.code, Some(0 | 1)) {
                ran.failed();
            }
        }
    }
}
