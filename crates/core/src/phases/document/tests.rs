//! Records made of scripts of entries.

use super::*;
use crate::model::deployment_package::{Check, ConfigurationFiles, HostList, LooksAt, PolicyNamed, RebootRule, Ring};
use crate::model::identifier::ClientId;
use crate::phases::cleanup::Cause;
use crate::phases::deploy::Phase;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + second).unwrap()
}

fn host(number: u128) -> HostId {
    HostId::from_bits(number)
}

fn package(rings: u32) -> DeploymentPackage {
    let ring = |number| Ring { name: format!("ring{number}"), opens: at(0), soak_seconds: 60, success_per_mille: 900, failures: 0 };
    DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "openssl".to_owned(),
        version: 3,
        client: ClientId::from_bits(1),
        title: "OpenSSL".to_owned(),
        reason: "KEV".to_owned(),
        advisories: vec!["DSA-1".to_owned()],
        author: "anna".to_owned(),
        created: at(100),
        expires: at(100_000),
        change: crate::model::deployment_package::ChangeType::Normal,
        policy: PolicyNamed { id: "p".to_owned(), version: "1".to_owned(), sha256: "cd".repeat(32) },
        streams: Default::default(),
        hosts: HostList { count: 0, root: String::new() },
        rings: (0..rings).map(ring).collect(),
        windows: Default::default(),
        checks: vec![Check { name: "web".to_owned(), looks_at: LooksAt::Tcp { port: 443 }, timeout_seconds: 5, before: true }],
        reboot: RebootRule::IfNeeded,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    }
}

/// A script: entries get their positions in order.
struct Script(Vec<Entry>);

impl Script {
    /// Four hosts, the first alone in the first ring.
    fn started() -> Self {
        let places = (1..=4).map(|number| Place { host: host(number), ring: u32::from(number > 1), window: None }).collect();
        let names = (1..=4).map(|number| (host(number), format!("web{number}"))).collect();
        let answer = Answered { advisory: "DSA-1".to_owned(), exploited: true, published: Some(at(0)), first_seen: Some(at(40)), due: Some(at(9_000)), ..Answered::default() };
        let started = Started { generation: 7, package: package(2), places, names, answers: vec![answer], left_out: Vec::new(), because: Vec::new() };
        let mut script = Self(Vec::new());
        script.say(100, "anna", Event::Drafted);
        script.say(150, "ben", Event::Signed { person: "ben".to_owned(), keyid: "k1".to_owned() });
        script.say(200, "carla", Event::Accepted);
        script.say(210, "anna", Event::Started(Box::new(started)));
        script
    }

    fn say(&mut self, second: i64, who: &str, event: Event) {
        let position = 10 + 3 * self.0.len() as u64;
        self.0.push(Entry { position, at: at(second), who: who.to_owned(), reason: None, event });
    }

    fn go(&mut self, second: i64, hosts: &[u128]) {
        self.say(second, "server", Event::Assigned(hosts.iter().map(|number| (host(*number), Some(Go::Apply))).collect()));
    }

    fn word(&mut self, second: i64, number: u128, generation: u64, state: State, problem: Option<(&str, &str)>) {
        let saw = Saw {
            packages: vec![Observed { name: "openssl".to_owned(), arch: "amd64".to_owned(), before: Some("1".to_owned()), after: Some(if state.is_success() { "2" } else { "1" }.to_owned()), status: "ii".to_owned() }],
            checks: vec![CheckResult { name: "web".to_owned(), before: false, holds: state.is_success(), text: String::new() }],
            effects: 1,
            problem: problem.map(|(code, text)| Problem::new(code, "transaction", text, "")),
            ..Saw::default()
        };
        let word = Word { attempt: format!("{number}-{generation}"), host: host(number), generation, state, observed: at(second), saw: Some(saw) };
        self.say(second + 1, "host", Event::Said(Box::new(word)));
    }

    fn confirmed(&mut self, second: i64, number: u128, state: Confirmed) {
        self.say(second, "server", Event::Confirmed { host: host(number), state, reasons: vec!["seen".to_owned()], report: Some("ab".to_owned()), second: None });
    }

    fn gate(&mut self, second: i64, gate: Gate, wanted: Wanted, against: &[u128]) {
        let standings = vec![RingStanding { hosts: 1, against: against.iter().map(|number| host(*number)).collect(), failed: against.len() as u64, ..RingStanding::default() }];
        let moved = Moved { verb: "rollout.advance".to_owned(), generation: 7, wanted, gate, rings: vec![Progress { opened: Some(at(220)), succeeded: None }], reasons: vec![format!("{gate:?}")], standings: Some(standings) };
        self.say(second, "server", Event::Moved(Box::new(moved)));
    }

