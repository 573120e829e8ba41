use super::*;
use plimsoll_core::operations::status::{Point, Status};
use crate::console::lists;
use jiff::civil::date;
use plimsoll_core::model::advisory::{AdvisoryKind, Rating, Workaround};
use plimsoll_core::model::because::{Because, BecauseKind};
use plimsoll_core::model::finding::{Finding, FindingComponent, Fix, SeverityChosen, State};
use plimsoll_core::model::obligation::{Obligation, Verdict};
use plimsoll_core::model::statement::{Statement, VexStatus};
use plimsoll_core::model::threat::{Epss, Exploitation, Kev, Ssvc, TechnicalImpact};

pub(in crate::console) fn kev(words: &Words) -> Kev {
    Kev { date_added: date(2025, 9, 29), due_date: Some(date(2025, 10, 20)), ransomware: true, name: words.say("OpenSSL Out-of-Bounds Read"), action: words.say("Apply mitigations per vendor instructions or stop using the product.") }
}

pub(in crate::console) fn epss() -> Epss {
    Epss { score: 0.8734, percentile: 0.991, date: date(2026, 11, 21) }
}

fn workaround(words: &Words) -> Workaround {
    Workaround { kind: words.say("workaround"), text: words.say("Do not use password-based encryption in CMS messages from strangers."), url: words.some("https://openssl-library.org/news/secadv/20250930.txt") }
}

fn obligation(words: &Words, rule: &str, verdict: Verdict, due: Option<Timestamp>) -> Obligation {
    Obligation { rule: words.say(rule), clock: words.say("fix_released"), clock_start: due.map(|_| ago(24 * 17)), due, verdict, done: words.some("effective"), used_percent: due.map(|_| 121), also: words.all(&["forensic triage first"]) }
}

fn finding(words: &Words, advisory: &str, name: &str, rating: Rating, state: State, available: Option<bool>) -> Finding {
    let verdict = if rating == Rating::Critical { Verdict::Overdue } else { Verdict::OpenInTime };
    let due = if rating == Rating::Critical { ago(75) } else { ahead(24 * 9) };
    Finding {
        advisory: words.say(advisory),
        aliases: words.all(&["CVE-2025-9230", "CVE-2025-9231", "CVE-2025-9232", "CVE-2025-11187", "CVE-2025-15467"]),
        kind: AdvisoryKind::Security,
        summary: words.say("an out-of-bounds read and write in the unwrapping of password-encrypted messages"),
        component: FindingComponent { purl: words.say("pkg:deb/debian/openssl@3.0.15-1~deb12u1"), name: words.say(name), version: words.say("3.0.15-1~deb12u1"), arch: words.some("amd64"), source: words.some("openssl"), source_version: None },
        fixed_version: (available.is_some()).then(|| words.say("3.0.17-1~deb12u3")),
        state,
        detail: (available.is_none()).then(|| words.say("postponed")),
        fix: Fix { available, version: words.some("3.0.17-1~deb12u3"), origin: words.some("Debian-Security:12/oldstable-security") },
        severity: SeverityChosen { rating, score: Some(9.8), vector: words.some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), source: words.some("nvd") },
        kev: (rating == Rating::Critical).then(|| kev(words)),
        epss: Some(epss()),
        ssvc: None,
        workarounds: if rating == Rating::Critical { vec![workaround(words)] } else { vec![] },
        published: Some(ago(24 * 18)),
        fix_released: Some(ago(24 * 17)),
        first_seen: Some(ago(24 * 17)),
        priority: None,
        obligations: vec![obligation(words, "samm/critical-exploited", verdict, Some(due)), obligation(words, "bsi/open-to-the-internet", Verdict::Unknown, None)],
        due: Some(due),
        because: vec![
            Because::new(BecauseKind::Version, words.say("3.0.15-1~deb12u1 is older than 3.0.17-1~deb12u3, the first fixed version in debian:12")),
            Because::new(BecauseKind::Source, words.say("osv/Debian of 2026-11-21, digest 9b1c…")),
            Because::assumed(words.say("exposure is not said; open is assumed")),
        ],
        sources: words.all(&["osv/Debian", "kev", "epss"]),
    }
}

pub(in crate::console) fn core_findings(words: &Words) -> Vec<Finding> {
    vec![
        finding(words, "DSA-6015-1", "openssl", Rating::Critical, State::Affected, Some(true)),
        finding(words, "DSA-6060-1", "libwebkit2gtk-4.1-0", Rating::High, State::Affected, Some(false)),
        finding(words, "CVE-2025-8058", "libc6", Rating::Medium, State::Affected, None),
        finding(words, "end-of-support:debian:11", "debian", Rating::Unknown, State::Unsupported, None),
    ]
}

