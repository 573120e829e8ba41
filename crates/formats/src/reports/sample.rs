//! A scan made by hand with a finding in every state, updates, warnings and
//! hostile names, for the tests of every format.

use plimsoll_core::model::advisory::{AdvisoryKind, Rating, Workaround};
use plimsoll_core::model::because::{Because, BecauseKind};
use plimsoll_core::model::component::{Component, ComponentKind, KernelRole, Scope};
use plimsoll_core::model::finding::{Finding, FindingComponent, Fix, SeverityChosen, State};
use plimsoll_core::model::host::{
    Device, Hardware, Host, InstalledKernel, Kernels, OperatingSystem, RebootPending, Repository, Target,
};
use plimsoll_core::model::obligation::{Obligation, Verdict};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::{Coverage, Database, PolicyInForce, Scan, StreamCoverage};
use plimsoll_core::model::source::{Source, SourceTrouble, SourceWarning};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::threat::{Epss, Exploitation, Kev, Ssvc, TechnicalImpact};
use plimsoll_core::model::update::Update;

/// A name with everything that some format could take for its own.
pub(super) const HOSTILE: &str = "=cmd|' /C calc'!A0<script>alert(1)</script>|x`*_[a](http://evil)\u{1b}[31m\u{202e}\n{0}\"'; DROP TABLE x;--../../etc/passwd@all";

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn component(purl: &str, stream: Option<&str>, name: &str, version: &str) -> Component {
    Component {
        purl: purl.to_owned(),
        stream: stream.map(Stream::from_stored),
        name: name.to_owned(),
        version: version.to_owned(),
        ..Component::default()
    }
}

fn components() -> Vec<Component> {
    let openssl = Component {
        arch: Some("amd64".into()),
        source: Some("openssl".into()),
        source_version: Some("3.0.11-1~deb12u2".into()),
        vendor: Some("Debian".into()),
        origin: Some("Debian".into()),
        held: true,
        licence: Some("Apache-2.0".into()),
        ..component("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12", Some("debian:12"), "libssl3", "3.0.11-1~deb12u2")
    };
    let kernel = Component {
        kind: ComponentKind::Kernel,
        kernel: Some(KernelRole::Running),
        ..component("pkg:deb/debian/linux-image-6.1.0-13-amd64@6.1.55-1", Some("debian:12"), "linux-image-6.1.0-13-amd64", "6.1.55-1")
    };
    let library = Component {
        kind: ComponentKind::Library,
        scope: Scope::Development,
        locations: vec!["srv/a b/pom.xml".into()],
        module: Some("m:1".into()),
        ..component("pkg:maven/org.acme/lib@1.0", Some("maven"), "org.acme:lib", "1.0")
    };
    vec![
        openssl,
        kernel,
        library.clone(),
        library,
        Component { kind: ComponentKind::Application, ..component("", None, HOSTILE, "") },
    ]
}

fn finding(advisory: &str, component: &Component, state: State) -> Finding {
    Finding {
        advisory: advisory.to_owned(),
        aliases: Vec::new(),
        kind: AdvisoryKind::Security,
        summary: String::new(),
        component: FindingComponent::from(component),
        fixed_version: None,
        state,
        detail: None,
        fix: Fix::default(),
        severity: SeverityChosen::default(),
        kev: None,
        epss: None,
        ssvc: None,
        workarounds: Vec::new(),
        published: None,
        fix_released: None,
        first_seen: None,
        priority: None,
        obligations: Vec::new(),
        due: None,
        because: Vec::new(),
        sources: vec!["osv/Debian".into()],
    }
}

fn obligation(rule: &str, due: Option<&str>, verdict: Verdict) -> Obligation {
    Obligation {
        rule: rule.to_owned(),
        clock: "fix_released".to_owned(),
        clock_start: due.map(|_| at("2026-03-01T00:00:00Z")),
        due: due.map(at),
        verdict,
        done: Some("effective".into()),
        used_percent: due.map(|_| 120),
        also: vec!["forensic triage first".into()],
    }
}

