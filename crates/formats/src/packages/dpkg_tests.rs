use super::*;
use crate::test_data::file as data;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn states_of_the_sample_inventories() {
    let Some(bytes) = data("inventories/dpkg/statusfield") else { return };
    let database = parse("status", text(&bytes));
    let states: Vec<_> = database
        .packages
        .iter()
        .map(|package| (package.name, package.status.is_present(), package.status.is_broken()))
        .collect();
    assert_eq!(
        states,
        [
            ("wantinstall_installed", true, false),
            ("wantdeinstall_installed", true, true),
            ("wantdeinstall_configfiles", false, false),
            ("wantinstall_unpacked", true, true),
            ("wantpurge_installed", true, false),
            ("wantinstall_halfinstalled", true, true),
        ]
    );
    assert_eq!(database.rejected, 1);
    assert_eq!(database.problems[0].place, "status:25");
    assert_eq!(database.problems[0].text, "the entry of \"wantnostatus\" has no Status");
    let distroless = parse_status_d("status.d/x", "Package: wantnostatus\nVersion: 1.0\n");
    assert!(distroless.packages[0].status.is_present());
}

#[test]
fn a_rebuilt_package_has_the_source_version_of_its_source() {
    let Some(bytes) = data("inventories/dpkg/valid") else { return };
    let database = parse("status", text(&bytes));
    let rebuilt = database.packages.iter().find(|package| package.name == "util-linux-extra").unwrap();
    assert_eq!((rebuilt.source, rebuilt.source_version), ("util-linux", "2.38.1-5"));
    assert_eq!(rebuilt.relations.replaces, "util-linux (<< 2.38~)");
    assert_eq!(source_of("a", "1.0-2+b3", ""), ("a", "1.0-2"));
    assert_eq!(source_of("a", "1.0+b3", ""), ("a", "1.0+b3"));
    assert_eq!(source_of("a", "1.0-2+b", "c"), ("c", "1.0-2+b"));
    assert_eq!(source_of("a", "1.0-2+b3", "c ( 1:7 )"), ("c", "1:7"));
}

#[test]
fn signed_packages_answer_to_the_source_that_advisories_name() {
    let cases = [
        ("linux-signed-amd64", "6.1.176+1", "6.1.176-1", "linux", "6.1.176-1"),
        ("linux-signed-6.12-amd64", "6.12.117+1~deb12u1", "6.12.117-1~deb12u1", "linux-6.12", "6.12.117-1~deb12u1"),
        ("linux-signed-arm64", "6.1.1+1", "6.1.1-1+b1", "linux", "6.1.1-1"),
        ("linux-signed", "5.15.0-91.101", "5.15.0-91.101", "linux", "5.15.0-91.101"),
        ("linux-signed-azure", "5.15.0-1051.59", "5.15.0-1051.59", "linux-azure", "5.15.0-1051.59"),
        ("linux-signedly", "1", "2", "linux-signedly", "1"),
        ("grub-efi-amd64-signed", "1+2.06+13+deb12u1", "1+2.06+13+deb12u1", "grub2", "2.06-13+deb12u1"),
        ("grub2-signed", "1.187.6", "1.187.6+2.06-2ubuntu14.4", "grub2-signed", "1.187.6"),
        ("fwupd-amd64-signed", "1.5.7+4", "1.5.7+4", "fwupd", "1.5.7-4"),
        ("fwupd-efi-amd64-signed", "1:1.4+1", "1:1.4+1", "fwupd-efi", "1:1.4-1"),
        ("shim-helpers-amd64-signed", "1+15.8+1~deb12u1", "1+15.8+1~deb12u1", "shim", "15.8-1~deb12u1"),
        ("shim-signed", "1.47", "1.47+15.8-1", "shim-signed", "1.47"),
        ("linux-meta-hwe-6.5", "6.5.0.14.14~22.04.7", "6.5.0.14.14~22.04.7", "linux-meta-hwe-6.5", "6.5.0.14.14~22.04.7"),
    ];
    for (source, source_version, version, name, expected) in cases {
        let (found, found_version) = advisory_source_of(source, source_version, version);
        assert_eq!((&*found, &*found_version), (name, expected), "{source}");
    }
}

