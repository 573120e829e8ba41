use super::*;
use crate::console::lists;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::host::{Device, Hardware, InstalledKernel, Kernels, OperatingSystem, RebootPending, Repository};
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::policy::Exposure as HostExposure;
use plimsoll_core::model::registration::{HostSource, HostState};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::update::Update;

const ROLES: [&str; 8] = ["web", "db", "mail", "build", "proxy", "auth", "store", "edge"];
const SITES: [&str; 4] = ["osl", "ham", "kbh", "got"];
const SYSTEMS: [&str; 5] = [
    "Debian GNU/Linux 12 (bookworm)",
    "Ubuntu 24.04.3 LTS",
    "AlmaLinux 9.6 (Sage Margay)",
    "Debian GNU/Linux 11 (bullseye)",
    "SUSE Linux Enterprise Server 15 SP6",
];
const OWNERS: [&str; 4] = ["platform team", "Ragnhild Østergård-Hämäläinen", "dba@nordwerft.example", "web team"];

fn condition(place: usize) -> Condition {
    match place % 23 {
        3 | 17 => Condition::Overdue,
        5 | 11 => Condition::DueSoon,
        8 => Condition::Unknown,
        9 | 13 | 19 | 21 | 1 => Condition::Clear,
        _ => Condition::InTime,
    }
}

pub(in crate::console) fn host_name(place: usize) -> String {
    match place {
        6 => "a-very-long-host-name-that-somebody-really-gave-to-a-machine-in-the-third-rack-of-the-second-hall.internal.nordwerft.example".to_owned(),
        _ => format!("{}{:02}.{}.nordwerft.example", ROLES[place % 8], place / 8 + 1, SITES[place % 4]),
    }
}

fn id(place: usize) -> String {
    format!("01k{:023}", place + 1)
}

pub(in crate::console) fn host_row(words: &Words, place: usize) -> HostRow {
    let condition = condition(place);
    let judged = condition != Condition::Unknown;
    let overdue = if condition == Condition::Overdue { place as u64 % 5 + 1 } else { 0 };
    HostRow {
        id: words.say(&id(place)),
        name: words.say(&host_name(place)),
        state: if place == 12 { HostState::Pending } else { HostState::Active },
        source: HostSource::Agent,
        condition,
        os: (place != 14).then(|| words.say(SYSTEMS[place % 5])),
        groups: if place.is_multiple_of(6) { vec![] } else { words.all(&[ROLES[place % 8], "production"]) },
        tier: words.some("business-critical"),
        exposure: Some(if place.is_multiple_of(3) { HostExposure::Open } else { HostExposure::Controlled }),
        environment: words.some(if place.is_multiple_of(4) { "test" } else { "prod" }),
        owner: (place % 5 != 4).then(|| words.say(OWNERS[place % 4])),
        last_seen: (place != 14).then(|| if judged { now() - SignedDuration::from_secs(20 + place as i64) } else { ago(26 + place as i64) }),
        silent: !judged,
        flag: (place == 17).then(|| words.say("the same key was used from two machines within a minute")),
        updates: judged.then_some(place as u64 % 31),
        security_updates: judged.then_some(place as u64 % 7),
        findings: judged.then_some(if condition == Condition::Clear { 0 } else { place as u64 * 3 % 140 + overdue }),
        overdue: judged.then_some(overdue),
        due: match condition {
            Condition::Overdue => Some(ago(30 + place as i64)),
            Condition::DueSoon => Some(ahead(20)),
            Condition::InTime => Some(ahead(24 * (place as i64 % 25 + 3))),
            _ => None,
        },
        reboot: if place % 9 == 2 { Some(true) } else { judged.then_some(false) },
        coverage: judged.then_some(100 - place as u64 % 9),
    }
}

pub(in crate::console) fn facets(words: &Words) -> Vec<Facet> {
    vec![
        Facet { key: "group", choices: words.choices(&[("production", "production"), ("web", "web"), ("db", "db")]) },
        Facet { key: "os", choices: words.choices(&[("debian:12", "Debian 12"), ("ubuntu:24.04", "Ubuntu 24.04")]) },
        Facet { key: "environment", choices: words.choices(&[("prod", "prod"), ("test", "test")]) },
        Facet { key: "owner", choices: words.choices(&[("web team", "web team"), ("(none)", "nobody")]) },
        Facet { key: "team", choices: words.choices(&[("shop", "Shop")]) },
        Facet { key: "stream", choices: words.choices(&[("debian:12", "debian:12")]) },
        Facet { key: "version", choices: words.choices(&[("3.0.15-1~deb12u1", "3.0.15-1~deb12u1")]) },
        Facet { key: "actor", choices: words.choices(&[("ingrid", "Ingrid Solheim")]) },
    ]
}

