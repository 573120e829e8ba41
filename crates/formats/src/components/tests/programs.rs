//! Programs and archives, built while the test runs.

use super::super::{recognise, recognise_binary};
use super::*;
use std::io::{Cursor, Write};
use std::process::Command;
use zip::write::SimpleFileOptions;

/// Builds a program without dependencies for one system; none without `go`.
fn go_program(system: &str, machine: &str) -> Option<Vec<u8>> {
    let folder = std::env::temp_dir().join(format!("plimsoll-go-{system}-{machine}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("dependency")).unwrap();
    std::fs::write(folder.join("go.mod"), "module plimsoll.example/fixture\n\ngo 1.18\n\nrequire plimsoll.example/dependency v1.2.3\n\nreplace plimsoll.example/dependency => ./dependency\n").unwrap();
    std::fs::write(folder.join("main.go"), "package main\n\nimport \"plimsoll.example/dependency\"\n\nfunc main() { dependency.Speak() }\n").unwrap();
    std::fs::write(folder.join("dependency/go.mod"), "module plimsoll.example/dependency\n\ngo 1.18\n").unwrap();
    std::fs::write(folder.join("dependency/speak.go"), "package dependency\n\nfunc Speak() { println(1) }\n").unwrap();
    let built = Command::new("go")
        .args(["build", "-ldflags=-s -w", "-o", "program", "."])
        .current_dir(&folder)
        .envs([("GOOS", system), ("GOARCH", machine), ("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=mod"), ("GOPROXY", "off")])
        .output()
        .ok()?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let bytes = std::fs::read(folder.join("program")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    Some(bytes)
}

#[test]
fn go_programs_of_every_format_state_their_modules() {
    for (system, machine) in [("linux", "amd64"), ("linux", "s390x"), ("windows", "amd64"), ("darwin", "arm64")] {
        let Some(bytes) = go_program(system, machine) else {
            eprintln!("skipped: no go on the PATH");
            return;
        };
        assert!(recognise_binary(&bytes[..8]));
        let found = read(FileKind::Executable, "program", &bytes).unwrap();
        assert_eq!(found.problems, [], "{system}");
        assert_eq!(found.components.len(), 3, "{system}: {:?}", lines(&found));
        assert_eq!(
            lines(&found)[..2],
            [
                "pkg:golang/plimsoll.example/dependency@v1.2.3 (no stream) (application)",
                "pkg:golang/plimsoll.example/fixture@(devel) (no stream) (application)",
            ],
            "{system}"
        );
        assert_eq!(found.components[2].name, "stdlib");
        assert!(found.components[2].version.starts_with("1."));
        // Every cut of the file is refused or read, never a crash.
        for cut in [0, 1, 15, 16, 52, 64, 100, 4096, bytes.len() / 2, bytes.len() - 1] {
            let _ = read(FileKind::Executable, "program", &bytes[..cut]);
        }
    }
}

/// An ELF file of 64 bits with one writable segment at address 0x10000 that
/// holds the whole file, and no sections.
fn elf(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0u8; 128];
    out[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    out[16..18].copy_from_slice(&2u16.to_le_bytes()); // a program
    out[18..20].copy_from_slice(&62u16.to_le_bytes()); // x86-64
    out[20..24].copy_from_slice(&1u32.to_le_bytes());
    out[32..40].copy_from_slice(&64u64.to_le_bytes()); // program headers begin
    out[52..54].copy_from_slice(&64u16.to_le_bytes());
    out[54..56].copy_from_slice(&56u16.to_le_bytes());
    out[56..58].copy_from_slice(&1u16.to_le_bytes());
    out[58..60].copy_from_slice(&64u16.to_le_bytes());
    out[64..68].copy_from_slice(&1u32.to_le_bytes()); // to be loaded
    out[68..72].copy_from_slice(&6u32.to_le_bytes()); // read and write
    out[80..88].copy_from_slice(&0x10000u64.to_le_bytes());
    out.extend_from_slice(data);
    let length = (out.len() as u64).to_le_bytes();
    out[96..104].copy_from_slice(&length);
    out[104..112].copy_from_slice(&length);
    out
}

/// Puts one named section behind an ELF file.
fn with_section(mut file: Vec<u8>, name: &str, content: &[u8], stated: u64) -> Vec<u8> {
    let content_at = file.len() as u64;
    file.extend(content);
    let names_at = file.len() as u64;
    let names = format!("\0{name}\0.shstrtab\0");
    file.extend(names.as_bytes());
    let table_at = file.len() as u64;
    let second = 2 + name.len() as u32;
    for (name, kind, at, length) in
        [(0, 0u32, 0, 0), (1, 1, content_at, stated), (second, 3, names_at, names.len() as u64)]
    {
        let mut header = [0u8; 64];
        header[..4].copy_from_slice(&u32::to_le_bytes(name));
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[24..32].copy_from_slice(&at.to_le_bytes());
        header[32..40].copy_from_slice(&length.to_le_bytes());
        file.extend(header);
    }
    file[40..48].copy_from_slice(&table_at.to_le_bytes());
    file[60..62].copy_from_slice(&3u16.to_le_bytes());
    file[62..64].copy_from_slice(&2u16.to_le_bytes());
    file
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn rust_programs_state_what_cargo_auditable_left() {
    let json = br#"{"packages":[
        {"name":"app","version":"0.1.0","source":"local","root":true,"dependencies":[1]},
        {"name":"bitflags","version":"1.3.2","source":"crates.io"},
        {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
        {"name":"fork","version":"2.0.0","source":"git"},
        17]}"#;
    let packed = zlib(json);
    let program = with_section(elf(b""), ".dep-v0", &packed, packed.len() as u64);
    let found = read(FileKind::Executable, "app", &program).unwrap();
    assert_eq!(
        lines(&found),
        [
            "pkg:cargo/app@0.1.0 (no stream) (application)",
            "pkg:cargo/bitflags@1.3.2",
            "pkg:cargo/cc@1.0.0 (development)",
            "pkg:cargo/fork@2.0.0 (no stream)",
        ]
    );
    assert_eq!(found.problems[0].place, "app: package 5");
    let lying = with_section(elf(b""), ".dep-v0", &packed, u64::MAX);
    assert_eq!(read(FileKind::Executable, "app", &lying).unwrap().problems[0].place, "app: .dep-v0");
    let bomb = zlib(&vec![b' '; 64 << 20]);
    let bomb = with_section(elf(b""), ".dep-v0", &bomb, bomb.len() as u64);
    assert_eq!(read(FileKind::Executable, "app", &bomb).unwrap_err().code, "E-LIMIT");
}

fn framed(list: &str) -> Vec<u8> {
    [&[1u8; 16][..], list.as_bytes(), &[2u8; 16][..]].concat()
}

#[test]
fn the_form_before_go_1_18_is_followed_by_its_addresses() {
    let list = framed("path\texample.com/a\nmod\texample.com/a\tv1.0.0\th1:x\ndep\texample.com/b\tv1.1.0\th1:y\n=>\texample.org/fork\tv1.1.1\th1:z\ndep\texample.com/c\tv2.0.0\n");
    let base = 0x10000u64 + 128;
    let mut data = b"\xff Go buildinf:\x08\x00".to_vec();
    data.extend((base + 32).to_le_bytes());
    data.extend((base + 48).to_le_bytes());
    data.extend((base + 64).to_le_bytes());
    data.extend(8u64.to_le_bytes());
    data.extend((base + 72).to_le_bytes());
    data.extend((list.len() as u64).to_le_bytes());
    data.extend(b"go1.17.6");
    data.extend(&list);
    let found = read(FileKind::Executable, "old", &elf(&data)).unwrap();
    assert_eq!(
        lines(&found),
        [
            "pkg:golang/example.com/a@v1.0.0 (application)",
            "pkg:golang/example.com/c@v2.0.0",
            "pkg:golang/example.org/fork@v1.1.1",
            "pkg:golang/stdlib@1.17.6",
        ]
    );
    assert_eq!(found.problems, []);
    // A string that claims to be longer than the program.
    data[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
    let found = read(FileKind::Executable, "old", &elf(&data)).unwrap();
    assert_eq!((found.components.len(), found.problems.len()), (0, 1));
}

#[test]
fn lengths_that_lie_are_named() {
    for length in [&[0xff_u8; 10][..], &[0xff, 0xff, 0xff, 0x7f], &[40, 1, 2]] {
        let mut data = b"\xff Go buildinf:\x08\x02".to_vec();
        data.resize(32, 0);
        data.extend(length);
        let found = read(FileKind::Executable, "p", &elf(&data)).unwrap();
        assert_eq!((found.components.len(), found.problems.len()), (0, 1));
    }
    let mut headers = elf(b"");
    headers[96..104].copy_from_slice(&u64::MAX.to_le_bytes());
    let _ = read(FileKind::Executable, "p", &headers);
    headers[40..48].copy_from_slice(&u64::MAX.to_le_bytes()); // sections begin
    headers[60..62].copy_from_slice(&u16::MAX.to_le_bytes());
    assert!(read(FileKind::Executable, "p", &headers).is_err());
    assert_eq!(read(FileKind::Executable, "p", &elf(b"")).unwrap(), Found::default());
}

fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn jars_state_maven_coordinates_shaded_nested_or_none() {
    let pom = |artifact: &str| format!("#Generated\nversion=1.{}\ngroupId=org.example\nartifactId={artifact}\n", artifact.len());
    let inner = packed(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nImplementation-Version: 2.6\r\nImplementation-Vendor\r\n -Id: org.apache\r\n"),
        ("META-INF/maven/org.example/inner/pom.properties", pom("inner").as_bytes()),
        ("META-INF/maven/org.example/shaded/pom.properties", pom("shaded").as_bytes()),
        ("META-INF/maven/org.example/broken/pom.properties", b"groupId=org.example\n"),
    ]);
    let vendor = packed(&[("META-INF/MANIFEST.MF", b"Implementation-Version: 2.6\r\nImplementation-Vendor-Id: org.apac\r\n he\r\n\r\nName: x\r\n")]);
    let plain = packed(&[("META-INF/MANIFEST.MF", b"Bundle-Version: 4.1.2\n")]);
    // As Google's guice does: only the library inside left its coordinates.
    let swallower = packed(&[
        ("META-INF/MANIFEST.MF", b"Bundle-Version: 4.2.3\n"),
        ("META-INF/maven/cglib/cglib/pom.properties", b"groupId=cglib\nartifactId=cglib\nversion=3.2.12\n"),
    ]);
    let nameless = packed(&[("a.class", b"")]);
    let outer = packed(&[
        ("BOOT-INF/lib/inner-1.5.jar", &inner),
        ("BOOT-INF/lib/commons-io.jar", &vendor),
        ("BOOT-INF/lib/spring-core-4.1.2.RELEASE.jar", &plain),
        ("BOOT-INF/lib/nameless.jar", &nameless),
        ("BOOT-INF/lib/guice.jar", &swallower),
        ("BOOT-INF/lib/damaged.jar", b"PK\x03\x04 not really"),
        ("../../etc/x-1.0.jar", &plain),
        ("META-INF/maven/org.example/app/pom.properties", pom("app").as_bytes()),
    ]);
    let found = read(FileKind::Jar, "app.jar", &outer).unwrap();
    let shown: Vec<String> = found.components.iter().map(|each| format!("{} in {}", line(each), each.locations[0])).collect();
    assert_eq!(
        shown,
        [
            "pkg:maven/cglib/cglib@3.2.12 in app.jar!BOOT-INF/lib/guice.jar",
            "pkg:generic/guice@4.2.3 (no stream) in app.jar!BOOT-INF/lib/guice.jar",
            "pkg:maven/org.apache/commons-io@2.6 in app.jar!BOOT-INF/lib/commons-io.jar",
            "pkg:maven/org.example/app@1.3 in app.jar",
            "pkg:maven/org.example/inner@1.5 in app.jar!BOOT-INF/lib/inner-1.5.jar",
            "pkg:maven/org.example/shaded@1.6 in app.jar!BOOT-INF/lib/inner-1.5.jar",
            "pkg:generic/spring-core@4.1.2.RELEASE (no stream) in app.jar!BOOT-INF/lib/spring-core-4.1.2.RELEASE.jar",
            "pkg:generic/x@1.0 (no stream) in app.jar!../../etc/x-1.0.jar",
        ]
    );
    let places: Vec<&str> = found.problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "app.jar!BOOT-INF/lib/damaged.jar",
            "app.jar!BOOT-INF/lib/inner-1.5.jar: META-INF/maven/org.example/broken/pom.properties",
        ]
    );
    assert_eq!(found.incomplete.as_deref(), Some("nameless states neither Maven coordinates nor a version"));
}

#[test]
fn archives_in_archives_and_bombs_end_at_a_limit() {
    let mut deep = packed(&[("META-INF/MANIFEST.MF", b"Implementation-Version: 1\n")]);
    for level in 0..6 {
        deep = packed(&[(format!("level{level}.jar").as_str(), &deep)]);
    }
    let found = read(FileKind::Jar, "deep.jar", &deep).unwrap();
    assert_eq!(found.problems.len(), 1);
    assert_eq!((found.problems[0].code.as_str(), found.components.len()), ("E-LIMIT", 0));

    let zeros = vec![0u8; 64 << 20];
    let bomb = packed(&[("META-INF/maven/a/b/pom.properties", &zeros), ("lib/c-1.0.jar", &zeros)]);
    assert!(bomb.len() < 200_000);
    let found = read(FileKind::Jar, "bomb-1.0.jar", &bomb).unwrap();
    let codes: Vec<&str> = found.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["E-LIMIT", "E-LIMIT"]);
}