fn urgent(openssl: &Component) -> Finding {
    Finding {
        aliases: vec!["CVE-2024-0001".into(), "CVE-2024-0002".into()],
        summary: "openssl: buffer overflow <b>&|".into(),
        fixed_version: Some("3.0.13-1~deb12u1".into()),
        detail: Some("postponed".into()),
        fix: Fix { available: Some(true), version: Some("3.0.15-1~deb12u1".into()), origin: Some("Debian-Security:12".into()) },
        severity: SeverityChosen {
            rating: Rating::Critical,
            score: Some(9.8),
            vector: Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into()),
            source: Some("nvd".into()),
        },
        kev: Some(Kev {
            date_added: "2026-02-01".parse().unwrap(),
            due_date: Some("2026-02-22".parse().unwrap()),
            ransomware: true,
            name: "OpenSSL overflow".into(),
            action: "Apply updates".into(),
        }),
        epss: Some(Epss { score: 0.97531, percentile: 0.999, date: "2026-03-30".parse().unwrap() }),
        ssvc: Some(Ssvc {
            exploitation: Some(Exploitation::Active),
            automatable: Some(true),
            technical_impact: Some(TechnicalImpact::Total),
        }),
        workarounds: vec![Workaround { kind: "mitigation".into(), text: "Disable TLS 1.0".into(), url: Some("https://a.example/w".into()) }],
        published: Some(at("2026-03-01T00:00:00Z")),
        fix_released: Some(at("2026-03-01T00:00:00Z")),
        first_seen: Some(at("2026-03-02T00:00:00Z")),
        priority: None,
        obligations: vec![
            obligation("samm/critical", Some("2026-03-03T00:00:00Z"), Verdict::Overdue),
            obligation("bod/kev", None, Verdict::Unknown),
        ],
        due: Some(at("2026-03-03T00:00:00Z")),
        because: vec![
            Because::new(BecauseKind::Version, "3.0.11-1~deb12u2 is before 3.0.13-1~deb12u1"),
            Because::assumed("exposure is unknown and taken as internet"),
        ],
        ..finding("DSA-5998-1", openssl, State::Affected)
    }
}

fn findings(components: &[Component]) -> Vec<Finding> {
    let [openssl, kernel, library, _, odd] = components else { panic!("five components") };
    vec![
        urgent(openssl),
        Finding {
            fixed_version: Some("6.1.99".into()),
            fix: Fix { available: Some(false), version: Some("6.1.99-1".into()), origin: None },
            severity: SeverityChosen { rating: Rating::Low, score: Some(3.1), vector: Some("AV:L/AC:H/Au:N/C:P/I:N/A:N".into()), source: None },
            detail: Some("wont-fix".into()),
            ..finding("CVE-2024-0003", kernel, State::Affected)
        },
        Finding { summary: HOSTILE.into(), ..finding(HOSTILE, odd, State::Unknown) },
        Finding { kind: AdvisoryKind::Unmaintained, ..finding("end-of-support:debian:12", kernel, State::Unsupported) },
        Finding {
            because: vec![Because::new(BecauseKind::Statement, "ACME says not affected: vulnerable_code_not_present")],
            ..finding("GHSA-aaaa-bbbb-cccc", library, State::NotAffected)
        },
        Finding {
            obligations: vec![obligation("samm/high", Some("2026-03-08T00:00:00Z"), Verdict::ClosedLate)],
            ..finding("DSA-1-1", openssl, State::Fixed)
        },
    ]
}

fn host() -> Host {
    Host {
        name: "db1 <b>".into(),
        target: Target::Root,
        os: Some(OperatingSystem {
            id: "debian".into(),
            version: "12".into(),
            codename: Some("bookworm".into()),
            name: "Debian GNU/Linux 12 (bookworm)".into(),
            stream: Some(Stream::from_stored("debian:12")),
            arch: Some("amd64".into()),
            ..OperatingSystem::default()
        }),
        kernel: Some(Kernels {
            running: Some("6.1.0-13-amd64".into()),
            own: true,
            installed: vec![InstalledKernel { release: "6.1.0-13-amd64".into(), package: "linux-image-6.1.0-13-amd64".into(), version: "6.1.55-1".into() }],
            next: None,
        }),
        reboot: Some(RebootPending { pending: Some(true), because: vec!["libc6 was updated".into()], booted: Some(at("2026-01-01T00:00:00Z")) }),
        repositories: vec![Repository { id: "debian.example bookworm main".into(), url: "http://debian.example".into(), trusted: Some(true), ..Repository::default() }],
        hardware: Some(Hardware {
            vendor: Some("ACME".into()),
            memory_kib: Some(1_048_576),
            processor_vulnerabilities: vec![("meltdown".into(), "Mitigation: PTI".into())],
            devices: vec![Device { class: "disk".into(), name: "sda".into(), size: Some(1 << 30), ..Device::default() }],
            ..Hardware::default()
        }),
        subscriptions: Some(Vec::new()),
    }
}