    fn record(&self) -> Record {
        decide(&Input { package: "ab", entries: &self.0, seal: Seal { size: 1000, ..Seal::default() } }).unwrap()
    }
}

#[test]
fn a_plain_change_has_its_times_and_no_deviation() {
    let mut script = Script::started();
    script.gate(220, Gate::Open, Wanted::Running, &[]);
    for number in 1..=4u128 {
        script.go(220, &[number]);
        script.word(300, number, 7, State::Executing, None);
        script.word(360, number, 7, State::Succeeded, None);
        script.confirmed(380 + i64::try_from(number).unwrap(), number, Confirmed::Installed);
    }
    script.gate(500, Gate::Done, Wanted::Done, &[]);
    let record = script.record();
    assert_eq!(record.totals, Totals { hosts: 4, confirmed: 4, effects: 4, ..Totals::default() });
    assert_eq!(record.deviations, []);
    assert_eq!(record.causes, []);
    let all = &record.times[0];
    assert_eq!(all.phases().map(|(_, seconds)| seconds), [Some(40), Some(60), Some(100), Some(100), Some(60), Some(22)]);
    assert_eq!(all.total(), 382);
    let named: Vec<&str> = record.times.iter().map(|times| times.of.as_str()).collect();
    assert_eq!(named, ["all hosts", "ring ring0", "ring ring1", "slowest, web4"]);
    assert_eq!(record.rings[1].checks, [CheckCount { name: "web".to_owned(), held: 3, failed: 0 }]);
    let acts: Vec<&str> = record.acts.iter().map(|act| act.who.as_str()).collect();
    assert_eq!(acts, ["anna", "ben", "carla", "anna"]);
    // Seen again as it was: still seen when it was seen first.
    script.confirmed(900, 1, Confirmed::Installed);
    assert_eq!(script.record().hosts[0].confirmed_at, Some(at(381)));
}

#[test]
fn what_goes_wrong_is_told_with_its_cause() {
    let mut script = Script::started();
    script.gate(220, Gate::Open, Wanted::Running, &[]);
    script.go(220, &[1]);
    script.word(230, 1, 7, State::Deferred, Some(("W-WINDOW", "opens later")));
    script.word(240, 1, 7, State::Deferred, Some(("E-HOLD", "a freeze")));
    script.word(241, 1, 7, State::Deferred, Some(("E-HOLD", "a freeze")));
    script.word(300, 1, 7, State::RolledBack, Some(("E-CHECK", "web does not hold")));
    script.gate(310, Gate::Shut, Wanted::Running, &[1]);
    script.say(400, "anna", Event::Moved(Box::new(Moved { verb: "rollout.resume".to_owned(), generation: 8, wanted: Wanted::Running, gate: Gate::Shut, rings: vec![Progress { opened: Some(at(220)), succeeded: None }], reasons: Vec::new(), standings: None })));
    script.word(500, 1, 8, State::RepairedTarget, Some(("W-REPAIRED", "was cut off")));
    script.confirmed(510, 1, Confirmed::InstalledPendingReboot);
    script.go(520, &[2, 3]);
    script.word(530, 2, 8, State::FailedClean, Some(("E-HOST-SPACE", "needs 12 MiB")));
    script.gate(600, Gate::Shut, Wanted::Aborted, &[2, 3]);
    let record = script.record();
    let kinds: Vec<(DeviationKind, Option<HostId>)> = record.deviations.iter().map(|deviation| (deviation.kind, deviation.host)).collect();
    assert_eq!(
        kinds,
        [
            (DeviationKind::Deferred, Some(host(1))),
            (DeviationKind::RolledBack, Some(host(1))),
            (DeviationKind::GateShut, None),
            (DeviationKind::Resumed, None),
            (DeviationKind::Repaired, Some(host(1))),
            (DeviationKind::Failed, Some(host(2))),
            (DeviationKind::GateShut, None),
            (DeviationKind::Retried, Some(host(1))),
            (DeviationKind::NotConfirmed, Some(host(1))),
            (DeviationKind::Silent, Some(host(3))),
            (DeviationKind::NotStarted, Some(host(4))),
        ]
    );
    let phases: Vec<Phase> = record.hosts.iter().map(|host| host.phase).collect();
    assert_eq!(phases, [Phase::Succeeded, Phase::Failed, Phase::Silent, Phase::Away]);
    let causes: Vec<(Cause, u64)> = record.causes.iter().map(|count| (count.cause, count.hosts)).collect();
    assert_eq!(causes, [(Cause::NoSpace, 1), (Cause::Silent, 1)]);
    assert_eq!(record.hosts[0].attempts.len(), 2);
    assert_eq!(record.totals, Totals { hosts: 4, succeeded: 1, failed: 1, silent: 1, waiting: 1, effects: 3, ..Totals::default() });
}

