use super::*;
use crate::test_data::file as data;

fn table(database: &Database) -> Vec<String> {
    let mut lines: Vec<_> = database
        .packages
        .iter()
        .map(|package| {
            format!(
                "{}\t{}:{}-{}\t{}\t{}\t{}",
                package.name,
                package.epoch.unwrap_or(0),
                package.version,
                package.release,
                package.arch,
                package.source_rpm.as_deref().unwrap_or("(none)"),
                package.installed.unwrap_or(0),
            )
        })
        .collect();
    lines.sort();
    lines
}

fn zoo() -> Option<(Vec<u8>, Vec<u8>)> {
    Some((data("hosts/rpm-zoo/var/lib/rpm/rpmdb.sqlite")?, data("hosts/rpm-zoo/rpm-qa.tsv")?))
}

#[test]
fn the_zoo_equals_what_rpm_prints() {
    let Some((bytes, expected)) = zoo() else { return };
    let database = parse("rpmdb.sqlite", &bytes, 0).unwrap();
    assert_eq!((database.rejected, &*database.problems), (0, &[][..]));
    let mut lines: Vec<_> = std::str::from_utf8(&expected).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(table(&database), lines);
    assert_eq!(table(&parse_query("rpm-qa.tsv", &expected).unwrap()), lines);
    let open = parse("rpmdb.sqlite", &bytes, 4152).unwrap();
    assert_eq!(open.problems[0].text, "4152 bytes of changes beside it (-wal) were not read");
}

#[test]
fn fedora_33_is_read_whole() {
    let Some(bytes) = data("inventories/rpm/rpm-sqlite/rpmdb.sqlite") else { return };
    let database = parse("rpmdb.sqlite", &bytes, 0).unwrap();
    assert_eq!(database.problems, []);
    let components = to_components(&database.packages, &Stream::release("fedora", "33"));
    for component in &components {
        let purl: packageurl::PackageUrl<'_> = component.purl.parse().unwrap();
        assert_eq!(purl.to_string(), component.purl);
    }
    let all: Vec<_> = components.iter().map(|component| format!("{} from {} {} by {}", component.purl, component.source.as_deref().unwrap(), component.source_version.as_deref().unwrap(), component.vendor.as_deref().unwrap_or("nobody"))).collect();
    insta::assert_snapshot!(format!("{} keys\n{}", database.keys, all.join("\n")), @r#"
    0 keys
    pkg:rpm/fedora/systemd-rpm-macros@246.6-3.fc33?arch=noarch&distro=fedora-33 from systemd 246.6-3.fc33 by Fedora Project
    pkg:rpm/fedora/rpm@4.16.0-1.fc33?arch=x86_64&distro=fedora-33 from rpm 4.16.0-1.fc33 by Fedora Project
    pkg:rpm/fedora/rpm-libs@4.16.0-1.fc33?arch=x86_64&distro=fedora-33 from rpm 4.16.0-1.fc33 by Fedora Project
    pkg:rpm/fedora/rpm-plugin-selinux@4.16.0-1.fc33?arch=x86_64&distro=fedora-33 from rpm 4.16.0-1.fc33 by Fedora Project
    pkg:rpm/fedora/rpm-plugin-systemd-inhibit@4.16.0-1.fc33?arch=x86_64&distro=fedora-33 from rpm 4.16.0-1.fc33 by Fedora Project
    pkg:rpm/fedora/deltarpm@3.6.2-7.fc33?arch=x86_64&distro=fedora-33 from deltarpm 3.6.2-7.fc33 by Fedora Project
    pkg:rpm/fedora/rpm-build-libs@4.16.0-1.fc33?arch=x86_64&distro=fedora-33 from rpm 4.16.0-1.fc33 by Fedora Project
    pkg:rpm/fedora/rpm-sign-libs@4.16.0-1.fc33?arch=x86_64&distro=fedora-33 from rpm 4.16.0-1.fc33 by Fedora Project
    pkg:rpm/fedora/python3-rpm@4.16.0-1.fc33?arch=x86_64&distro=fedora-33 from rpm 4.16.0-1.fc33 by Fedora Project
    "#);
}

/// Packs headers as rpm's ndb backend does.
fn pack(headers: &[Vec<u8>]) -> Vec<u8> {
    let mut slots = b"RpmP".to_vec();
    for value in [0u32, 1, 1, headers.len() as u32 + 1, 0, 0, 0] {
        slots.extend(value.to_le_bytes());
    }
    let mut blobs = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let package = index as u32 + 1;
        let first = 4096 + blobs.len();
        blobs.extend(b"BlbS");
        for value in [package, 1, header.len() as u32] {
            blobs.extend(value.to_le_bytes());
        }
        blobs.extend(header);
        while (blobs.len() + 12) % 16 != 0 {
            blobs.push(0);
        }
        blobs.extend(0u32.to_le_bytes());
        blobs.extend((header.len() as u32).to_le_bytes());
        blobs.extend(b"BlbE");
        slots.extend(b"Slot");
        for value in [package, first as u32 / 16, (4096 + blobs.len() - first) as u32 / 16] {
            slots.extend(value.to_le_bytes());
        }
    }
    while slots.len() < 4096 {
        slots.extend(b"Slot\0\0\0\0\0\0\0\0\0\0\0\0");
    }
    slots.extend(blobs);
    slots
}