fn row(words: &Words, place: usize) -> FindingRow {
    let ratings = [Rating::Critical, Rating::High, Rating::Medium, Rating::Low, Rating::Unknown, Rating::None];
    let hosts = 41 - place as u64 % 40;
    FindingRow {
        advisory: words.say(&format!("DSA-{}-1", 6060 - place)),
        aliases: words.all(&["CVE-2025-9230", "CVE-2025-9231", "CVE-2025-9232", "CVE-2025-11187"]),
        summary: words.say("an out-of-bounds read and write in the unwrapping of password-encrypted messages"),
        packages: words.all(&["openssl", "libssl3", "libssl-dev", "libssl-doc", "openssl-provider-legacy"]),
        rating: ratings[place % 6],
        score: (place % 6 < 4).then_some(9.8 - place as f32 % 7.0),
        exploited: place.is_multiple_of(5),
        epss: (place % 4 != 3).then_some(0.0004 + 0.11 * (place % 9) as f32),
        hosts,
        overdue: if place < 3 { hosts / 2 } else { 0 },
        excepted: if place == 7 { hosts } else { 0 },
        fix_offered: match place % 3 { 0 => hosts, 1 => hosts / 3, _ => 0 },
        due: (place % 7 != 6).then(|| ahead(24 * (place as i64 - 3))),
        verdict: match place { 0..3 => Verdict::Overdue, 3 | 4 => Verdict::DueSoon, 6 => Verdict::NotApplicable, 7 => Verdict::Excepted, _ => Verdict::OpenInTime },
        first_seen: Some(ago(24 * place as i64 + 3)),
    }
}

pub(in crate::console) fn findings(words: &Words, query: &str, rows: usize) -> Listing<FindingRow> {
    listing(&lists::FINDINGS, lists::FINDINGS.path, query, (0..rows).map(|place| row(words, place)).collect(), facets(words))
}

pub(in crate::console) fn advisory(words: &Words) -> AdvisoryPage {
    let acts = [
        (State::Affected, ActionKind::Update, "Update openssl to 3.0.17-1~deb12u3"),
        (State::Affected, ActionKind::Enable, "Enable the repository esm-infra, then update to 3.0.2-0ubuntu1.20+esm1"),
        (State::Fixed, ActionKind::Restart, "Restart: 12 processes still use the old library"),
        (State::Affected, ActionKind::Mitigate, "No fix is released; the vendor names a workaround"),
        (State::Unknown, ActionKind::Look, "Look: the version cannot be read"),
        (State::Fixed, ActionKind::Nothing, "Nothing: 3.0.17-1~deb12u3 holds the fix"),
        (State::NotAffected, ActionKind::Nothing, "Nothing: the vulnerable code is not in this build"),
    ];
    let rows = acts
        .into_iter()
        .enumerate()
        .map(|(place, (state, kind, text))| AffectedHost {
            id: words.say("01khost"),
            name: words.say(&host_name(place)),
            package: words.say("openssl"),
            version: words.say("3.0.15-1~deb12u1"),
            fixed_version: (place != 3).then(|| words.say("3.0.17-1~deb12u3")),
            state,
            action: Action { kind, text: words.say(text) },
            due: (place < 4).then(|| ahead(24 * (place as i64 - 2))),
            verdict: match place {
                0 | 1 => Verdict::Overdue,
                3 => Verdict::Excepted,
                _ => Verdict::OpenInTime,
            },
            exception: (place == 3).then(|| words.say("Excepted until 2026-12-24T10:00:00Z by per, ingrid: no fix is available.")),
            owner: (place != 2).then(|| words.say("platform team")),
        })
        .collect();
    AdvisoryPage {
        asked: words.say("CVE-2025-9230"),
        records: vec![record(words, "DSA-6015-1", "osv/Debian"), record(words, "CVE-2025-9230", "cvelist")],
        rating: Rating::Critical,
        score: Some((9.8, words.say("nvd"))),
        kev: Some(kev(words)),
        epss: Some(epss()),
        ssvc: Some(Ssvc { exploitation: Some(Exploitation::Active), automatable: Some(true), technical_impact: Some(TechnicalImpact::Total) }),
        counts: StateCounts { affected: 23, fixed: 30, not_affected: 2, unknown: 1, unsupported: 1, absent: 0 },
        hosts: listing(&lists::AFFECTED, "/console/advisories/CVE-2025-9230", "", rows, facets(words)),
        statements: vec![Statement { vulnerabilities: words.all(&["CVE-2025-9230"]), products: words.all(&["pkg:oci/shop-front?tag=4.2"]), status: VexStatus::NotAffected, justification: words.some("vulnerable_code_not_in_execute_path"), text: words.some("CMS is not used."), timestamp: Some(ago(300)), document: words.say("shop-front-2026-11.openvex.json"), author: words.say("Shop team") }],
    }
}

