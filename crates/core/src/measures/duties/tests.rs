use super::*;

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn key(advisory: &str) -> FindingKey {
    FindingKey { advisory: advisory.to_owned(), component: "debian:12 openssl".to_owned() }
}

/// An advisory, whether it is exploited, and its rules with their days.
type Judged = (&'static str, bool, Vec<(&'static str, i64)>);

fn transition(serial: u64, day: i64, opened: &[&str], closed: &[&str], obliged: Vec<Judged>, policies: &[&str]) -> Transition {
    let obliged = obliged.into_iter().map(|(advisory, exploited, bounds)| {
        let bounds = bounds.into_iter().map(|(rule, due)| Bound { due: due * DAY, start: Some(day * DAY), rule: rule.to_owned() }).collect();
        (key(advisory), Obliged { rating: Rating::Critical, exploited, bounds })
    });
    Transition {
        host: HostId::from_bits(1),
        serial,
        at: at(day * DAY),
        opened: opened.iter().map(|id| key(id)).collect(),
        closed: closed.iter().map(|id| key(id)).collect(),
        obliged: obliged.collect(),
        policies: policies.iter().map(|policy| (*policy).to_owned()).collect(),
    }
}

fn counted(regulator: Regulator, transitions: &[Transition], to: i64, retired: Option<i64>) -> Duties {
    let accepted = Accepted { hosts: vec![HostId::from_bits(1)], advisories: vec!["CVE-6".to_owned()], package: None, why: "exception, deferral: no window".to_owned() };
    let mut collector = Collector::new(regulator, Window { from: at(10 * DAY), to: at(to * DAY) }, vec![accepted]);
    collector.host(&HostStory { host: HostId::from_bits(1), name: "web1", enrolled: at(0), retired: retired.map(|day| at(day * DAY)), transitions });
    collector.finish()
}

