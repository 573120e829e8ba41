use super::*;
use crate::model::deployment_package::{ChangeType, ConfigurationFiles, HostList, Interval, PolicyNamed, RebootRule, Ring, Window};
use crate::model::identifier::ClientId;
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(super) fn at(minutes: i64) -> Timestamp {
    "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// A rollout as the server would carry it: what was decided is applied, and
/// hosts do as the test says.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) package: DeploymentPackage,
    places: Vec<Place>,
    pub(super) standings: Vec<Standing>,
    pub(super) rings: Vec<Progress>,
    pub(super) wanted: Wanted,
    holds: Vec<String>,
    waits: Vec<String>,
    pub(super) watched: Vec<Watched>,
    unaccredited: Vec<(usize, String)>,
    pub(super) apart: Vec<Vec<usize>>,
    pub(super) rest: Rest,
}

fn ring(name: &str, opens: i64, soak_minutes: u64, success_per_mille: u32, failures: u32) -> Ring {
    Ring { name: name.to_owned(), opens: at(opens), soak_seconds: soak_minutes * 60, success_per_mille, failures }
}

impl Scene {
    pub(super) fn new(sizes: &[usize]) -> Self {
        let places: Vec<Place> = sizes
            .iter()
            .enumerate()
            .flat_map(|(ring, size)| std::iter::repeat_n(ring, *size))
            .enumerate()
            .map(|(number, ring)| Place { host: HostId::from_bits(number as u128), ring: ring as u32, window: None })
            .collect();
        let rings = sizes.iter().enumerate().map(|(number, _)| ring(["canary", "second", "broad"][number], number as i64 * 60, 60, 1000, 0)).collect();
        let package = DeploymentPackage {
            schema: DeploymentPackage::SCHEMA.to_owned(),
            name: "p".to_owned(),
            version: 1,
            client: ClientId::from_bits(1),
            title: String::new(),
            reason: String::new(),
            advisories: Vec::new(),
            author: "anna".to_owned(),
            created: at(0),
            expires: at(10_000),
            change: ChangeType::Normal,
            policy: PolicyNamed { id: String::new(), version: String::new(), sha256: String::new() },
            streams: BTreeMap::new(),
            hosts: HostList { count: places.len() as u64, root: String::new() },
            rings,
            windows: BTreeMap::new(),
            checks: Vec::new(),
            reboot: RebootRule::IfNeeded,
            configuration_files: ConfigurationFiles::Keep,
            at_once: 0,
            drain: None,
        };
        let standings = vec![Standing { seen: Some(at(0)), ..Standing::default() }; places.len()];
        Self { package, places, standings, rings: Vec::new(), wanted: Wanted::Running, holds: Vec::new(), waits: Vec::new(), watched: Vec::new(), unaccredited: Vec::new(), apart: Vec::new(), rest: Rest::Free }
    }

    pub(super) fn look(&self, minutes: i64) -> Explained<Decision> {
        decide(&Input {
            now: at(minutes),
            package: &self.package,
            places: &self.places,
            standings: &self.standings,
            wanted: self.wanted,
            rings: &self.rings,
            holds: &self.holds,
            waits: &self.waits,
            watched: &self.watched,
            unaccredited: &self.unaccredited,
            apart: &self.apart,
            rest: &self.rest,
        })
    }

    /// Decides and does what was decided.
    fn step(&mut self, minutes: i64) -> Decision {
        let decision = self.look(minutes).decision;
        for (number, go) in &decision.changes {
            let standing = &mut self.standings[*number];
            standing.given = *go;
            if *go == Some(Go::Apply) {
                standing.applied.get_or_insert(at(minutes));
            }
        }
        self.rings.clone_from(&decision.rings);
        self.wanted = decision.wanted;
        decision
    }

    /// Everybody of a ring who may apply is heard of and says this.
    fn say(&mut self, ring: u32, minutes: i64, state: State) {
        for (place, standing) in self.places.iter().zip(&mut self.standings) {
            if place.ring == ring && standing.given == Some(Go::Apply) {
                (standing.outcome, standing.seen) = (Some(state), Some(at(minutes)));
            }
        }
    }

    fn given(&self, go: Go) -> usize {
        self.standings.iter().filter(|standing| standing.given == Some(go)).count()
    }
}

fn texts(explained: &Explained<Decision>) -> String {
    explained.because.iter().map(|because| format!("{}\n", because.text)).collect()
}