pub(in crate::console) fn hosts(words: &Words, query: &str) -> HostsPage {
    let mut rows: Vec<HostRow> = (0..words.hosts).map(|place| host_row(words, place)).collect();
    rows.sort_by_key(|row| row.condition);
    let hosts = rows.len() as u64;
    let mut list = listing(&lists::HOSTS, lists::HOSTS.path, query, rows, facets(words));
    list.after = (hosts > 50).then(|| words.say("c2Vjb25k"));
    HostsPage { list, tally: None, hosts }
}

pub(in crate::console) fn hosts_summed(words: &Words) -> HostsPage {
    let mut page = hosts(words, "by=os&condition=overdue&q=osl");
    page.tally = Some(
        SYSTEMS
            .iter()
            .chain([&""])
            .zip(1u64..)
            .map(|(value, place)| TallyRow {
                value: if value.is_empty() { String::new() } else { words.say(value) },
                hosts: 31 - place * 4,
                overdue: place % 3,
                due_soon: place % 4,
                unknown: place / 5,
                findings: place * 311,
            })
            .collect(),
    );
    page
}

pub(in crate::console) fn no_hosts() -> HostsPage {
    HostsPage { list: listing(&lists::HOSTS, lists::HOSTS.path, "", vec![], vec![]), tally: None, hosts: 0 }
}

pub(in crate::console) fn no_match(words: &Words) -> HostsPage {
    HostsPage { list: listing(&lists::HOSTS, lists::HOSTS.path, "q=nothing-like-it&owner=nobody", vec![], facets(words)), tally: None, hosts: 57 }
}

pub(in crate::console) fn pending(words: &Words) -> Vec<PendingHost> {
    vec![PendingHost {
        id: words.say("01kpending0000000000000000"),
        name: words.say("web03.osl.nordwerft.example"),
        asked: ago(2),
        key: words.say("6f1e 2b90 77aa 41cd 0be4 93f2 5d60 18c7"),
        reason: words.say("asks for the name of a host that is managed already, with another key"),
        group: words.some("web"),
        address: words.some("10.20.4.17"),
    }]
}

fn work(words: &Words, verdict: Verdict, first_due: Timestamp) -> Work {
    let items = [
        ("Update openssl to 3.0.17-1~deb12u3", "DSA-6015-1", "CVE-2025-9230", "openssl", Rating::Critical, true, 23),
        ("Update linux-image-amd64 to 6.1.158-1 and restart", "DSA-6053-1", "CVE-2025-40100", "linux", Rating::High, false, 41),
        ("Enable Ubuntu Pro (esm-infra) and update sudo to 1.9.15p5-3ubuntu5.24.04.1+esm1", "USN-7604-1", "CVE-2025-32463", "sudo", Rating::High, true, 4),
        ("Update nginx to 2:1.20.1-22.el9_6.3", "ALSA-2025:7331", "CVE-2025-23419", "nginx", Rating::Medium, false, 9),
    ];
    Work {
        findings: 231,
        hosts: 48,
        items: items
            .iter()
            .zip(0i64..)
            .map(|((act, advisory, cve, package, rating, exploited, hosts), place)| WorkItem {
                act: words.say(act),
                advisory: words.say(advisory),
                cves: words.all(&[cve, "CVE-2025-9231", "CVE-2025-9232"]),
                package: words.say(package),
                rating: *rating,
                exploited: *exploited,
                hosts: *hosts,
                due: first_due + SignedDuration::from_hours(place * 17),
                verdict,
            })
            .collect(),
    }
}

pub(in crate::console) fn strip(words: &Words) -> FleetStrip {
    let mut cells: Vec<FleetCell> = (0..words.hosts)
        .map(|place| FleetCell { id: words.say(&id(place)), name: words.say(&host_name(place)), condition: condition(place) })
        .collect();
    cells.sort_by_key(|cell| cell.condition);
    let counts = Condition::ALL.map(|known| (known, cells.iter().filter(|cell| cell.condition == known).count() as u64)).into();
    cells.truncate(FleetStrip::LIMIT);
    FleetStrip { cells, counts }
}