#[test]
fn the_web_host_is_read_whole() {
    let Some(bytes) = data("hosts/deb12-web/var/lib/dpkg/status") else { return };
    let stream = Stream::release("debian", "12");
    let database = parse("var/lib/dpkg/status", text(&bytes));
    assert_eq!((database.rejected, &*database.problems), (0, &[][..]));
    assert_eq!(database.packages.len(), 254);
    let components: Vec<_> = database.packages.iter().map(|package| package.to_component(&stream)).collect();
    for component in &components {
        let purl: packageurl::PackageUrl<'_> = component.purl.parse().unwrap();
        assert_eq!(purl.to_string(), component.purl);
        assert_eq!((purl.name(), purl.version()), (&*component.name, Some(&*component.version)));
    }
    let special: Vec<_> = components
        .iter()
        .filter(|component| component.kind != ComponentKind::Package || component.name.starts_with("linux-image"))
        .map(|component| {
            format!("{} {:?} {} {}", component.purl, component.kind, component.source.as_deref().unwrap(), component.source_version.as_deref().unwrap())
        })
        .collect();
    insta::assert_snapshot!(special.join("\n"), @r#"
    pkg:deb/debian/linux-image-6.1.0-50-amd64@6.1.176-1?arch=amd64&distro=debian-12 Kernel linux 6.1.176-1
    pkg:deb/debian/linux-image-amd64@6.1.176-1?arch=amd64&distro=debian-12 Package linux 6.1.176-1
    "#);
    let Some(bytes) = data("hosts/deb12-web/var/lib/apt/extended_states") else { return };
    let (automatic, problems) = automatic("extended_states", text(&bytes));
    assert!(problems.is_empty());
    let known = database.packages.iter().filter(|package| automatic.contains(&(package.name, package.arch)) || automatic.contains(&(package.name, "amd64"))).count();
    assert_eq!(known, automatic.len());
}

#[test]
fn every_real_status_file_is_read_without_a_word() {
    for (host, count) in [("deb11-db", 211), ("deb12-drifted", 654)] {
        let Some(bytes) = data(&format!("hosts/{host}/var/lib/dpkg/status")) else { return };
        let (text, problem) = control::text("status", &bytes).unwrap();
        assert_eq!(problem, None);
        let database = parse("status", &text);
        assert_eq!(database.problems, []);
        assert_eq!(database.packages.len(), count, "{host}");
    }
}

#[test]
fn hostile_entries_are_named_and_the_rest_is_read() {
    let long = format!("Package: long\nStatus: install ok installed\nVersion: {}\n\n", "9".repeat(10 << 20));
    let source = format!(
        "{long}Package: \u{1b}[31mred\nStatus: install ok gone\n\nVersion: 1\n\nPackage: nul\0\nstray\nStatus: hold reinstreq half-configured\nVersion: 1\0\n"
    );
    let database = parse("status", &source);
    let problems: Vec<_> = database.problems.iter().map(|problem| format!("{} {}", problem.place, problem.text)).collect();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    status:1 the entry is 10485813 bytes long, the limit is 1048576
    status:5 the status of "\u{1b}[31mred" is "install ok gone", which dpkg does not write
    status:8 the entry names no package
    status:11 the line is neither "Name: value" nor a continuation of one
    "#);
    assert_eq!(database.rejected, 3);
    let package = database.packages[0];
    assert_eq!((package.name, package.status.want, package.status.is_broken()), ("nul\0", Want::Hold, true));
    assert!(package.to_component(&Stream::release("debian", "12")).held);
    // Thousands of bad entries do not fill memory with problems.
    let flood = parse("status", &"Package: x\n\n".repeat(100_000)).problems.len();
    assert_eq!(flood, PROBLEM_LIMIT);
}