#[test]
fn a_ring_opens_after_success_soak_and_time_lock() {
    let mut scene = Scene::new(&[2, 3]);
    scene.package.rings[1].opens = at(90);
    assert_eq!(scene.step(0).gate, Gate::Open);
    assert_eq!(scene.given(Go::Apply), 2);
    assert!(texts(&scene.look(1)).contains("ring second: ring canary needs 1000 of 1000"), "{}", texts(&scene.look(1)));
    scene.say(0, 5, State::Succeeded);
    scene.step(10);
    assert!(texts(&scene.look(69)).contains("ring canary is watched until 2026-11-22T11:10:00Z"), "{}", texts(&scene.look(69)));
    scene.step(71);
    assert_eq!(scene.given(Go::Apply), 2, "the time-lock holds whatever the results are");
    assert_eq!(texts(&scene.look(89)), "ring second: it opens at 2026-11-22T11:30:00Z, as people signed\n");
    scene.step(90);
    assert_eq!(scene.given(Go::Apply), 5);
    scene.say(1, 91, State::AlreadySatisfied);
    assert_eq!(scene.step(92).wanted, Wanted::Done);
}

#[test]
fn a_pending_reboot_holds_the_next_ring_and_shuts_the_gate_when_it_is_overdue() {
    for (allowed, shut) in [(0, true), (1, false)] {
        let mut scene = Scene::new(&[2, 2]);
        scene.package.rings[0] = ring("canary", 0, 0, 1000, allowed);
        scene.package.rings[1].opens = at(0);
        scene.step(0);
        scene.say(0, 5, State::Succeeded);
        scene.standings[1].pending = Some(Counts::NotDone);
        assert_eq!(scene.standings[1].phase(), Phase::Pending);
        let waits = scene.step(6);
        assert_eq!((waits.gate, waits.standings[0].succeeded, waits.standings[0].pending, scene.given(Go::Apply)), (Gate::Open, 1, 1, 2));
        assert!(texts(&scene.look(7)).contains("ring canary needs 1000 of 1000 of its hosts to have succeeded; 1 of them do not count as done until they have rebooted"));
        scene.standings[1].pending = Some(Counts::Overdue);
        let late = scene.step(8);
        assert_eq!((late.gate == Gate::Shut, late.standings[0].overdue, late.standings[0].against.len()), (shut, 1, 1));
        assert_eq!(texts(&scene.look(9)).contains("and 1 wait for a reboot that is overdue, of 2 hosts; at most 0 may"), shut);
        // It rebooted: the ring is whole, and the next one goes.
        scene.standings[1].pending = None;
        scene.step(10);
        assert_eq!(scene.given(Go::Apply), 4);
    }
}

#[test]
fn a_ring_without_its_accreditation_waits_and_what_began_ends() {
    let mut scene = Scene::new(&[2, 2]);
    scene.package.rings[0].soak_seconds = 0;
    scene.package.rings[1].opens = at(0);
    scene.unaccredited = vec![(1, "no accreditation covers it".to_owned())];
    assert_eq!((scene.step(0).gate, scene.given(Go::Apply)), (Gate::Open, 2));
    scene.say(0, 1, State::Succeeded);
    scene.step(2);
    assert_eq!((scene.step(3).gate, scene.given(Go::Apply), texts(&scene.look(3)).as_str()), (Gate::Open, 2, "ring second: no accreditation covers it\n"));
    scene.unaccredited.clear();
    scene.step(4);
    assert_eq!(scene.given(Go::Apply), 4);
    scene.standings[2].outcome = Some(State::Executing);
    // It ends while the ring is open: who has not begun is stopped, nothing is wrong.
    scene.unaccredited = vec![(1, "no accreditation covers it".to_owned())];
    assert_eq!((scene.step(5).gate, scene.standings[2].given, scene.standings[3].given), (Gate::Waiting, Some(Go::Apply), Some(Go::Stop)));
    scene.unaccredited.clear();
    scene.step(6);
    assert_eq!(scene.standings[3].given, Some(Go::Apply));
}

fn watched(ring: usize, heard: Heard) -> Watched {
    Watched { ring, gate: "prometheus: alerts with severity page".to_owned(), max_age: SignedDuration::from_mins(5), heard }
}

fn said(minutes: i64, firing: &[&str]) -> Result<Said, String> {
    Ok(Said { at: at(minutes), firing: firing.iter().map(|name| (*name).to_owned()).collect(), since: at(minutes) })
}