/// Writes a header: (tag, value) pairs of strings.
fn header_of(pairs: &[(u32, &str)]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, value) in pairs {
        for number in [*tag, 6, data.len() as u32, 1] {
            index.extend(number.to_be_bytes());
        }
        data.extend(value.as_bytes());
        data.push(0);
    }
    let mut out = (pairs.len() as u32).to_be_bytes().to_vec();
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(index);
    out.extend(data);
    out
}

fn sample() -> Vec<u8> {
    header_of(&[(1000, "bash"), (1001, "5.2"), (1002, "1"), (1022, "x86_64"), (1044, "bash-5.2-1.src.rpm"), (5096, "m:1:2:c"), (1011, "\u{1b}[31mACME")])
}

#[test]
fn ndb_gives_the_same_packages_as_sqlite() {
    let Some((bytes, expected)) = zoo() else { return };
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    let mut flat = bytes.clone();
    flat[18..20].copy_from_slice(&[1, 1]);
    connection.deserialize_read_exact("main", &flat[..], flat.len(), true).unwrap();
    let mut statement = connection.prepare("SELECT blob FROM Packages").unwrap();
    let headers: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let packed = pack(&headers);
    let database = parse("Packages.db", &packed, 0).unwrap();
    let mut lines: Vec<_> = std::str::from_utf8(&expected).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!((table(&database), database.problems), (lines, vec![]));
}

#[test]
fn lying_ndb_files_are_named() {
    let good = pack(&[sample(), sample()]);
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        match parse("Packages.db", &bytes, 0) {
            Ok(database) => format!("{} of 2: {}", database.packages.len(), database.problems.first().map_or(String::new(), |problem| format!("{} {}", problem.place, problem.text))),
            Err(problem) => problem.text,
        }
    };
    let put = |at: usize, value: u32| move |bytes: &mut Vec<u8>| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    let lines = [
        broken(&|_| ()),
        broken(&put(4, 7)),
        broken(&put(12, u32::MAX)),
        broken(&put(12, 0)),
        broken(&put(40, u32::MAX)),
        broken(&put(44, 1)),
        broken(&put(52, 1)),
        broken(&put(32, 0)),
        broken(&put(4096 + 12, 0xffff_fff0)),
        broken(&put(4096 + 4, 9)),
        broken(&|bytes| bytes.truncate(bytes.len() - 16)),
        broken(&|bytes| bytes.truncate(20)),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    2 of 2: 
    is an ndb database of version 7, only version 0 is known
    claims 4294967295 pages of slots but is only 4512 bytes long
    claims 0 pages of slots but is only 4512 bytes long
    1 of 2: Packages.db!package 1 its slot names 13 blocks from block 4294967295 of a file of 4512 bytes
    1 of 2: Packages.db!package 1 its blob claims 175 bytes in 1 blocks
    1 of 2: Packages.db!package 1 the package has two slots
    1 of 2: Packages.db has no slot at byte 32
    1 of 2: Packages.db!package 1 its blob claims 4294967280 bytes in 13 blocks
    1 of 2: Packages.db!package 1 block 256 does not start its blob
    1 of 2: Packages.db!package 2 its slot names 13 blocks from block 269 of a file of 4496 bytes
    claims 1 pages of slots but is only 20 bytes long
    "#);
    for cut in 0..good.len() {
        let _ = ndb::parse("Packages.db", &good[..cut]);
    }
}