pub(in crate::console) fn today(words: &Words) -> Today {
    Today {
        last_look: Some(ago(16)),
        policy_in_force: true,
        overdue: work(words, Verdict::Overdue, ago(75)),
        due_soon: work(words, Verdict::DueSoon, ahead(9)),
        new: vec![
            NewFinding { advisory: words.say("DSA-6060-1"), summary: words.say("webkit2gtk: a page made for it runs code of its choice"), rating: Rating::High, exploited: true, hosts: 3, first_seen: ago(4) },
            NewFinding { advisory: words.say("GHSA-rv95-896h-c2vc"), summary: words.say("express: a redirect can be made to lead elsewhere"), rating: Rating::Unknown, exploited: false, hosts: 1, first_seen: ago(6) },
        ],
        new_total: 14,
        silent: (0..3).map(|place| SilentHost { id: words.say(&id(place)), name: words.say(&host_name(place * 8 + 8)), last_seen: (place != 2).then(|| ago(30 + 100 * place as i64)), owner: words.some(OWNERS[place]) }).collect(),
        silent_total: 5,
        stale_total: 1,
        stale_sources: vec![StaleSource { name: words.say("csaf/suse"), text: words.say("the newest record is 9 days old, the limit is 3 days"), newest: Some(ago(216)) }],
        pending: pending(words),
        flagged: vec![FlaggedHost { id: words.say(&id(17)), name: words.say(&host_name(17)), flag: words.say("the same key was used from two machines within a minute") }],
        alerts: Some(super::alerts(words).rows),
        reboots: 7,
        excepted: words.figure(3),
        deadlines: [("critical", 12, 4, 9), ("high", 88, 31, 14), ("medium", 340, 22, 3), ("low", 190, 0, 0)]
            .map(|(priority, within, approaching, exceeded)| DeadlineBar { priority: words.say(priority), within, approaching, exceeded })
            .into(),
        fleet: strip(words),
        triage: triage_lines(words),
        triage_total: words.figure(12),
        exposure: exposure(words),
    }
}

/// Two months, the first of which was made from the journal.
fn exposure(words: &Words) -> ExposurePicture {
    let day = |place: u64| ExposureDay {
        day: words.say(&ago(24 * (60 - i64::try_from(place).unwrap_or_default())).strftime("%Y-%m-%d").to_string()),
        priorities: [9 + place % 7, 60 + place * 2, 300 - place, 190 + place % 5, 3].map(|count| words.figure(count)),
        deadlines: (place >= 30).then(|| [9 + place % 7, 40 + place % 11, 500 - place, 4].map(|count| words.figure(count))),
    };
    ExposurePicture { days: (0..60).map(day).collect(), trouble: None }
}

pub(in crate::console) fn quiet_today(words: &Words) -> Today {
    Today {
        last_look: None,
        overdue: Work::default(),
        due_soon: Work::default(),
        new: vec![],
        new_total: 0,
        silent: vec![],
        silent_total: 0,
        stale_total: 0,
        stale_sources: vec![],
        pending: vec![],
        flagged: vec![],
        alerts: Some(vec![]),
        reboots: 0,
        excepted: 0,
        deadlines: vec![],
        triage: vec![],
        triage_total: 0,
        exposure: ExposurePicture { days: exposure(words).days.split_off(59), trouble: None },
        policy_in_force: false,
        ..today(words)
    }
}

pub(in crate::console) fn first_today(words: &Words) -> Today {
    Today { fleet: FleetStrip::default(), policy_in_force: true, ..quiet_today(words) }
}

fn update(words: &Words, package: &str, candidate: &str, held_by: Option<&str>, reboot: bool) -> Update {
    Update {
        package: words.say(package),
        arch: words.say("amd64"),
        installed: words.some("3.0.15-1~deb12u1"),
        candidate: words.say(candidate),
        security: true,
        origin: words.say("Debian-Security:12/oldstable-security"),
        new: reboot,
        held_by: held_by.map(|held| words.say(held)),
        reboot,
        size: Some(1_432_776),
        advisories: words.all(&["DSA-6015-1", "DSA-5998-1", "DSA-5990-1"]),
        due: Some(ago(75)),
        ..Update::default()
    }
}

pub(in crate::console) fn updates(words: &Words) -> Vec<Update> {
    vec![
        update(words, "openssl", "3.0.17-1~deb12u3", Some("hold"), false),
        update(words, "linux-image-6.1.0-41-amd64", "6.1.158-1", None, true),
        update(words, "libgnutls30", "3.7.9-2+deb12u5", None, false),
    ]
}