#[test]
fn an_outside_alert_shuts_the_gate_and_its_soak_begins_again() {
    let mut scene = Scene::new(&[2, 2, 2]);
    scene.package.rings[1].opens = at(0);
    scene.package.rings[2].opens = at(0);
    let mut heard = Heard::default();
    let mut hear = |scene: &mut Scene, minutes: i64, answer: Result<Said, String>| {
        heard.take(at(minutes), answer);
        scene.watched = vec![watched(1, heard.clone())];
    };
    // Not asked yet: the ring in front of it goes, it does not.
    scene.watched = vec![watched(1, Heard::default())];
    assert_eq!((scene.step(0).gate, scene.given(Go::Apply)), (Gate::Open, 2));
    scene.say(0, 1, State::Succeeded);
    scene.step(1);
    let waits = scene.step(61);
    assert_eq!((waits.gate, scene.given(Go::Apply)), (Gate::Open, 2));
    assert!(waits.standings[1].waits.iter().any(|wait| wait.ends_with("is not known to be quiet: it was not asked yet")), "{waits:?}");
    // It fires before the ring opens: nothing is shut, nothing opens.
    hear(&mut scene, 62, said(62, &["Errors"]));
    assert_eq!((scene.step(62).gate, scene.given(Go::Apply)), (Gate::Open, 2));
    assert!(texts(&scene.look(63)).contains("ring second: prometheus: alerts with severity page fires: Errors since 2026-11-22T11:02:00Z"));
    hear(&mut scene, 64, said(64, &[]));
    assert_eq!((scene.step(64).gate, scene.given(Go::Apply)), (Gate::Open, 4));
    scene.say(1, 65, State::Succeeded);
    assert_eq!(scene.step(66).rings[1].succeeded, Some(at(66)));
    // It fires while the ring is watched.
    hear(&mut scene, 100, said(100, &["Errors", "Slow"]));
    let shut = scene.step(100);
    assert_eq!((shut.gate, shut.rings[1].succeeded), (Gate::Shut, None));
    assert_eq!((shut.standings[1].outside[0].sign, shut.standings[1].outside[0].at), (Sign::Firing, Some(at(100))));
    // Firing on, the reason stays the same: nothing new is written for it.
    let reason = texts(&scene.look(101));
    hear(&mut scene, 103, said(103, &["Errors", "Slow"]));
    assert_eq!(texts(&scene.look(103)), reason);
    assert_eq!(reason, "ring second: prometheus: alerts with severity page fires: Errors, Slow since 2026-11-22T11:40:00Z\n");
    // Quiet again: the gate opens by itself, and the ring is watched anew.
    hear(&mut scene, 110, said(110, &[]));
    assert_eq!((scene.step(110).gate, scene.rings[1].succeeded), (Gate::Open, Some(at(110))));
    hear(&mut scene, 169, said(169, &[]));
    scene.step(169);
    assert_eq!(scene.given(Go::Apply), 4);
    scene.step(171);
    assert_eq!(scene.given(Go::Apply), 6);
}

#[test]
fn who_cannot_be_asked_keeps_the_gate_shut_once_the_last_answer_is_too_old() {
    let mut scene = Scene::new(&[2, 2]);
    scene.package.rings[1].opens = at(0);
    let mut heard = Heard::default();
    heard.take(at(0), said(0, &[]));
    scene.watched = vec![watched(0, heard.clone())];
    assert_eq!(scene.step(0).gate, Gate::Open);
    // One question without an answer is none for ever.
    heard.take(at(1), Err("prometheus could not be asked: timeout".to_owned()));
    heard.take(at(4), Err("another word".to_owned()));
    scene.watched = vec![watched(0, heard.clone())];
    assert_eq!(scene.step(5).gate, Gate::Open);
    let shut = scene.step(6);
    assert_eq!((shut.gate, shut.standings[0].outside[0].sign, scene.given(Go::Apply)), (Gate::Shut, Sign::Unknown, 0));
    assert!(texts(&scene.look(7)).starts_with("ring canary: prometheus: alerts with severity page is not known to be quiet: no answer since 2026-11-22T10:01:00Z: prometheus could not be asked: timeout\n"));
    // An answer about a past moment is as old as that moment; one about the
    // future is no newer than the question.
    heard.take(at(8), said(2, &[]));
    scene.watched = vec![watched(0, heard.clone())];
    assert_eq!(scene.step(8).gate, Gate::Shut);
    heard.take(at(9), said(9_000, &[]));
    scene.watched = vec![watched(0, heard.clone())];
    assert_eq!((scene.step(9).gate, scene.given(Go::Apply)), (Gate::Open, 2));
    assert_eq!(scene.step(15).gate, Gate::Shut);
    // What is over waits for nobody.
    scene.package.rings[0].failures = 2;
    for (place, standing) in scene.places.iter().zip(&mut scene.standings) {
        standing.outcome = (place.ring == 0).then_some(State::RolledBack);
        standing.barred = (place.ring > 0).then_some(Barred::Gone);
    }
    assert_eq!(scene.step(16).gate, Gate::Done);
}

