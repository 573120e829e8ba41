//! Input made to break a reader: every kind has to answer with a problem or
//! with what is there, in bounded time and memory.

use super::super::collect::MOST_COMPONENTS;
use super::*;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Files of every kind to damage.
const FILES: [(FileKind, &str); 24] = [
    (FileKind::CargoLock, "cargo/Cargo.v4.lock"),
    (FileKind::NpmPackageLock, "npm/v1.package-lock.json"),
    (FileKind::NpmPackageLock, "npm/v2.package-lock.json"),
    (FileKind::YarnLock, "yarn/classic.yarn.lock"),
    (FileKind::YarnLock, "yarn/berry.yarn.lock"),
    (FileKind::PnpmLock, "pnpm/pnpm7.pnpm-lock.yaml"),
    (FileKind::PnpmLock, "pnpm/pnpm10.pnpm-lock.yaml"),
    (FileKind::BunLock, "bun/bun.lock"),
    (FileKind::Requirements, "python/hand.requirements.txt"),
    (FileKind::DistInfoMetadata, "python/METADATA"),
    (FileKind::PoetryLock, "python/poetry.lock"),
    (FileKind::PipfileLock, "python/Pipfile.lock"),
    (FileKind::GoMod, "go/hand.go.mod"),
    (FileKind::MavenPom, "java/pom.xml"),
    (FileKind::GradleLock, "java/gradle.lockfile"),
    (FileKind::GradleVerification, "java/verification-metadata.xml"),
    (FileKind::GemfileLock, "ruby/Gemfile.lock"),
    (FileKind::GemSpec, "ruby/net-telnet-0.2.0.gemspec"),
    (FileKind::ComposerLock, "php/composer.lock"),
    (FileKind::ComposerInstalled, "php/installed.json"),
    (FileKind::NugetLock, "nuget/packages.lock.json"),
    (FileKind::NugetPackagesConfig, "nuget/packages.config"),
    (FileKind::NugetDepsJson, "nuget/shop.deps.json"),
    (FileKind::NugetProject, "nuget/shop.csproj"),
];

#[test]
fn cut_and_damaged_files_never_panic() {
    for (kind, name) in FILES {
        let whole = fixture(name);
        let step = (whole.len() / 60).max(1);
        for cut in (0..whole.len()).step_by(step) {
            let _ = read(kind, name, &whole[..cut]);
            let mut damaged = whole.clone();
            damaged[cut] = 0xff;
            let _ = read(kind, name, &damaged);
            damaged[cut] = b'{';
            let _ = read(kind, name, &damaged);
        }
    }
}

#[test]
fn every_kind_reads_every_other_kinds_file_or_says_no() {
    for kind in FileKind::ALL {
        for (_, name) in FILES {
            let _ = read(kind, name, &fixture(name));
        }
        let _ = read(kind, "empty", b"");
        let _ = read(kind, "zeros", &[0u8; 4096]);
    }
}

#[test]
fn deep_nesting_and_anchor_bombs_are_refused() {
    let deep = 200_000;
    let json = format!("{{\"packages\":{}{}}}", "[".repeat(deep), "]".repeat(deep));
    let nested = format!("{{\"dependencies\":{}1{}}}", "{\"a\":{\"dependencies\":".repeat(deep), "}}".repeat(deep));
    let toml = format!("package = {}{}", "[".repeat(deep), "]".repeat(deep));
    let flow = format!("lockfileVersion: 5.4\npackages: {}{}", "[".repeat(deep), "]".repeat(deep));
    let xml = "<project>".repeat(deep);
    let mut bomb = String::from("lockfileVersion: 9.0\na0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let previous = level - 1;
        let items = format!("*a{previous},").repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{items}]").unwrap();
    }
    for (kind, text) in [
        (FileKind::NpmPackageLock, &json),
        (FileKind::NpmPackageLock, &nested),
        (FileKind::BunLock, &json),
        (FileKind::ComposerLock, &json),
        (FileKind::CargoLock, &toml),
        (FileKind::UvLock, &toml),
        (FileKind::PnpmLock, &flow),
        (FileKind::PnpmLock, &bomb),
        (FileKind::MavenPom, &xml),
    ] {
        let start = Instant::now();
        let problem = match read(kind, "deep", text.as_bytes()) {
            Err(problem) => problem,
            // Skipping over it takes no recursion; what was skipped is named.
            Ok(mut found) => found.problems.pop().unwrap_or_else(|| panic!("{kind:?} says nothing")),
        };
        assert!(matches!(problem.code.as_str(), "E-FORMAT" | "E-LIMIT"), "{problem:?}");
        assert!(problem.text.len() < 400, "{kind:?}: {}", problem.text.len());
        assert!(start.elapsed() < Duration::from_secs(10), "{kind:?}: {:?}", start.elapsed());
    }
}