#[test]
fn names_and_first_bytes_choose_the_reader() {
    for (path, kind) in [
        ("a/Cargo.lock", Some(FileKind::CargoLock)),
        ("usr/lib/python3/dist-packages/x-1.0.dist-info/METADATA", Some(FileKind::DistInfoMetadata)),
        ("x/METADATA", None),
        ("node_modules/@a/b/package.json", Some(FileKind::NodeModulesPackageJson)),
        ("node_modules/b/package.json", Some(FileKind::NodeModulesPackageJson)),
        ("node_modules/b/esm/package.json", None),
        ("node_modules/.pnpm/package.json", None),
        ("package.json", None),
        ("requirements/dev.txt", Some(FileKind::Requirements)),
        ("dev-requirements.txt", Some(FileKind::Requirements)),
        ("notes.txt", None),
        ("specifications/rake-13.0.6.gemspec", Some(FileKind::GemSpec)),
        ("rake.gemspec", None),
        ("C:\\app\\shop.deps.json", Some(FileKind::NugetDepsJson)),
        ("vendor/composer/installed.json", Some(FileKind::ComposerInstalled)),
        ("pylock.dev.toml", Some(FileKind::PyLock)),
        ("gradle/verification-metadata.xml", Some(FileKind::GradleVerification)),
        ("", None),
    ] {
        assert_eq!(recognise(path), kind, "{path}");
    }
    assert!(recognise_binary(b"\xca\xfe\xba\xbe\0\0\0\x02"));
    assert!(!recognise_binary(b"\xca\xfe\xba\xbe\0\0\0\x41"), "a Java class");
    assert!(!recognise_binary(b"#!/bin/sh"));
}