fn hardware(words: &Words) -> Hardware {
    Hardware {
        vendor: words.some("Dell Inc."),
        product: words.some("PowerEdge R650"),
        serial: words.some("7XK2M93"),
        firmware: words.some("Dell 1.14.2"),
        firmware_date: words.some("2024-06-11"),
        processor: words.some("Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz"),
        processors: Some(64),
        microcode: words.some("0xd0003e7"),
        memory_kib: Some(words.figure(263_845_992)),
        virtualisation: words.some("kvm"),
        processor_vulnerabilities: vec![(words.say("meltdown"), words.say("Not affected")), (words.say("spectre_v2"), words.say("Mitigation: Enhanced IBRS"))],
        devices: vec![Device { class: words.say("disk"), name: words.say("nvme0n1"), model: words.some("Samsung PM9A3"), firmware: words.some("GDC7102Q"), firmware_available: words.some("GDC7302Q"), size: Some(1_920_383_410_176), ..Device::default() }],
    }
}

fn story(words: &Words) -> Vec<StoryEvent> {
    [
        (2, StoryKind::Opened, "DSA-6060-1 opened on libwebkit2gtk-4.1-0 2.48.5-1~deb12u1", None, Some("/console/advisories/DSA-6060-1")),
        (31, StoryKind::Person, "owner changed from nobody to platform team", Some("Ingrid Solheim"), Some("javascript:alert(1)")),
        (52, StoryKind::Closed, "DSA-6048-1 closed: redis 5:7.0.15-1~deb12u6 holds the fix", None, None),
        (52, StoryKind::Changed, "14 packages updated, 1 added", None, None),
        (53, StoryKind::Booted, "started with kernel 6.1.0-40-amd64", None, None),
        (140, StoryKind::Contact, "silent for 6 hours, then back", None, None),
    ]
    .into_iter()
    .map(|(hours, kind, text, actor, link)| StoryEvent { at: ago(hours), kind, text: words.say(text), actor: actor.map(|actor| words.say(actor)), link: link.map(|link| words.say(link)) })
    .collect()
}

pub(in crate::console) fn host(words: &Words) -> HostPage {
    HostPage {
        row: HostRow { condition: Condition::Overdue, ..host_row(words, 17) },
        labels: [(words.say("role"), words.say("edge")), (words.say("rack"), words.say("H2-R3"))].into(),
        enrolled: ago(24 * 190),
        reported: Some(ago(1)),
        report: words.some("9f2b0c5a6d7e8f90112233445566778899aabbccddeeff00112233445566778899"),
        key: words.some("6f1e2b9077aa41cd0be493f25d6018c7"),
        agent: words.some("plimsoll-agent 0.2.0"),
        os: Some(OperatingSystem {
            id: words.say("debian"),
            version: words.say("12"),
            name: words.say("Debian GNU/Linux 12 (bookworm)"),
            stream: Some(Stream::release("debian", "12")),
            arch: words.some("amd64"),
            ..OperatingSystem::default()
        }),
        kernel: Some(Kernels {
            running: words.some("6.1.0-40-amd64"),
            own: false,
            installed: ["6.1.0-40-amd64", "6.1.0-41-amd64"].map(|release| InstalledKernel { release: words.say(release), package: words.say("linux-image"), version: words.say("6.1.153-1") }).into(),
            next: words.some("6.1.0-41-amd64"),
        }),
        reboot: Some(RebootPending { pending: Some(true), because: words.all(&["the kernel that starts next is not the one that runs", "12 processes map deleted libraries"]), booted: Some(ago(53)) }),
        hardware: Some(hardware(words)),
        repositories: vec![
            Repository { id: words.say("deb.debian.org/debian bookworm main"), url: words.say("http://deb.debian.org/debian"), suite: words.some("oldstable"), codename: words.some("bookworm"), date: Some(ago(300)), trusted: Some(true), ..Repository::default() },
            Repository { id: words.say("mirror.nordwerft.example/internal ./"), url: words.say("http://mirror.nordwerft.example/internal"), date: Some(ago(24 * 400)), valid_until: Some(ago(24 * 300)), trusted: Some(false), ..Repository::default() },
        ],
        coverage: Coverage { components: 612, evaluated: 604, stale: 12, unsupported: 0, not_covered: 8, streams: vec![] },
        findings: core_findings(words),
        findings_total: 61,
        updates: Some(updates(words)),
        problems: vec![words.problem()],
        story: story(words),
        story_goes_on: true,
        scanners: vec![
            HostScanner { name: words.say("Trivy 0.74.0"), moment: ago(20), database: Some(ago(30)), there: words.figure(12), digest: words.say("6f1e2b9077aa41cd0be493f25d6018c7") },
            HostScanner { name: words.say("OSV-Scanner"), moment: ago(24 * 9), database: None, there: 0, digest: words.say("9f2b0c5a6d7e8f90112233445566778899") },
        ],
        triage: Some(triage_item(words, 2)),
        mitigations: vec![HostMitigation { id: words.say("01kmitigation"), advisories: words.all(&["DSA-6060-1"]), done: words.say("The port is closed."), to_remove: true }],
        exceptions: vec![HostException {
            advisory: words.say("DSA-6060-1"),
            component: words.say("libwebkit2gtk-4.1-0"),
            text: words.say("Excepted until 2026-12-24T10:00:00Z by per, ingrid: put off to a new date."),
        }],
        applications: vec![(words.say("01kapp"), words.say("Shop front"))],
        exposure: exposure(words),
    }
}