#[test]
fn a_log_without_the_start_has_no_record() {
    let mut script = Script::started();
    script.0.pop();
    let problem = decide(&Input { package: "ab", entries: &script.0, seal: Seal::default() }).unwrap_err();
    assert_eq!(problem.code, "E-RECORD");
}

fn any_event() -> impl Strategy<Value = (i64, u128, u8)> {
    (200..2_000i64, 1..6u128, 0..12u8)
}

proptest! {
    /// Whatever the log says in whatever order: the same entries give the same
    /// record, every host has one place, and the parts add up.
    #[test]
    fn any_log_has_one_record(events in prop::collection::vec(any_event(), 0..60)) {
        let mut script = Script::started();
        for (second, number, kind) in events {
            match kind {
                0 => script.go(second, &[number]),
                1 => script.gate(second, Gate::Shut, Wanted::Running, &[number]),
                2 => script.gate(second, Gate::Done, Wanted::Done, &[]),
                3 => script.confirmed(second, number, Confirmed::Installed),
                4 => script.confirmed(second, number, Confirmed::Missing),
                5 => script.word(second, number, 8, State::RolledBack, Some(("E-CHECK", "no"))),
                6 => script.word(second, number, 7, State::Unknown, None),
                7 => script.word(second, number, 7, State::Executing, None),
                8 => script.word(second, number, 9, State::NeedsOperator, Some(("E-PLAN", "no"))),
                _ => script.word(second, number, 7, State::Succeeded, None),
            }
        }
        let record = script.record();
        prop_assert_eq!(&record, &script.record());
        let Totals { hosts, confirmed, succeeded, failed, silent, at_work, waiting, .. } = record.totals;
        prop_assert_eq!(hosts, 4);
        prop_assert_eq!(confirmed + succeeded + failed + silent + at_work + waiting, 4);
        prop_assert!(record.causes.iter().map(|count| count.hosts).sum::<u64>() <= failed + silent + at_work + waiting);
        prop_assert!(record.deviations.is_sorted_by_key(|deviation| deviation.leaf));
        for host in &record.hosts {
            prop_assert!(host.began.zip(host.ended).is_none_or(|(began, ended)| began <= ended));
        }
    }
}

#[test]
fn what_an_authority_said_is_an_act_and_what_it_did_not_say_in_time_a_deviation() {
    let mut script = Script::started();
    let remark = |kind, who: &str, text: &str| Event::Remarked(Remark { kind, who: who.to_owned(), text: text.to_owned(), at: at(300) });
    script.say(300, "server", remark(RemarkKind::RetroOverdue, "server", "it was to be approved by noon"));
    script.say(310, "dirk", remark(RemarkKind::Approve, "dirk", ""));
    script.say(320, "dirk", remark(RemarkKind::Refuse, "dirk", ""));
    script.say(330, "dirk", remark(RemarkKind::Review, "dirk", ""));
    for (entry, words) in script.0.iter_mut().skip(5).zip(["it was right", "the disk is full", "the canary was too small"]) {
        entry.reason = Some(words.to_owned());
    }
    let record = script.record();
    let acts: Vec<(&str, &str, Option<&str>)> = record.acts.iter().skip(4).map(|act| (act.verb.as_str(), act.who.as_str(), act.reason.as_deref())).collect();
    assert_eq!(
        acts,
        [
            ("package.retro-overdue", "server", None),
            ("package.approve", "dirk", Some("it was right")),
            ("package.refuse", "dirk", Some("the disk is full")),
            ("package.review", "dirk", Some("the canary was too small")),
        ]
    );
    let deviations: Vec<(DeviationKind, &str)> = record.deviations.iter().filter(|deviation| deviation.host.is_none()).map(|deviation| (deviation.kind, deviation.text.as_str())).collect();
    assert_eq!(deviations, [(DeviationKind::ApprovalLate, "it was to be approved by noon"), (DeviationKind::ApprovalRefused, "by dirk: “the disk is full”")]);
}
