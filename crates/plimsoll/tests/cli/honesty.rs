//! Every format says what it could not tell.

use crate::sandbox::{FORMATS, NOW, Small, everything, plimsoll, text};

/// Without a database named, the one of the machine is taken, which a test
/// cannot move away for root.
fn a_database_is_installed() -> bool {
    let installed = ["/var/lib/plimsoll/advisories.plimsolldb"].iter().any(|path| std::path::Path::new(path).exists());
    if installed {
        assert!(std::env::var_os("CI").is_none(), "CI has a database installed");
        eprintln!("skipped: this machine has an advisory database");
    }
    installed
}

#[test]
fn a_stale_source_is_named_in_every_format() {
    let Some((data, db)) = everything() else { return };
    let root = text(&data.join("hosts/deb12-web"));
    for format in FORMATS {
        let ran = plimsoll(&["scan", "--root", &root, "--db", &db, "--as-of", NOW, "--format", format]);
        let out = &ran.finished().out;
        assert!(out.contains("debian-tracker/dsa"), "{format} does not name the stale source:\n{out}");
        let stale = out.contains("days old") || out.contains("stale");
        assert!(stale, "{format} does not say that it is stale");
    }
}

/// The host has no finding at all with these sources, so that nothing but the
/// warning stands between a reader and “clean”.
#[test]
fn a_source_partly_read_is_named_in_every_format() {
    let small = Small::new(&[("alpha", "3.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    let mistyped = "[[advisory]]\nid = \"A\"\npublished = 2026-03-01\n[[advisory.affected]]\nstream = \"debian:12\"\nname = \"beta\"\nfixd = \"1\"\n[[advisory]]\nid = \"B\"\npublished = 2026-03-01\n[[advisory.affected]]\nstream = \"debian:12\"\nname = \"beta\"\nfixed = \"1\"\n";
    crate::sandbox::put(&small.at("sources/advisories/mistyped.toml"), mistyped);
    let built = small.build(&[]);
    assert!(built.err.contains("fixd"), "the build does not say what it refused: {}", built.err);
    for format in FORMATS {
        let ran = small.scan(&["--as-of", "2026-03-02T00:00:00Z", "--format", format]);
        assert!(ran.finished().out.contains("typed/mistyped"), "{format} does not name the source:\n{}", ran.out);
    }
}

#[test]
fn a_source_that_could_not_be_fetched_is_named_in_every_format() {
    let small = Small::new(&[("alpha", "3.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    let (cache, db) = (small.path("sources"), small.path("small.db"));
    let words =
        ["db", "update", "--only", "kev", "--mirror", "http://127.0.0.1:9/", "--cache", &cache, "--to", &db];
    let update = plimsoll(&words);
    assert_eq!(update.code, Some(1), "{}{}", update.out, update.err);
    assert!(update.err.contains("kev"), "{}", update.err);
    for format in FORMATS {
        let ran = small.scan(&["--format", format]);
        let words = ran.finished().out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("kev could not be updated"), "{format} does not name the source:\n{}", ran.out);
    }
}

/// Where no source answers and none ever did, the network is to blame and not
/// the empty folder.
#[test]
fn an_update_without_a_network_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| text(&folder.path().join(name));
    let ran = plimsoll(&[
        "--quiet", "db", "update", "--only", "kev,epss", "--mirror", "http://127.0.0.1:9/", "--cache", &at("sources"),
        "--to", &at("x.db"),
    ]);
    assert_eq!(ran.failed().code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("none of 2 sources could be fetched"), "{}", ran.err);
    assert!(!folder.path().join("x.db").exists());
}

#[test]
fn without_a_database_no_format_reads_as_clean() {
    if a_database_is_installed() {
        return;
    }
    let small = Small::new(&[("alpha", "1.0")]);
    let root = small.path("root");
    for format in FORMATS {
        let mut command = crate::sandbox::command();
        command.args(["scan", "--root", &root, "--as-of", NOW, "--format", format]);
        command.env("HOME", small.folder.path()).env_remove("XDG_DATA_HOME");
        let ran = crate::sandbox::end(command);
        assert_eq!(ran.code, Some(0), "{format}: {}", ran.err);
        let lower = ran.out.to_lowercase();
        assert!(
            lower.contains("findings unknown") || lower.contains("findings are unknown"),
            "{format} does not say that findings are unknown:\n{}",
            ran.out
        );
        assert!(ran.out.contains("plimsoll db update"), "{format} does not say how to get a database");
        for claim in ["no findings", "is clean", "none found", "0 findings", "nothing found", "all clear", "findings (0)"] {
            assert!(!lower.contains(claim), "{format} says “{claim}”:\n{}", ran.out);
        }
    }
}

#[test]
fn a_database_that_was_named_and_is_missing_is_an_error() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.scan(&[]).failed();
}

#[test]
fn a_stream_that_no_source_covers_is_not_clean() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let release = "ID=nosuch\nVERSION_ID=\"9\"\nPRETTY_NAME=\"No Such Linux 9\"\n";
    crate::sandbox::put(&small.at("root/etc/os-release"), release);
    let answer = small.scan(&["--format", "json"]).json();
    assert_eq!(answer["coverage"]["evaluated"], 0, "{}", answer["coverage"]);
    assert_eq!(answer["coverage"]["not_covered"], 1, "{}", answer["coverage"]);
    for format in FORMATS.into_iter().filter(|format| *format != "json") {
        let lower = small.scan(&["--format", format]).finished().out.to_lowercase();
        let said = lower.contains("not judged") || lower.contains("nothing could be judged");
        assert!(said, "{format} does not say that nothing was judged:\n{lower}");
    }
}
