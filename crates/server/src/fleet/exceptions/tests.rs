//! Whatever exceptions come and go, no finding is lost and no due date moves.

use super::*;
use crate::fleet::question::{Clock, FindingRow};
use jiff::SignedDuration;
use plimsoll_core::model::advisory::AdvisoryKind;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::exception::{Approval, Decided, Somebody};
use plimsoll_core::model::finding::{Finding, FindingComponent, Fix, SeverityChosen};
use plimsoll_core::model::host::Host;
use plimsoll_core::model::identifier::PersonId;
use plimsoll_core::model::registration::{HostSource, HostState};
use plimsoll_core::model::scan::{Coverage, Database, Scan};
use proptest::prelude::*;

const ADVISORIES: [&str; 4] = ["DSA-1", "DSA-2", "DSA-3", "DSA-4"];
const PACKAGES: [&str; 2] = ["openssl", "zlib1g"];
const GROUP: u128 = 77;

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn registration(number: u32) -> Registration {
    Registration {
        id: HostId::from_bits(u128::from(number) + 1),
        number,
        // Two clients with as many hosts.
        client: ClientId::from_bits(u128::from(number % 2)),
        name: format!("host-{number}"),
        state: HostState::Active,
        source: HostSource::Manual,
        labels: BTreeMap::new(),
        tier: None,
        exposure: None,
        environment: None,
        owner: None,
        public_key: None,
        enrolled: Timestamp::UNIX_EPOCH,
        last_seen: Some(now()),
        report: Some("00".to_owned()),
        reported: Some(now()),
        flag: None,
    }
}

fn finding((advisory, package, due): (usize, usize, Option<i64>)) -> Finding {
    let component = Component { name: PACKAGES[package].to_owned(), version: "1".to_owned(), ..Component::default() };
    Finding {
        advisory: ADVISORIES[advisory].to_owned(),
        aliases: Vec::new(),
        kind: AdvisoryKind::Security,
        summary: String::new(),
        component: FindingComponent::from(&component),
        fixed_version: None,
        state: plimsoll_core::model::finding::State::Affected,
        detail: None,
        fix: Fix::default(),
        severity: SeverityChosen { rating: Rating::High, ..SeverityChosen::default() },
        kev: None,
        epss: None,
        ssvc: None,
        workarounds: Vec::new(),
        published: None,
        fix_released: None,
        first_seen: None,
        priority: None,
        obligations: Vec::new(),
        due: due.map(|due| now() + days(due)),
        because: Vec::new(),
        sources: Vec::new(),
    }
}

fn scan(findings: Vec<Finding>) -> Scan {
    Scan {
        schema: Scan::SCHEMA.to_owned(),
        as_of: now(),
        tool: String::new(),
        host: Host::default(),
        policies: Vec::new(),
        database: Some(Database::default()),
        components: Vec::new(),
        findings,
        updates: None,
        held_updates: Vec::new(),
        coverage: Coverage::default(),
        problems: Vec::new(),
    }
}

fn fleet(hosts: &[Vec<(usize, usize, Option<i64>)>]) -> State {
    let mut state = State::default();
    for (number, findings) in (0..).zip(hosts) {
        let host = registration(number);
        let id = host.id;
        state.register(host, 0);
        state.judge(id, &scan(findings.iter().copied().map(finding).collect()));
    }
    state.lay_group(GroupId::from_bits(GROUP), RoaringBitmap::from_iter([0u32, 1, 2]));
    state
}

/// An exception: client, hosts, advisory, package, end, and its state.
type Drawn = (u8, u8, usize, Option<usize>, i64, ExceptionState);

fn exception(number: usize, (client, hosts, advisory, package, end, state): Drawn) -> Exception {
    Exception {
        id: ExceptionId::from_bits(number as u128),
        client: ClientId::from_bits(u128::from(client)),
        kind: WaiverKind::Deferral,
        advisories: BTreeSet::from([ADVISORIES[advisory].to_owned()]),
        package: package.map(|package| PACKAGES[package].to_owned()),
        hosts: match hosts {
            0 => Covered::All,
            1 => Covered::Group(GroupId::from_bits(GROUP)),
            some => Covered::Hosts(BTreeSet::from([registration(u32::from(some) - 2).id])),
        },
        owner: "Ada".to_owned(),
        reason: "x".to_owned(),
        control: String::new(),
        levels: BTreeSet::new(),
        quorum: 1,
        until: now() + days(end),
        requested: now() - days(400),
        requester: Somebody { person: None, name: "per".to_owned() },
        approvals: vec![Approval { person: PersonId::from_bits(1), name: "ada".to_owned(), at: now() - days(400) }],
        state,
        decided: Some(Decided { at: now() - days(400), by: "ada".to_owned(), why: String::new() }),
        since: None,
        renews: None,
        renewals: 0,
        reviewed: None,
        replaced_by: None,
    }
}

