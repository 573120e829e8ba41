use super::*;
use plimsoll_core::model::deployment_package::{
    ChangeType, Check, ConfigurationFiles, DeploymentPackage, Interval, LooksAt, NoWayBack, PolicyNamed, RebootRule, Removal, Ring, Step, StreamPlan, Target, Tool, Window,
};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::stream::Stream;
use plimsoll_formats::trust::{KeyFile, RootKeys};

fn looked() -> Looked {
    let at = |text: &str| text.parse().unwrap();
    let place = |number, ring, window: Option<&str>| Place { host: HostId::from_bits(number), ring, window: window.map(str::to_owned) };
    let places = vec![place(1, 0, None), place(2, 1, Some("night"))];
    let target = |version: &str, new| Target {
        name: if new { "libnew" } else { "openssl" }.to_owned(),
        arch: "amd64".to_owned(),
        version: version.to_owned(),
        sha256: "ab".repeat(32),
        size: 10,
        repository: "https://deb.example".to_owned(),
        new,
    };
    let plan = StreamPlan {
        tool: Tool::Apt,
        install: vec![target("3.0.2-1", false), target("1", true)],
        remove: vec![Removal { name: "mail\u{1b}[2J".to_owned(), arch: "amd64".to_owned() }],
        way_back: vec![target("3.0.1-1", false)],
        no_way_back: vec![NoWayBack { name: "curl".to_owned(), reason: "gone".to_owned() }],
        steps: vec![Step::Setting { path: "/etc/x".to_owned(), key: "a".to_owned(), separator: "=".to_owned(), value: "1".to_owned() }],
    };
    let interval = Interval { from: at("2026-11-24T21:00:00Z"), to: at("2026-11-25T01:00:00Z"), last_start: at("2026-11-25T00:30:00Z") };
    let package = DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "openssl".to_owned(),
        version: 7,
        client: ClientId::from_bits(1),
        title: "OpenSSL".to_owned(),
        reason: "KEV".to_owned(),
        advisories: vec!["DSA-1".to_owned()],
        author: "anna".to_owned(),
        created: at("2026-11-22T10:00:00Z"),
        expires: at("2026-11-29T10:00:00Z"),
        change: ChangeType::Emergency,
        policy: PolicyNamed { id: "p".to_owned(), version: "1".to_owned(), sha256: "cd".repeat(32) },
        streams: [(Stream::release("debian", "12"), plan)].into(),
        hosts: HostTree::new(places.clone()).unwrap().list(),
        rings: ["canary", "broad"].map(|name| Ring { name: name.to_owned(), opens: at("2026-11-22T10:00:00Z"), soak_seconds: 3600, success_per_mille: 980, failures: 1 }).to_vec(),
        windows: [("night".to_owned(), Window { shown: "Tue 22:00".to_owned(), intervals: vec![interval], reboot: false })].into(),
        checks: vec![Check { name: "web".to_owned(), looks_at: LooksAt::Tcp { port: 443 }, timeout_seconds: 5, before: true }],
        reboot: RebootRule::IfNeeded,
        configuration_files: ConfigurationFiles::Replace,
        at_once: 3,
        drain: None,
    };
    Looked { signed: SignedPackage::unsigned(package), places, names: [(HostId::from_bits(1).to_string(), "web\u{7}1".to_owned())].into() }
}

#[test]
fn says_everything_that_will_happen_and_nothing_that_moves_the_cursor() {
    let text = render::text(&looked());
    for line in [
        "Package openssl 7",
        "  change   emergency",
        "  update      openssl 3.0.2-1 [amd64], 10 bytes",
        "  may add     libnew 1 [amd64]",
        "  MAY REMOVE  mail",
        "  back to     openssl 3.0.1-1",
        "  NO WAY BACK for curl: gone",
        "  then        in /etc/x: a=1",
        "  check    web: port 443 accepts connections, before and after, within 5 s",
        "  reboot   where it is needed, in windows that allow it",
        "THE VENDOR'S REPLACE",
        "  at once  at most 3 hosts",
        "  window   night: Tue 22:00 (no reboot), 1 times",
        "2 hosts (names are the server's word, ids are signed):",
        "  ring 1 canary: 1 hosts, not before 2026-11-22T10:00:00Z",
        "after 980 of 1000 succeeded and 3600 s; more than 1 failed or silent shut the gate",
        "in window night",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    assert!(text.contains(&looked().signed.digest()));
}

#[test]
fn signs_what_was_read_with_a_key_that_the_root_names() {
    let folder = tempfile::tempdir().unwrap();
    let key = |seed| KeyFile::from_seed(&[seed; 32]);
    let people: Vec<(String, KeyFile)> = [("anna", 1), ("ben", 2), ("carla", 3)].map(|(name, seed)| (name.to_owned(), key(seed))).into();
    let root = SignedRoot::first(&RootKeys { people: &people, threshold: 2, online: key(9).public() }, "2030-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let write = |name: &str, seed, passphrase: Option<&[u8]>| {
        let file = folder.path().join(name);
        std::fs::write(&file, key(seed).to_pem(passphrase, &[1; 16], &[2; 16]).unwrap()).unwrap();
        file
    };
    let words = folder.path().join("words");
    std::fs::write(&words, "correct horse battery\n").unwrap();
    let mut looked = looked();
    for (name, seed) in [("ben.pem", 2), ("carla.pem", 3)] {
        let file = write(name, seed, Some(b"correct horse battery"));
        let made = signature(&looked, &file, Some(&words), &root).unwrap();
        looked.signed.add(serde_json::from_value(made).unwrap());
    }
    looked.signed.approved("package", &root.root).unwrap();
    assert_eq!(signature(&looked, &write("anna.pem", 1, None), None, &root).unwrap_err().problem.code, "E-SOD");
    assert_eq!(signature(&looked, &write("other.pem", 7, None), None, &root).unwrap_err().problem.code, "E-KEY");
    std::fs::write(&words, "wrong").unwrap();
    assert_eq!(signature(&looked, &folder.path().join("ben.pem"), Some(&words), &root).unwrap_err().problem.code, "E-PASSPHRASE");
}