#[test]
fn lying_headers_are_named() {
    let good = sample();
    let package = header::parse("h", &good).unwrap();
    assert_eq!(package.source(), Some(("bash", "5.2-1")));
    assert_eq!(package.module.as_deref(), Some("m:1:2:c"));
    let broken = |at: usize, value: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        header::parse("h", &bytes).map_or_else(|problem| problem.text, |package| package.evr())
    };
    let lines = [
        broken(0, u32::MAX),
        broken(0, 0xffff),
        broken(0, 0),
        broken(4, u32::MAX),
        broken(4, 1 << 20),
        broken(16, 0xffff_ffff),
        broken(12, 4),
        broken(8, 1003),
        header::parse("h", &[0; 7]).unwrap_err().text,
        header::parse("h", &header_of(&[(1000, &"a".repeat(5000))])).unwrap_err().text,
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    the header claims 4294967295 entries and 55 bytes, the limits are 65535 and 268435456
    the header claims 65535 entries and 55 bytes of data but is only 175 bytes long
    the header has no name
    the header claims 7 entries and 4294967295 bytes, the limits are 65535 and 268435456
    the header claims 7 entries and 1048576 bytes of data but is only 175 bytes long
    tag 1000 points to byte 4294967295 of 55 bytes of data
    tag 1000 has type 4 where a string is needed
    tag 1003 has type 6 where a number is needed
    the header is 7 bytes long and needs at least 8
    the value of tag 1000 does not end within 4096 bytes
    "#);
    for cut in 0..good.len() {
        assert!(header::parse("h", &good[..cut]).is_err());
    }
}

#[test]
fn damaged_sqlite_databases_never_panic() {
    let Some((bytes, _)) = zoo() else { return };
    let mut whole = 0;
    for cut in (0..bytes.len()).step_by(bytes.len() / 150) {
        match parse("rpmdb.sqlite", &bytes[..cut], 0) {
            Ok(database) => {
                whole += 1;
                assert!(!database.problems.is_empty() || database.packages.len() == 7, "cut at {cut}");
            }
            Err(problem) => assert!(!problem.text.is_empty()),
        }
    }
    eprintln!("{whole} cuts gave a partial answer");
    // Bytes changed all over the file.
    for seed in 0..150usize {
        let mut hurt = bytes.clone();
        for step in 0..40 {
            let at = (seed * 7919 + step * 104_729) % hurt.len();
            hurt[at] ^= 0x55;
        }
        let _ = parse("rpmdb.sqlite", &hurt, 0);
    }
}

#[test]
fn a_schema_that_computes_is_refused() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch("CREATE VIEW Packages AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT n AS hnum, x'00' AS blob FROM c")
        .unwrap();
    let bytes = connection.serialize("main").unwrap().to_vec();
    assert_eq!(parse("rpmdb.sqlite", &bytes, 0).unwrap_err().text, "holds a table of packages that rpm does not make");
}

#[test]
fn other_databases_are_told_apart() {
    let mut berkeley = vec![0; 512];
    berkeley[12..16].copy_from_slice(&[0x61, 0x15, 0x06, 0]);
    assert_eq!(parse("Packages", &berkeley, 0).unwrap_err().code, "E-UNSUPPORTED");
    assert_eq!(parse("Packages", b"nothing", 0).unwrap_err().code, "E-FORMAT");
    let text = "a\t1:2-3\tnoarch\t(none)\ngpg-pubkey\t0:1-2\t(none)\nb\tx:1-1\nc\t5\n# remark\n\nd\n";
    let database = parse_query("q", text.as_bytes()).unwrap();
    let problems: Vec<_> = database.problems.iter().map(|problem| format!("{} {}", problem.place, problem.text)).collect();
    assert_eq!(problems, ["q:3 the epoch \"x\" is no number", "q:4 \"5\" is no version-release", "q:7 the line has no version"]);
    assert_eq!((database.packages[0].evr(), database.keys, database.rejected), ("1:2-3".to_owned(), 1, 3));
}

#[test]
fn kinds_by_name() {
    use ComponentKind::{Firmware, Kernel, KernelHeaders, Package};
    let cases = [
        ("kernel-core", Kernel), ("kernel", Kernel), ("kernel-modules", Package), ("kernel-modules-core", Package), ("kernel-devel", KernelHeaders),
        ("kernel-headers", KernelHeaders), ("kernel-rt-core", Kernel), ("kernel-default", Kernel), ("kernel-firmware-amdgpu", Firmware),
        ("kernel-tools", Package), ("linux-firmware", Firmware), ("microcode_ctl", Firmware), ("kernelshark", Package), ("kernel-64k-debug-core", Kernel),
    ];
    for (name, kind) in cases {
        assert_eq!(kind_of(name), kind, "{name}");
    }
    let package = |name: &str| RpmPackage { name: name.into(), version: "5".into(), release: "1".into(), ..RpmPackage::default() };
    let kinds: Vec<_> = to_components(&[package("kernel"), package("kernel-core")], &Stream::release("almalinux", "9")).into_iter().map(|component| component.kind).collect();
    assert_eq!(kinds, [Package, Kernel]);
}