#[test]
fn a_rollout_ends_only_when_reboots_that_count_are_done() {
    let mut scene = Scene::new(&[1]);
    scene.step(0);
    scene.say(0, 5, State::Succeeded);
    scene.standings[0].pending = Some(Counts::NotDone);
    assert_eq!(scene.step(6).wanted, Wanted::Running);
    scene.standings[0].pending = Some(Counts::Done);
    assert_eq!(scene.step(7).wanted, Wanted::Done);
}

#[test]
fn silent_canaries_shut_the_gate_at_the_number_and_not_below() {
    // Ten canaries of which two may be lost; three go dark after taking it.
    for (dark, shut) in [(3, true), (2, false)] {
        let mut scene = Scene::new(&[10, 20]);
        scene.package.rings[0] = ring("canary", 0, 0, 800, 2);
        scene.step(0);
        scene.say(0, 5, State::Succeeded);
        for standing in scene.standings.iter_mut().take(dark) {
            (standing.outcome, standing.seen, standing.silent) = (None, Some(at(3)), true);
        }
        let decision = scene.step(61);
        assert_eq!((decision.standings[0].silent, decision.gate == Gate::Shut), (dark as u64, shut));
        assert_eq!(decision.standings[0].against, (0..dark as u128).map(HostId::from_bits).collect::<Vec<_>>());
        assert_eq!(scene.given(Go::Apply) > 10, !shut);
        if shut {
            // A stop told to somebody dark does not make the loss undone.
            assert_eq!(scene.step(62).gate, Gate::Shut);
            assert!(texts(&scene.look(63)).starts_with("ring canary: 0 failed and 3 went silent after taking the change, of 10 hosts; at most 2 may"));
        }
    }
}

#[test]
fn who_was_silent_before_is_away_and_catches_up() {
    let mut scene = Scene::new(&[3, 1]);
    scene.package.rings[0].soak_seconds = 0;
    (scene.standings[0].silent, scene.standings[0].seen) = (true, Some(at(-100)));
    scene.step(0);
    scene.say(0, 5, State::Succeeded);
    (scene.standings[0].outcome, scene.standings[0].seen) = (None, Some(at(-100)));
    let decision = scene.step(61);
    assert_eq!((decision.standings[0].away, decision.standings[0].counted()), (1, 2));
    assert_eq!(scene.given(Go::Apply), 3, "the others do not wait for it");
    (scene.standings[0].silent, scene.standings[0].seen) = (false, Some(at(70)));
    scene.step(71);
    assert_eq!(scene.look(72).decision.standings[0].at_work, 1);
    // A ring of nobody but the absent has shown nothing.
    let mut scene = Scene::new(&[1, 1]);
    (scene.standings[0].silent, scene.standings[0].seen) = (true, None);
    scene.step(0);
    scene.step(500);
    assert_eq!(scene.look(500).decision.standings[1].waits, ["ring canary needs 1000 of 1000 of its hosts to have succeeded"]);
}

#[test]
fn a_failure_stops_whoever_has_not_begun_and_lets_the_rest_end() {
    let mut scene = Scene::new(&[4]);
    scene.step(0);
    scene.standings[0].outcome = Some(State::RolledBack);
    scene.standings[1].outcome = Some(State::Executing);
    let decision = scene.step(2);
    assert_eq!(decision.gate, Gate::Shut);
    assert_eq!(scene.standings.iter().map(|standing| standing.given.unwrap()).collect::<Vec<_>>(), [Go::Apply, Go::Apply, Go::Stop, Go::Stop]);
    assert_eq!(scene.step(3).changes, [], "it comes to rest");
}

#[test]
fn pause_resume_and_abort() {
    let mut scene = Scene::new(&[4]);
    scene.step(0);
    scene.standings[0].outcome = Some(State::Executing);
    scene.wanted = Wanted::Paused;
    scene.step(1);
    assert_eq!((scene.given(Go::Apply), scene.given(Go::Stop)), (1, 3));
    scene.standings[0].outcome = Some(State::Succeeded);
    scene.wanted = Wanted::Running;
    scene.step(2);
    assert_eq!((scene.given(Go::Apply), scene.given(Go::Stop)), (4, 0), "resumed exactly where it stood");
    scene.wanted = Wanted::Aborted;
    assert_eq!(scene.step(3).gate, Gate::Done);
    assert_eq!(scene.given(Go::Stop), 3);
}