fn states() -> impl Strategy<Value = ExceptionState> {
    prop_oneof![
        3 => Just(ExceptionState::Approved),
        1 => Just(ExceptionState::Requested),
        1 => Just(ExceptionState::Refused),
        1 => Just(ExceptionState::Withdrawn),
        1 => Just(ExceptionState::Replaced),
    ]
}

fn hosts() -> impl Strategy<Value = Vec<Vec<(usize, usize, Option<i64>)>>> {
    let finding = (0..ADVISORIES.len(), 0..PACKAGES.len(), proptest::option::of(-20..20i64));
    let host = proptest::collection::vec(finding, 0..6).prop_map(|mut findings| {
        findings.sort_unstable();
        findings.dedup_by_key(|(advisory, package, _)| (*advisory, *package));
        findings
    });
    proptest::collection::vec(host, 1..6)
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (0..2u8, 0..6u8, 0..ADVISORIES.len(), proptest::option::of(0..PACKAGES.len()), -30..30i64, states());
    proptest::collection::vec(one, 0..8)
}

fn rows(state: &State, at: Timestamp) -> Vec<FindingRow> {
    let mut rows = state.list_findings(&state.all(), |_| true, (0, usize::MAX), at).rows;
    rows.sort_by(|a, b| (a.host, &a.advisory, &a.component).cmp(&(b.host, &b.advisory, &b.component)));
    rows
}

proptest! {
    #[test]
    fn no_obligation_is_lost_and_no_due_date_moves(hosts in hosts(), drawn in drawn(), moved in -40..40i64) {
        let at = now() + days(moved);
        let mut state = fleet(&hosts);
        let bare = rows(&state, at);
        let exceptions: Vec<Exception> = drawn.iter().enumerate().map(|(number, one)| exception(number, *one)).collect();
        state.lay_exceptions(&exceptions, at);
        let marked = rows(&state, at);

        // The same findings with the same due dates; only the mark differs.
        prop_assert_eq!(bare.len(), marked.len());
        for (before, after) in bare.iter().zip(&marked) {
            prop_assert_eq!(before.due, after.due);
            let unmarked = FindingRow { exception: None, overdue: before.overdue, ..after.clone() };
            prop_assert_eq!(before, &unmarked);
            prop_assert_eq!(after.overdue, before.overdue && after.exception.is_none());
            // The rule, said a second time and simply.
            let number = u32::try_from(after.host.bits() - 1).unwrap();
            let accepts = |one: &&Exception| {
                let on = match &one.hosts {
                    Covered::All => true,
                    Covered::Group(_) => number < 3,
                    Covered::Hosts(hosts) => hosts.contains(&after.host),
                };
                one.state == ExceptionState::Approved && at < one.until && on
                    && one.client.bits() == u128::from(number % 2)
                    && one.advisories.contains(&after.advisory)
                    && one.package.as_ref().is_none_or(|package| *package == after.component)
            };
            let until = exceptions.iter().filter(accepts).map(|one| one.until).max();
            prop_assert_eq!(after.exception.as_ref().map(|mark| mark.until), until);
        }

        // Every finding is counted once, and an exception in its own place.
        let sum = state.standings(&state.all(), Clock { now: at, silence_seconds: i64::MAX });
        prop_assert_eq!(sum.findings, marked.len() as u64);
        prop_assert_eq!(sum.findings, sum.overdue + sum.due_soon + sum.within + sum.undated + sum.excepted);
        prop_assert_eq!(sum.overdue, marked.iter().filter(|row| row.overdue).count() as u64);
        prop_assert_eq!(sum.excepted, marked.iter().filter(|row| row.exception.is_some()).count() as u64);

        // All of it goes as it came.
        state.lay_exceptions(&[], at);
        prop_assert_eq!(rows(&state, at), bare);
        prop_assert_eq!(state.standings(&state.all(), Clock { now: at, silence_seconds: i64::MAX }).excepted, 0);
    }
}

#[test]
fn it_counts_again_in_the_second_in_which_the_exception_ends() {
    let mut state = fleet(&[vec![(0, 0, Some(-1)), (1, 0, Some(3))]]);
    let one = exception(0, (0, 0, 0, None, 2, ExceptionState::Approved));
    state.lay_exceptions(std::slice::from_ref(&one), now());
    let counted = |state: &State| {
        let counts = &state.host(registration(0).id).unwrap().counts;
        (counts.overdue, counts.due_soon, counts.excepted)
    };
    assert_eq!(counted(&state), (0, 1, 1));
    let last = one.until - SignedDuration::from_micros(1);
    assert!(rows(&state, last)[0].exception.is_some() && rows(&state, one.until)[0].exception.is_none());
    assert!(rows(&state, one.until)[0].overdue);
    assert_eq!(state.recount(last), []);
    assert_eq!(state.recount(one.until), [registration(0).id], "pages hear of it");
    assert_eq!(counted(&state), (1, 1, 0));
}