#[test]
fn a_million_entries_end_at_the_limit_and_are_counted() {
    let mut text = String::with_capacity(40 << 20);
    for number in 0..1_000_000 {
        writeln!(text, "package{number}==1.0").unwrap();
    }
    let found = read(FileKind::Requirements, "requirements.txt", text.as_bytes()).unwrap();
    assert_eq!(found.components.len(), MOST_COMPONENTS);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(
        found.problems[0].text,
        "names 1000000 components, the limit is 200000; 800000 were left out"
    );
    let broken = "=\n".repeat(1000);
    let found = read(FileKind::Requirements, "requirements.txt", broken.as_bytes()).unwrap();
    assert_eq!(found.problems.len(), 51);
    assert!(found.problems[50].text.starts_with("1000 entries could not be read"));
}

#[test]
fn hostile_names_are_data_or_named_escaped() {
    let json = br#"{"lockfileVersion":3,"packages":{
        "node_modules/../../etc/passwd":{"version":"1.0.0"},
        "node_modules/<script>alert(1)</script>":{"version":"1.0.0' OR 1=1 --"},
        "node_modules/\u001b[2J":{"version":"1.0.0"},
        "node_modules/twice":{"version":"1.0.0"},
        "node_modules/twice":{"version":"2.0.0"},
        "node_modules/wrong":{"version":["1"]},
        "node_modules/number":7,
        "node_modules/ok":{"version":"1.0.0","dev":"yes","resolved":{}}}}"#;
    let found = read(FileKind::NpmPackageLock, "l", json).unwrap();
    let names: Vec<&str> = found.components.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["../../etc/passwd", "<script>alert(1)</script>", "ok", "twice", "twice"]);
    assert_eq!(found.components[0].purl, "pkg:npm/..%2F..%2Fetc%2Fpasswd@1.0.0");
    let places: Vec<&str> = found.problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["l: \\u{1b}[2J@1.0.0", "l: node_modules/wrong", "l: node_modules/number"]);
    let long = format!("{{\"packages\":{{\"node_modules/{}\":{{\"version\":\"1\"}}}}}}", "a".repeat(100_000));
    let found = read(FileKind::NpmPackageLock, "l", long.as_bytes()).unwrap();
    assert_eq!(found.components, []);
    assert!(found.problems[0].place.len() < 1000 && found.problems[0].text.contains("the limit is 1024"));
}

#[test]
fn files_that_cannot_be_read_say_what_to_do() {
    let problem = read(FileKind::BunLockBinary, "bun.lockb", b"#!/usr/bin/env bun").unwrap_err();
    assert_eq!(problem.code, "E-UNSUPPORTED");
    assert!(problem.next.contains("--save-text-lockfile"));
    let problem = read(FileKind::PnpmLock, "p", b"lockfileVersion: '12.0'\n").unwrap_err();
    assert!(problem.text.contains("version 12"));
    let problem = read(FileKind::ComposerLock, "c", b"{}").unwrap_err();
    assert_eq!(problem.text, "has no `packages`, which every file of its format has");
    let problem = read(FileKind::NpmPackageLock, "n", br#"{"packages":[1]}"#).unwrap_err();
    assert_eq!(problem.text, "has something else where the list `packages` should stand");
    let problem = read(FileKind::CargoLock, "c", b"\xff\xfe").unwrap_err();
    assert_eq!(problem.text, "is not UTF-8 from byte 0 on");
}

/// The project's own figure: one megabyte in 20 ms. Meant for an optimised
/// build; without optimisation it only has to end.
#[test]
fn a_megabyte_of_package_lock_is_read_quickly() {
    let mut text = String::from("{\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"x\",\"version\":\"1.0.0\"}");
    let mut number = 0;
    while text.len() < 1_000_000 {
        number += 1;
        write!(
            text,
            ",\n    \"node_modules/package-{number}\": {{\n      \"version\": \"1.{number}.0\",\n      \"resolved\": \"https://registry.npmjs.org/package-{number}/-/package-{number}-1.{number}.0.tgz\",\n      \"integrity\": \"sha512-sGkPx+VjMtmA6MX27oA4FBFELFCZZ4S4XqeGOXCv68tT+jb3vk/RyaKWP0PTKyWtmLSM0b+adUTEvbs1PEaH2w==\",\n      \"dev\": true,\n      \"engines\": {{ \"node\": \">=6\" }},\n      \"dependencies\": {{ \"package-1\": \"^1.0.0\", \"package-2\": \"~1.2.0\" }}\n    }}"
        )
        .unwrap();
    }
    text.push_str("}}");
    let best = (0..5).map(|_| {
        let start = Instant::now();
        let found = read(FileKind::NpmPackageLock, "package-lock.json", text.as_bytes()).unwrap();
        assert_eq!(found.components.len(), number + 1);
        start.elapsed()
    });
    let best = best.min().unwrap();
    eprintln!("{number} packages, {} bytes: {best:?}", text.len());
    let limit = if cfg!(debug_assertions) { Duration::from_secs(2) } else { Duration::from_millis(20) };
    assert!(best < limit, "{best:?}");
}