#[test]
fn nothing_starts_before_the_client_answered_and_who_refused_is_left_out() {
    let mut scene = Scene::new(&[1, 2]);
    scene.waits = vec!["the client was asked for consent".to_owned()];
    let decision = scene.step(0);
    assert_eq!((decision.gate, decision.changes, scene.rings[0].opened), (Gate::Waiting, vec![], None), "no ring opens, nobody starts");
    assert_eq!(texts(&scene.look(500)), "the client was asked for consent\n");
    scene.wanted = Wanted::Paused;
    assert_eq!(scene.step(501).gate, Gate::Shut, "paused is paused");
    scene.wanted = Wanted::Running;
    scene.waits.clear();
    assert_eq!(scene.step(502).gate, Gate::Open);
    assert_eq!((scene.given(Go::Apply), scene.rings[0].opened), (1, Some(at(502))), "the soak counts from the answer on");
    // Refused for good, nobody takes part, and it ends.
    let mut scene = Scene::new(&[1, 2]);
    scene.standings.iter_mut().for_each(|standing| standing.barred = Some(Barred::Refused));
    let decision = scene.step(0);
    assert_eq!((decision.wanted, scene.given(Go::Apply)), (Wanted::Done, 0));
    assert_eq!(decision.standings.iter().map(|ring| ring.left_out).sum::<u64>(), 3);
    // What waits when its package expires ends as well.
    let mut scene = Scene::new(&[1]);
    (scene.waits, scene.package.expires) = (vec!["the client was asked for consent".to_owned()], at(5));
    assert_eq!(scene.step(6).wanted, Wanted::Done);
}

#[test]
fn what_stands_in_the_way_shuts_the_gate_and_expiry_ends_it() {
    let mut scene = Scene::new(&[2]);
    scene.holds = vec!["advisory DSA-1 was withdrawn".to_owned()];
    assert_eq!(scene.step(0).gate, Gate::Shut);
    assert_eq!(scene.given(Go::Apply), 0);
    scene.holds.clear();
    scene.step(1);
    scene.package.expires = at(5);
    scene.standings[0].outcome = Some(State::Executing);
    assert_eq!(scene.step(6).wanted, Wanted::Running, "somebody is at work");
    assert_eq!(scene.standings[1].given, Some(Go::Stop));
    scene.standings[0].outcome = Some(State::Succeeded);
    assert_eq!(scene.step(7).wanted, Wanted::Done);
}

#[test]
fn few_at_once_only_in_their_windows_and_never_two_of_a_pair() {
    let mut scene = Scene::new(&[6]);
    scene.package.at_once = 2;
    let interval = Interval { from: at(10), to: at(60), last_start: at(50) };
    scene.package.windows.insert("night".to_owned(), Window { shown: String::new(), intervals: vec![interval], reboot: true });
    scene.places[0].window = Some("night".to_owned());
    scene.apart = vec![vec![1, 2]];
    scene.step(0);
    let given = |scene: &Scene| scene.standings.iter().map(|standing| standing.given == Some(Go::Apply)).collect::<Vec<_>>();
    assert_eq!(given(&scene), [false, true, false, true, false, false]);
    scene.say(0, 5, State::Succeeded);
    scene.step(11);
    assert_eq!(given(&scene), [true, true, true, true, false, false]);
    // One of the pair failed before: its partner carries the work.
    let mut scene = Scene::new(&[4]);
    scene.package.rings[0] = ring("canary", 0, 0, 500, 2);
    scene.apart = vec![vec![0, 1]];
    scene.step(0);
    scene.standings[0].outcome = Some(State::FailedClean);
    scene.step(1);
    assert_eq!(given(&scene), [true, false, true, true]);
}