fn record(words: &Words, id: &str, source: &str) -> AdvisoryRecord {
    AdvisoryRecord {
        id: words.say(id),
        source: words.say(source),
        kind: AdvisoryKind::Security,
        summary: words.say("openssl: out-of-bounds read and write in RFC 3211 KEK unwrap"),
        details: words.say("An application that decrypts CMS messages encrypted with a password can be made to read and write outside a buffer.\n\nThe likelihood is thought to be low: such messages are rare.\n\nFIPS modules are not affected."),
        published: Some(ago(24 * 52)),
        modified: Some(ago(24 * 30)),
        withdrawn: None,
        severities: words.all(&["CVSS 3.1 7.5 high (CISA)", "moderate (OpenSSL)"]),
        fixes: vec![(words.say("debian:12"), words.say("openssl"), words.say("3.0.17-1~deb12u3")), (words.say("debian:13"), words.say("openssl"), words.say("3.5.1-1+deb13u1"))],
        workarounds: vec![workaround(words)],
        references: words.all(&["https://www.debian.org/security/2025/dsa-6015", "javascript:alert(document.domain)"]),
    }
}

pub(in crate::console) fn unknown_advisory(words: &Words) -> AdvisoryPage {
    AdvisoryPage { asked: words.say("CVE-2026-99999"), records: vec![], rating: Rating::Unknown, score: None, kev: None, epss: None, ssvc: None, counts: StateCounts { absent: 57, ..StateCounts::default() }, hosts: listing(&lists::AFFECTED, "/console/advisories/CVE-2026-99999", "", vec![], vec![]), statements: vec![] }
}

pub(in crate::console) fn packages(words: &Words, query: &str, rows: usize) -> Listing<PackageRow> {
    let names = ["openssl", "linux-image-amd64", "libgnutls30", "nginx", "sudo", "libwebkit2gtk-4.1-0", "golang-1.24-go"];
    let rows = (0..rows)
        .map(|place| PackageRow {
            stream: words.say(["debian:12", "ubuntu:24.04", "almalinux:9"][place % 3]),
            name: words.say(names[place % 7]),
            candidate: (place != 5).then(|| words.say("3.0.17-1~deb12u3")),
            origin: (place != 5).then(|| words.say("Debian-Security:12/oldstable-security")),
            security: place % 2 == 0,
            reboot: place == 1,
            hosts: 41 - place as u64 % 41,
            held: place as u64 % 3,
            versions: place as u64 % 4 + 1,
            advisories: words.all(&["DSA-6015-1", "DSA-5998-1", "DSA-5990-1", "DSA-5980-1"]),
            due: (place % 5 != 4).then(|| ahead(24 * (place as i64 - 2))),
        })
        .collect();
    listing(&lists::PACKAGES, lists::PACKAGES.path, query, rows, facets(words))
}

pub(in crate::console) fn package(words: &Words) -> PackagePage {
    let rows = (0..8)
        .map(|place| PackageHost { id: words.say("01khost"), name: words.say(&host_name(place)), version: words.say("3.0.15-1~deb12u1"), candidate: (place != 3).then(|| words.say("3.0.17-1~deb12u3")), held_by: (place == 1).then(|| words.say("hold")), findings: (place != 4).then_some(place as u64 % 3), due: (place != 3).then(|| ahead(30)) })
        .collect();
    let mut hosts = listing(&lists::PACKAGE_HOSTS, "/console/packages/debian:12/openssl", "", rows, facets(words));
    hosts.before = words.some("Zmlyc3Q=");
    hosts.after = words.some("dGhpcmQ=");
    hosts.total = None;
    PackagePage {
        stream: words.say("debian:12"),
        name: words.say("openssl"),
        source: words.some("openssl"),
        versions: vec![
            PackageVersion { version: words.say("3.0.17-1~deb12u3"), hosts: 30, findings: Some(0), newest: true },
            PackageVersion { version: words.say("3.0.15-1~deb12u1"), hosts: 22, findings: Some(3), newest: false },
            PackageVersion { version: words.say("3.0.11-1~deb12u2+local1"), hosts: 1, findings: None, newest: false },
        ],
        updates: vec![PackageUpdate { candidate: words.say("3.0.17-1~deb12u3"), origin: words.say("Debian-Security:12/oldstable-security"), security: true, hosts: 23, advisories: words.all(&["DSA-6015-1", "DSA-5998-1"]), due: Some(ago(75)) }],
        hosts,
    }
}

