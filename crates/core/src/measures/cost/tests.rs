use super::*;
use crate::model::identifier::{ClientId, PersonId, WorkId};
use crate::model::policy::governance::{self, Amount, Estimate, Friction, Percent, Unit};
use proptest::prelude::*;

const HOUR: i64 = 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn package(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

fn work(id: u128, role: &str, step: &str, subject: &Subject, source: Source, started: i64, seconds: Option<u64>) -> Work {
    Work {
        id: WorkId::from_bits(id),
        client: ClientId::from_bits(1),
        person: Some(PersonId::from_bits(1)),
        role: role.to_owned(),
        step: Step::parse(step),
        subject: subject.clone(),
        source,
        started: at(started),
        ended: None,
        seconds,
        downtime: None,
        ticket: None,
        replaces: None,
        recorded: at(started),
        note: String::new(),
    }
}

fn timer(id: u128, step: &str, subject: &Subject, started: i64, ended: Option<i64>) -> Work {
    Work { ended: ended.map(at), ..work(id, "analyst", step, subject, Source::Timer, started, None) }
}

fn policy() -> governance::Cost {
    let prices = |all: &[(&str, f64)]| all.iter().map(|(name, price)| ((*name).to_owned(), Amount(*price))).collect();
    governance::Cost {
        currency: "EUR".to_owned(),
        rate: prices(&[("default", 80.0), ("analyst", 85.0), ("operator", 75.0), ("approver", 110.0)]),
        downtime_per_min: prices(&[("tier0", 500.0), ("tier1", 50.0)]),
        fixed_per_year: prices(&[("tools", 12_000.0), ("scanner", 9_000.0), ("feeds", 0.0)]),
        budget_days: prices(&[("analyst", 1.5), ("architect", 2.0)]),
        hours_per_day: None,
        estimate: [
            ("10.3".to_owned(), Estimate { minutes: 30, per_unit: 10, unit: Some(Unit::Hosts), role: Some("operator".to_owned()) }),
            ("7.3".to_owned(), Estimate { minutes: 600, ..Estimate::default() }),
        ]
        .into(),
        friction: [("inventory".to_owned(), Friction { weight_pct: 50, complete_pct: Percent(80) })].into(),
    }
}


fn in_force() -> InForce {
    InForce { since: at(0), policy: "acme 2026.1".to_owned(), terms: Terms::of(&policy()) }
}

fn patch(started: i64, hosts: u128, advisories: &[&str], elapsed: &[(&str, u64)]) -> Patch {
    let record = |elapsed: BTreeMap<Step, u64>| Patch::for_tests("June", at(started), hosts, advisories, elapsed);
    record(elapsed.iter().map(|(step, seconds)| (Step::parse(step).unwrap(), *seconds)).collect())
}

fn collector(patches: &[(u8, Patch)], from: i64, to: i64) -> Collector {
    let mut collector = Collector::new(Window { from: at(from), to: at(to) });
    collector.patches = patches.iter().map(|(number, patch)| (package(*number), patch.clone())).collect();
    collector
}

/// The worked example of the guide, by hand:
///
/// - 1 h 30 of an analyst on 2.3 by timer, on an advisory that the package answers: 1.5 × 85 = 127.50
/// - 0.25 h of an approver on 6.4 by ticket: 0.25 × 110 = 27.50
/// - 2 h of an operator on 7.3, said by a person: 2 × 75 = 150.00; so that the estimate of 7.3 does not count
/// - estimate of 10.3: (30 + 10 × 3 hosts) min × (1 + 0.5 × 0.2) = 66 min × 75 = 82.50
/// - 10 minutes of tier1 out of service: 500.00
/// - monitoring: 1 h of a role without its own price: 80.00
/// - fixed: 73 of 365 days: 12000/5 + 9000/5 = 4200.00
#[test]
fn the_worked_example_comes_out_as_by_hand() {
    let own = Subject::Package(package(1));
    let mut downtime = work(4, "operator", "7.4", &own, Source::Entered, HOUR, Some(0));
    downtime.downtime = Some(Downtime { minutes: 10, tier: "tier1".to_owned(), host: Some(HostId::from_bits(2)) });
    let records = [
        timer(1, "2.3", &Subject::Advisory("DSA-1-1".to_owned()), HOUR, Some(HOUR + 5400)),
        work(2, "approver", "6.4", &own, Source::Ticket, 2 * HOUR, Some(900)),
        work(3, "operator", "7.3", &own, Source::Entered, 3 * HOUR, Some(7200)),
        downtime,
        work(5, "secretary", "", &Subject::Overhead(Centre::Monitoring), Source::Entered, HOUR, Some(3600)),
    ];
    let to = 73 * 86_400;
    let cost = collector(&[(1, patch(HOUR, 3, &["DSA-1-1"], &[("7.3", 10_000), ("6.4", 600)]))], 0, to).finish(&records, Some(&in_force()));
    let totals = Totals {
        seconds: 5400 + 900 + 7200 + 3960 + 3600,
        patch_seconds: 5400 + 900 + 7200 + 3960,
        patches: 12_750 + 2_750 + 15_000 + 8_250,
        overhead_seconds: 3600,
        overheads: 8_000,
        downtime: 50_000,
        variable: 38_750 + 8_000 + 50_000,
        fixed: 420_000,
        all: 516_750,
        mostly_estimated: false,
    };
    assert_eq!(cost.totals, totals);
    let sources: Vec<(Source, u64, i64)> = cost.sources.iter().map(|line| (line.source, line.seconds, line.cost)).collect();
    assert_eq!(sources, [(Source::Timer, 5400, 12_750), (Source::Entered, 10_800, 23_000), (Source::Ticket, 900, 2_750), (Source::Estimate, 3960, 8_250)]);
    // Elapsed, touch and wait: 7.3 took 10 000 s, of which 7 200 were worked; of
    // 6.4 more was worked than elapsed; 2.3 has no measure, 8.1 has nothing.
    let step = |number: &str| cost.steps.iter().find(|line| line.step == Step::parse(number)).unwrap();
    let times = |number: &str| (step(number).elapsed_seconds, step(number).touch_seconds, step(number).wait_seconds);
    assert_eq!([times("7.3"), times("6.4"), times("2.3"), times("8.1")], [(Some(10_000), Some(7200), Some(2800)), (Some(600), Some(900), Some(0)), (None, Some(5400), None), (None, None, None)]);
    assert_eq!((step("7.3").hours_from.as_slice(), step("10.3").hours_from.as_slice(), step("8.1").hours_from.is_empty()), ([Source::Entered].as_slice(), [Source::Estimate].as_slice(), true));
    assert_eq!((step("7.4").downtime, cost.steps.len()), (50_000, 41), "the monitoring hour is of no step");
    assert_eq!((cost.patches.len(), cost.patches[0].cost, cost.patches[0].per_host), (1, 38_750, Some(29_583)));
    // 387.50 over three hosts: 129.17, 129.17, 129.16, and 500.00 where it was.
    let hosts: Vec<(u128, i64)> = cost.hosts.iter().map(|line| (line.host.bits(), line.cost)).collect();
    assert_eq!(hosts, [(2, 50_000 + 12_916), (0, 12_917), (1, 12_917)]);
    let budgets: Vec<(&str, f64, Option<f64>, bool)> = cost.budgets.iter().map(|line| (line.role.as_str(), line.days, line.budget_days, line.over)).collect();
    assert_eq!(budgets, [("analyst", 0.19, Some(1.5), false), ("approver", 0.03, None, false), ("architect", 0.0, Some(2.0), false), ("operator", 0.25, None, false), ("secretary", 0.13, None, false)]);
    let without = collector(&[], 0, to).finish(&records, None);
    assert_eq!((without.currency, without.totals.variable, without.without.price_seconds, without.without.price_minutes), (None, 0, 17_100, 10));
}

#[test]
fn timers_of_one_person_share_their_time_and_none_counts_for_ever() {
    let (one, two) = (Subject::Package(package(1)), Subject::Package(package(2)));
    let seconds = |cost: &Cost| cost.patches.iter().map(|line| (line.subject.clone(), line.seconds)).collect::<BTreeMap<_, _>>();
    // 0–4 h on one, 2–6 h on the other: 3 h each.
    let both = [timer(1, "7.3", &one, 0, Some(4 * HOUR)), timer(2, "7.3", &two, 2 * HOUR, Some(6 * HOUR))];
    let cost = collector(&[], 0, 30 * HOUR).finish(&both, Some(&in_force()));
    assert_eq!((seconds(&cost), cost.shared_seconds, cost.cut), ([(one.clone(), 10_800), (two.clone(), 10_800)].into(), 7200, 0));
    // Of two people nothing is shared.
    let other = Work { person: Some(PersonId::from_bits(2)), ..both[1].clone() };
    assert_eq!(collector(&[], 0, 30 * HOUR).finish(&[both[0].clone(), other], Some(&in_force())).totals.seconds, 8 * 3600);
    // A timer that nobody stopped counts until the report, and twelve hours at most.
    let forgotten = [timer(1, "7.3", &one, 0, None)];
    let counted = |to: i64| {
        let cost = collector(&[], 0, to).finish(&forgotten, Some(&in_force()));
        (cost.totals.seconds, cost.cut)
    };
    assert_eq!([counted(HOUR), counted(12 * HOUR), counted(30 * HOUR)], [(3600, 0), (43_200, 0), (43_200, 1)]);
    // What was before the window is not in it, to the second.
    assert_eq!(collector(&[], HOUR, 2 * HOUR).finish(&both, Some(&in_force())).totals.seconds, 3600);
}

#[test]
fn a_correction_takes_its_place_when_it_was_written_down_and_not_before() {
    let own = Subject::Package(package(1));
    let first = work(1, "analyst", "2.3", &own, Source::Entered, HOUR, Some(7200));
    let corrected = Work { id: WorkId::from_bits(2), seconds: Some(3600), replaces: Some(first.id), recorded: at(10 * HOUR), ..first.clone() };
    let all = [first, corrected];
    let told = |to: i64| collector(&[], 0, to).finish(&all, Some(&in_force())).totals.seconds;
    assert_eq!((told(9 * HOUR), told(10 * HOUR)), (7200, 3600));
    // The same step of the same role once more, out of a ticket, is passed over.
    let ticket = work(3, "analyst", "2.3", &own, Source::Ticket, 2 * HOUR, Some(1800));
    let other = work(4, "operator", "2.3", &own, Source::Ticket, 2 * HOUR, Some(60));
    let cost = collector(&[], 0, 20 * HOUR).finish(&[all[1].clone(), ticket, other], Some(&in_force()));
    assert_eq!((cost.totals.seconds, cost.passed_over_seconds), (3660, 1800));
}

proptest! {
    /// Whatever was written down: steps, patches with centres, sources and
    /// hosts add up to the same sums, to the cent and to the second.
    #[test]
    fn sums_are_the_same_sum(said in prop::collection::vec((0..6_u8, 0..41_usize, 0..4_u8, 0..4_u8, 0..100 * HOUR, 0..50_000_u64, 0..3_u8), 0..40)) {
        let roles = ["analyst", "operator", "approver", "nobody"];
        let mut records = Vec::new();
        for (id, (subject, step, role, kind, started, seconds, tier)) in said.into_iter().enumerate() {
            let subject = match subject {
                0..=2 => Subject::Package(package(subject + 1)),
                3 => Subject::Advisory("DSA-1-1".to_owned()),
                4 => Subject::Advisory("DSA-2-1".to_owned()),
                _ => Subject::Overhead(Centre::ALL[usize::from(role % 3)]),
            };
            let source = [Source::Entered, Source::Ticket, Source::Timer, Source::Entered][usize::from(kind)];
            let mut one = work(id as u128, roles[usize::from(role)], "", &subject, source, started, Some(seconds));
            one.step = Step::all().nth(step);
            one.person = Some(PersonId::from_bits(u128::from(role % 2)));
            match kind {
                2 => (one.seconds, one.ended) = (None, Some(at(started + seconds as i64))),
                3 => one.downtime = Some(Downtime { minutes: seconds / 60, tier: format!("tier{tier}"), host: (tier == 0).then(|| HostId::from_bits(1)) }),
                _ => {}
            }
            records.push(one);
        }
        let patches = [(1, patch(HOUR, 3, &["DSA-1-1"], &[("7.3", 500)])), (2, patch(2 * HOUR, 7, &["DSA-1-1"], &[]))];
        let cost = collector(&patches, 0, 90 * HOUR).finish(&records, Some(&in_force()));
        let Totals { seconds, patches, overheads, downtime, variable, fixed, all, patch_seconds, overhead_seconds, .. } = cost.totals;
        prop_assert_eq!(cost.steps.iter().map(|line| line.cost + line.downtime).sum::<i64>(), variable);
        prop_assert_eq!(cost.steps.iter().filter_map(|line| line.touch_seconds).sum::<u64>(), seconds);
        prop_assert_eq!(cost.sources.iter().map(|line| line.cost).sum::<i64>(), patches + overheads);
        prop_assert_eq!(cost.sources.iter().map(|line| line.seconds).sum::<u64>(), patch_seconds + overhead_seconds);
        let centres: i64 = cost.centres.iter().map(|line| line.cost + line.downtime).sum();
        prop_assert_eq!(cost.patches.iter().map(|line| line.cost + line.downtime).sum::<i64>() + centres, variable);
        let hosts: i64 = cost.hosts.iter().map(|line| line.cost).sum();
        prop_assert_eq!(hosts + cost.without.host + cost.without.listed, patches + downtime);
        prop_assert_eq!(cost.fixed.iter().map(|line| line.cost).sum::<i64>(), fixed);
        prop_assert_eq!((variable, all), (patches + overheads + downtime, variable + fixed));
    }
}