pub(in crate::console) fn fresh_host(words: &Words) -> HostPage {
    HostPage {
        exposure: ExposurePicture::default(),
        row: HostRow { condition: Condition::Unknown, findings: None, overdue: None, updates: None, security_updates: None, due: None, reboot: None, coverage: None, flag: None, os: None, last_seen: None, ..host_row(words, 9) },
        reported: None,
        report: None,
        os: None,
        kernel: None,
        reboot: None,
        hardware: None,
        repositories: vec![],
        coverage: Coverage::default(),
        findings: vec![],
        findings_total: 0,
        updates: None,
        problems: vec![],
        story: vec![],
        story_goes_on: false,
        exceptions: vec![],
        scanners: vec![],
        triage: None,
        mitigations: vec![],
        labels: Default::default(),
        applications: vec![],
        ..host(words)
    }
}

fn brief(words: &Words, place: usize) -> HostBrief {
    HostBrief { id: words.say(&id(place)), name: words.say(&host_name(place)), os: words.some(SYSTEMS[place % 5]), packages: 612 - place as u64, reported: Some(ago(1)), condition: condition(place) }
}

pub(in crate::console) fn compare(words: &Words) -> Compare {
    let pair = |name: &str, version: &str| (words.say(name), words.say(version));
    Compare {
        choices: (0..20).map(|place| Choice { value: words.say(&host_name(place)), text: words.say(SYSTEMS[place % 5]), count: None }).collect(),
        left: Some(brief(words, 8)),
        right: Some(brief(words, 6)),
        only_left: vec![pair("php8.2-fpm", "8.2.29-1~deb12u1"), pair("redis-server", "5:7.0.15-1~deb12u6")],
        only_right: vec![pair("postgresql-15", "15.14-0+deb12u1")],
        differ: vec![
            Difference { name: words.say("openssl"), left: words.say("3.0.15-1~deb12u1"), right: words.say("3.0.17-1~deb12u3"), newer: Newer::Right },
            Difference { name: words.say("libc6:amd64"), left: words.say("2.36-9+deb12u13"), right: words.say("2.36-9+deb12u10"), newer: Newer::Left },
            Difference { name: words.say("nginx"), left: words.say("1.22.1-9+deb12u3"), right: words.say("2:1.20.1-22.el9_6.3"), newer: Newer::CannotTell },
        ],
        same: 574,
    }
}

pub(in crate::console) fn nothing_to_compare(words: &Words) -> Compare {
    Compare { left: Some(brief(words, 8)), right: None, ..compare(words) }
}

pub(in crate::console) fn groups(words: &Words) -> Groups {
    Groups { rows: group_rows(words), clients: words.choices(&[("nordwerft", "Nordwerft"), ("havn", "Havn Logistikk")]) }
}

pub(in crate::console) fn no_groups() -> Groups {
    Groups { rows: vec![], clients: vec![] }
}

pub(in crate::console) fn group(words: &Words, place: usize) -> GroupPage {
    let row = group_rows(words).swap_remove(place);
    GroupPage {
        named: (place == 2).then(|| words.all(&["web-1.example", "web-2.example"]).join("\n")),
        row,
        note: words.say("what customers reach first"),
        client: words.some("Nordwerft"),
        changes: true,
        hosts: listing(&lists::GROUP_HOSTS, "/console/groups/01kgroup", "", hosts(words, "").list.rows, vec![]),
    }
}

fn group_rows(words: &Words) -> Vec<GroupRow> {
    [("production", "environment = prod", 41), ("web", "label.role = web, environment = prod", 12), ("the lab", "", 3)]
        .into_iter()
        .zip(0u64..)
        .map(|((name, query, hosts), place)| GroupRow { id: words.say(&id(place as usize)), name: words.say(name), query: if query.is_empty() { String::new() } else { words.say(query) }, hosts, overdue: 3 - place, unknown: place, findings: hosts * 37, due: (place != 2).then(|| ahead(40)) })
        .collect()
}