fn application_row(words: &Words, place: usize) -> ApplicationRow {
    let bill = place != 2;
    ApplicationRow { id: words.say("01kapp"), name: words.say(["Shop front", "Container yard planning (Yardstick)", "Payroll"][place % 3]), owner: words.some("Ragnhild Østergård-Hämäläinen"), team: words.some("Shop"), hosts: 6 - place as u64, components: bill.then_some(1432), findings: bill.then_some(17), overdue: bill.then_some(2 - place as u64), due: bill.then(|| ahead(50)), condition: Condition::ALL[place % 5] }
}

pub(in crate::console) fn applications(words: &Words, rows: usize) -> Applications {
    let rows = (0..rows).map(|place| application_row(words, place)).collect();
    Applications { list: listing(&lists::APPLICATIONS, lists::APPLICATIONS.path, "", rows, facets(words)), clients: words.choices(&[("nordwerft", "Nordwerft"), ("havn", "Havn Logistikk")]) }
}

pub(in crate::console) fn application(words: &Words) -> ApplicationPage {
    let finding = |place: usize| ApplicationFinding {
        advisory: words.say(["GHSA-7q5r-2m9x-wv4c", "CVE-2026-31337"][place % 2]),
        summary: words.say("Prototype pollution in the merge of nested options"),
        component: words.say("@nordwerft/merge-options"),
        version: words.say("4.17.20"),
        fixed: (place != 1).then(|| words.say("4.17.21")),
        state: plimsoll_core::model::finding::State::Affected,
        rating: plimsoll_core::model::advisory::Rating::High,
        exploited: place == 0,
        due: (place != 2).then(|| ahead(50)),
        verdict: plimsoll_core::model::obligation::Verdict::DueSoon,
    };
    ApplicationPage {
        row: application_row(words, 0),
        note: words.say("What customers see. Runs behind the proxies in Oslo and Hamburg."),
        stakeholders: words.all(&["Per Lindqvist <per.lindqvist@nordwerft.example>", "customer service"]),
        bill: Some(ApplicationBill { format: words.say("CycloneDX 1.6 JSON"), digest: words.say("77aa41cd0be493f25d6018c776f1e2b9077aa41cd0be493f25d6018c76f1e2b9"), judged: true, coverage: Coverage { components: 1432, evaluated: 1390, stale: 0, unsupported: 3, not_covered: 42, streams: vec![] }, problems: vec![words.problem()] }),
        findings: (0..3).map(finding).collect(),
        findings_total: 3,
        group: Some((words.say("01kgroup"), words.say("web"))),
        hosts: (0..4).map(|place| host_row(words, place)).collect(),
        hosts_more: 2,
        status: application_status(words),
        edit: Some(ApplicationEdit { named: words.all(&["web-1.example", "web-2.example"]).join("\n"), groups: words.choices(&[("01kgroup", "web"), ("01kother", "production")]) }),
    }
}

fn application_status(words: &Words) -> Status {
    let lines = |some: &[&str]| words.all(some);
    Status {
        schema: Status::SCHEMA,
        application: words.say("shop"),
        client: words.say("Nordwerft"),
        owner: words.say("ola"),
        team: words.say("shop"),
        stakeholders: vec![],
        as_of: now(),
        hosts: 6,
        hosts_unknown: 1,
        open: 12,
        overdue: 1,
        due: Some(ahead(50)),
        components: true,
        last_briefing: Some((ago(24 * 30), words.say("How we patch (process)"))),
        last_meeting: Some(ago(24 * 40)),
        next_meeting: Some(ago(24 * 9)),
        points: vec![
            Point::new("Past changes", "Nothing was changed by a rollout since.", lines(&["OpenSSL, known exploited: started 2026-11-02, 5 of 6 hosts have it"])),
            Point::new("Failures", "No change failed since.", vec![]),
            Point::new("Due patches", "Nothing is due within ninety days.", lines(&["CVE-2026-31337 was due 2026-11-20 on 1 host", "GHSA-7q5r-2m9x-wv4c is due 2026-11-24 in its own components"])),
        ],
    }
}

pub(in crate::console) fn bare_application(words: &Words) -> ApplicationPage {
    ApplicationPage { row: application_row(words, 2), note: String::new(), stakeholders: vec![], bill: None, findings: vec![], findings_total: 0, group: None, hosts: vec![], hosts_more: 0, status: Status { last_briefing: None, last_meeting: None, next_meeting: None, points: vec![], ..application_status(words) }, edit: None }
}