#[test]
fn every_duty_has_its_verdict_and_the_entry_that_shows_it() {
    let policies = ["cisa-bod-26-04 2026", "samm 1"];
    let journal = [
        transition(0, 1, &["CVE-0"], &[], vec![("CVE-0", true, vec![("cisa-bod-26-04/3D", 4)])], &policies),
        // Judged before the directive's rules were in force.
        transition(1, 2, &["CVE-7", "CVE-8"], &[], vec![("CVE-7", true, vec![("samm/critical", 4)]), ("CVE-8", false, vec![])], &["samm 1"]),
        transition(2, 9, &[], &["CVE-0"], vec![], &policies),
        transition(3, 11, &["CVE-1", "CVE-2", "CVE-3"], &[], vec![
            ("CVE-1", true, vec![("samm/critical", 12), ("cisa-bod-26-04/3DF", 14)]),
            ("CVE-2", false, vec![("cisa-bod-26-04/14D", 25)]),
            ("CVE-3", false, vec![("cisa-bod-26-04/60D", 71)]),
        ], &policies),
        transition(4, 12, &["CVE-4", "CVE-5", "CVE-6"], &[], vec![
            ("CVE-4", false, vec![]),
            ("CVE-5", true, vec![("cisa-bod-26-04/3D", 15)]),
            ("CVE-6", true, vec![("cisa-bod-26-04/3D", 15)]),
        ], &policies),
        transition(5, 15, &[], &["CVE-5"], vec![], &policies),
        transition(6, 20, &[], &["CVE-1"], vec![("CVE-3", true, vec![("cisa-bod-26-04/3D", 23)])], &policies),
        // After the report.
        transition(7, 40, &[], &["CVE-2", "CVE-3"], vec![], &policies),
    ];
    let told = counted(Regulator::Bod2604, &journal, 30, None);
    let rows: Vec<(&str, &str, u64, Option<u64>)> = told.rows.iter().map(|duty| (duty.advisory.as_str(), duty.verdict.word(), duty.detected.serial, duty.closed.map(|entry| entry.serial))).collect();
    assert_eq!(
        rows,
        [
            ("CVE-6", "overdue", 4, None),
            ("CVE-3", "overdue", 3, None),
            ("CVE-2", "overdue", 3, None),
            ("CVE-1", "late", 3, Some(6)),
            ("CVE-7", "unknown", 1, None),
            ("CVE-4", "undated", 4, None),
            ("CVE-5", "met", 4, Some(5)),
        ]
    );
    assert_eq!((told.hosts, told.policies.as_slice()), (1, ["cisa-bod-26-04 2026".to_owned()].as_slice()));
    assert_eq!(told.verdicts.iter().map(|count| count.duties).collect::<Vec<_>>(), [3, 1, 1, 0, 1, 1]);
    let cells: Vec<Vec<String>> = told.rows.iter().map(|duty| cells(Regulator::Bod2604, duty)).collect();
    assert!(cells.iter().all(|row| row.len() == columns(Regulator::Bod2604).len()));
    assert_eq!((cells[0][11].as_str(), cells[3][6].as_str(), cells[3][10].as_str(), cells[4][8].as_str()), ("exception, deferral: no window", "3DF", "unknown", "unknown"));
    assert_eq!(told.rows[1].history.iter().map(|step| step.rule.as_deref()).collect::<Vec<_>>(), [Some("cisa-bod-26-04/60D"), Some("cisa-bod-26-04/3D")]);
    // Earlier, the same journal tells what was known then.
    let then = counted(Regulator::Bod2604, &journal, 13, None);
    assert_eq!(then.rows.iter().map(|duty| (duty.advisory.as_str(), duty.verdict)).collect::<Vec<_>>(), [
        ("CVE-7", Verdict::Unknown), ("CVE-1", Verdict::Open), ("CVE-5", Verdict::Open), ("CVE-6", Verdict::Open), ("CVE-2", Verdict::Open), ("CVE-3", Verdict::Open), ("CVE-4", Verdict::Undated),
    ]);
    // A host that went leaves what was in time unknown, and what was late late.
    let gone = counted(Regulator::Bod2604, &journal, 30, Some(16));
    let verdict = |advisory: &str| gone.rows.iter().find(|duty| duty.advisory == advisory).map(|duty| duty.verdict);
    assert_eq!((verdict("CVE-2"), verdict("CVE-5"), gone.hosts), (Some(Verdict::Overdue), Some(Verdict::Met), 0));
    assert!(counted(Regulator::Pci633, &journal, 30, None).rows.is_empty());
}

#[test]
fn fedramp_reads_its_inputs_off_the_rule_and_ages_into_acceptance() {
    let policies = ["fedramp-vdr-2026 1"];
    let journal = [
        transition(0, 1, &["CVE-1", "CVE-2"], &[], vec![("CVE-1", false, vec![("fedramp-vdr-2026/c-n5-reachable-likely", 4)]), ("CVE-2", false, vec![])], &policies),
        transition(1, 20, &[], &[], vec![("CVE-1", false, vec![("fedramp-vdr-2026/c-n3-unlikely", 90)])], &policies),
    ];
    let told = counted(Regulator::FedrampVdr, &journal, 30, None);
    let first = cells(Regulator::FedrampVdr, &told.rows[0]);
    assert_eq!(first.len(), columns(Regulator::FedrampVdr).len());
    assert_eq!((first[8].as_str(), first[9].as_str(), first[10].as_str(), first[14].as_str()), ("unknown", "no", "N3 (class c)", "open"));
    assert_eq!(first[11], "1970-01-02T00:00:00Z c-n5-reachable-likely; 1970-01-21T00:00:00Z c-n3-unlikely");
    let second = cells(Regulator::FedrampVdr, &told.rows[1]);
    assert_eq!((second[0].as_str(), second[8].as_str(), second[10].as_str(), second[12].as_str()), ("undated", "unknown", "unknown", "no date"));
    let later = counted(Regulator::FedrampVdr, &journal, 200, None);
    let aged = cells(Regulator::FedrampVdr, &later.rows[0]);
    assert_eq!((aged[0].as_str(), aged[14].as_str(), aged[15].as_str()), ("overdue", "accepted", "open for 199 days since it was evaluated, the limit is 192"));
}