proptest! {
    /// Whatever hosts say, whoever goes dark and whatever people want: no ring
    /// opens before its time-lock or before the one in front of it succeeded,
    /// limits hold, and a decision that was followed is not changed again.
    #[test]
    fn limits_hold_over_any_history(
        sizes in prop::collection::vec(1usize..6, 1..4),
        at_once in 0u32..3,
        pairs in any::<bool>(),
        events in prop::collection::vec((0usize..18, 0u8..9, 1i64..40), 0..80),
    ) {
        let mut scene = Scene::new(&sizes);
        scene.package.at_once = at_once;
        for ring in &mut scene.package.rings {
            (ring.soak_seconds, ring.success_per_mille, ring.failures) = (600, 600, 1);
        }
        if pairs {
            scene.apart = (0..scene.places.len() / 2).map(|pair| vec![pair * 2, pair * 2 + 1]).collect();
        }
        let mut minutes = 0;
        for (number, event, pass) in events {
            minutes += pass;
            let number = number % scene.places.len();
            let standing = &mut scene.standings[number];
            if !standing.silent {
                standing.seen = Some(at(minutes));
            }
            let may = standing.given == Some(Go::Apply) && standing.outcome.is_none_or(|state| !state.is_terminal());
            match event {
                0 | 1 if may => standing.outcome = Some(State::Succeeded),
                2 if may => standing.outcome = Some(State::Executing),
                3 if may => standing.outcome = Some(State::FailedClean),
                4 => standing.silent = true,
                5 => (standing.silent, standing.seen) = (false, Some(at(minutes))),
                6 if scene.wanted == Wanted::Running => scene.wanted = Wanted::Paused,
                7 if scene.wanted == Wanted::Paused => scene.wanted = Wanted::Running,
                _ => {}
            }
            let before = scene.standings.clone();
            let decision = scene.step(minutes);
            for (number, go) in &decision.changes {
                if *go != Some(Go::Apply) {
                    continue;
                }
                let ring = scene.places[*number].ring as usize;
                prop_assert!(at(minutes) >= scene.package.rings[ring].opens, "time-lock");
                prop_assert_eq!(decision.gate, Gate::Open);
                if ring > 0 {
                    prop_assert!(decision.rings[ring].opened.is_some());
                }
                prop_assert!(before[*number].outcome.is_none_or(|state| !state.is_terminal()), "nobody twice");
            }
            let at_work = |standing: &Standing| standing.given == Some(Go::Apply) && matches!(standing.phase(), Phase::AtWork | Phase::Silent | Phase::Away);
            for ring in 0..sizes.len() {
                let busy = scene.places.iter().zip(&scene.standings).filter(|(place, standing)| place.ring as usize == ring && at_work(standing)).count();
                prop_assert!(at_once == 0 || busy <= at_once as usize, "{busy} of {at_once}");
            }
            for pair in &scene.apart {
                prop_assert!(pair.iter().filter(|number| at_work(&scene.standings[**number])).count() < 2, "a pair");
            }
            prop_assert_eq!(scene.look(minutes).decision.changes, []);
        }
    }
}

#[test]
fn a_change_that_the_policy_approves_goes_past_its_first_ring_only_while_that_is_well() {
    let mut scene = Scene::new(&[4, 4]);
    // One of four may fail by what people signed; the policy alone allows none.
    (scene.package.rings[0].success_per_mille, scene.package.rings[0].failures) = (750, 1);
    scene.rest = Rest::WithTheFirst("the policy asks 1 of ops".to_owned());
    scene.step(0);
    scene.say(0, 5, State::Succeeded);
    let well = scene.clone();
    scene.standings[0].outcome = Some(State::FailedClean);
    scene.step(6);
    let explained = scene.look(70);
    assert!(explained.decision.rings[1].opened.is_none());
    assert_eq!(
        texts(&explained),
        "ring second: ring canary: 1 failed and 0 went silent, so that the policy does not approve the rest by itself: the policy asks 1 of ops\n"
    );
    // People approve: nothing but their word changed.
    scene.rest = Rest::Free;
    assert!(scene.step(71).rings[1].opened.is_some());
    let mut scene = well;
    scene.step(6);
    assert!(scene.step(70).rings[1].opened.is_some(), "the first ring is well");
    // Whom people have to approve waits however well it is, and what is open stays so.
    scene.rest = Rest::People("the policy asks 1 of ops".to_owned());
    assert!(scene.step(80).rings[1].opened.is_some());
    let mut scene = Scene::new(&[1, 1]);
    scene.rest = Rest::People("the policy asks 1 of ops".to_owned());
    assert_eq!(scene.step(0).rings[0].opened, Some(at(0)));
    scene.say(0, 5, State::Succeeded);
    scene.step(6);
    let waits = &scene.step(600).standings[1].waits;
    assert_eq!(waits, &["it is approved for the first ring alone: the policy asks 1 of ops"]);
}