fn updates() -> Vec<Update> {
    vec![
        Update {
            package: "libssl3".into(),
            arch: "amd64".into(),
            installed: Some("3.0.11-1~deb12u2".into()),
            candidate: "3.0.15-1~deb12u1".into(),
            security: true,
            origin: "Debian-Security:12/stable-security".into(),
            source: Some("openssl".into()),
            source_version: Some("3.0.15-1~deb12u1".into()),
            size: Some(2_000_000),
            sha256: Some("00".repeat(32)),
            advisories: vec!["DSA-5998-1".into()],
            obligations: vec![obligation("samm/critical", Some("2026-03-03T00:00:00Z"), Verdict::Overdue)],
            due: Some(at("2026-03-03T00:00:00Z")),
            because: vec![Because::new(BecauseKind::Origin, "the repository is labelled Debian-Security")],
            ..Update::default()
        },
        Update { package: "+new|pkg".into(), arch: "all".into(), candidate: "-1".into(), new: true, reboot: true, ..Update::default() },
    ]
}

fn held_updates() -> Vec<Update> {
    let held = Update { package: "held|pkg".into(), arch: "amd64".into(), installed: Some("1".into()), candidate: "2".into(), held_by: Some("phasing".into()), ..Update::default() };
    vec![held]
}

/// The rich scan.
pub(super) fn scan() -> Scan {
    let components = components();
    let warning = |kind, text: &str| SourceWarning { kind, text: text.to_owned() };
    let source = |name: &str, warnings| Source {
        name: name.to_owned(),
        location: format!("osv/{name}/all.zip"),
        records: 10_799,
        rejected: 1,
        newest: Some(at("2026-03-31T00:00:00Z")),
        digest: "ab".repeat(32),
        streams: vec!["debian:12".into()],
        warnings,
        ..Source::default()
    };
    Scan {
        schema: Scan::SCHEMA.to_owned(),
        as_of: at("2026-03-31T12:00:00Z"),
        tool: "plimsoll 0.1.0".into(),
        host: host(),
        policies: vec![PolicyInForce { id: "samm".into(), version: "2026-11-21".into(), source: "OWASP SAMM 2.2".into(), as_of: Some("2026-11-21".into()) }],
        database: Some(Database {
            path: "/var/lib/plimsoll/advisories.db".into(),
            built: Some(at("2026-03-31T00:00:00Z")),
            digest: "cd".repeat(32),
            signed_by: None,
            sources: vec![
                Source { fetched: Some(at("2026-03-31T06:00:00Z")), ..source("osv/Debian", vec![warning(SourceTrouble::Stale, "newest record is 9 days old, the limit is 3")]) },
                source("osv/Maven", vec![
                    warning(SourceTrouble::Failed, "HTTP 503 for 2 days"),
                    warning(SourceTrouble::Shrunk, "lost 40 % of 269 records"),
                    warning(SourceTrouble::WentBack, "newest date went back by 3 days"),
                    warning(SourceTrouble::Partial, "1 of 269 records unreadable"),
                ]),
                source("kev", Vec::new()),
            ],
        }),
        findings: findings(&components),
        components,
        updates: Some(updates()),
        held_updates: held_updates(),
        coverage: Coverage {
            components: 5,
            evaluated: 4,
            stale: 4,
            unsupported: 1,
            not_covered: 1,
            streams: vec![
                StreamCoverage { stream: "debian:12".into(), components: 2, evaluated: true, sources: vec!["osv/Debian".into()], support: "long-term".into(), support_ends: Some("2028-06-30".into()) },
                StreamCoverage { stream: "(none)".into(), components: 1, evaluated: false, sources: Vec::new(), support: "unknown".into(), support_ends: None },
            ],
        },
        problems: vec![Problem::new("E-FORMAT", format!("lock/{HOSTILE}"), "is not readable", "make it again")],
    }
}

/// The same host where nothing could be judged.
pub(super) fn without_database() -> Scan {
    let mut scan = scan();
    scan.database = None;
    scan.findings.clear();
    scan.updates = None;
    scan.held_updates.clear();
    scan.policies.clear();
    scan.problems.clear();
    scan.coverage = Coverage { components: 5, not_covered: 5, ..Coverage::default() };
    scan
}

/// The same host where nothing was found.
pub(super) fn without_findings() -> Scan {
    let mut scan = scan();
    scan.findings.clear();
    scan.updates = Some(Vec::new());
    scan.held_updates.clear();
    scan
}
