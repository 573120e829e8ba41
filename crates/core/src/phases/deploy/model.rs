//! Assigning, telling and gating as a model whose every state is looked at:
//! hosts that hear late, begin, end, fail, go dark and come back, and people
//! who pause and go on, in every order.

use super::tests::{Scene, at};
use super::*;
use stateright::{Checker, Model, Property};

/// Minutes that are looked at.
const MINUTES: u8 = 3;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Machine {
    /// What it holds of the server's words.
    holds: Option<Go>,
    /// What it did.
    did: Did,
    /// What the server knows of that.
    told: Option<Did>,
    dark: bool,
    /// What the server has it down for, and since which minute.
    given: Option<Go>,
    applied: Option<u8>,
    seen: u8,
    effects: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Did {
    Nothing,
    Began,
    Succeeded,
    Failed,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    minute: u8,
    paused: bool,
    /// Whether people approved more than the first ring.
    approved: bool,
    /// Whether every machine checked in since it was paused.
    heard_pause: Vec<bool>,
    rings: Vec<(Option<u8>, Option<u8>)>,
    machines: Vec<Machine>,
    /// A machine began although it had heard of the pause.
    began_paused: bool,
    /// One of the later ring began before the first had succeeded.
    began_early: bool,
    /// Two of a pair were at work together.
    together: bool,
    /// One of the later ring was let go before people approved.
    unapproved: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Act {
    Minute,
    Decide,
    CheckIn(usize),
    Begin(usize),
    End(usize, bool),
    GoDark(usize),
    Pause,
    Resume,
    Approve,
}

struct Rollouts;

fn minutes(instant: Option<Timestamp>) -> Option<u8> {
    instant.map(|instant| u8::try_from(instant.duration_since(at(0)).as_mins()).unwrap())
}

/// One canary, then two machines that do the same work.
fn scene() -> Scene {
    let mut scene = Scene::new(&[1, 2]);
    scene.package.rings[0].soak_seconds = 60;
    scene.package.rings[1].opens = at(1);
    scene.apart = vec![vec![1, 2]];
    scene
}

fn decided(world: &World) -> Decision {
    let mut scene = scene();
    scene.wanted = if world.paused { Wanted::Paused } else { Wanted::Running };
    scene.rest = if world.approved { Rest::Free } else { Rest::People(String::new()) };
    scene.rings = world.rings.iter().map(|(opened, succeeded)| Progress { opened: opened.map(|minute| at(minute.into())), succeeded: succeeded.map(|minute| at(minute.into())) }).collect();
    for (standing, machine) in scene.standings.iter_mut().zip(&world.machines) {
        standing.given = machine.given;
        standing.applied = machine.applied.map(|minute| at(minute.into()));
        standing.seen = Some(at(machine.seen.into()));
        // Two minutes without a word are silence here.
        standing.silent = machine.dark && world.minute >= machine.seen + 2;
        standing.outcome = match machine.told {
            Some(Did::Began) => Some(State::Executing),
            Some(Did::Succeeded) => Some(State::Succeeded),
            Some(Did::Failed) => Some(State::FailedClean),
            _ => None,
        };
    }
    scene.look(world.minute.into()).decision
}

impl Model for Rollouts {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        let machine = Machine { holds: None, did: Did::Nothing, told: None, dark: false, given: None, applied: None, seen: 0, effects: 0 };
        let start = World { minute: 0, paused: false, approved: true, heard_pause: vec![false; 3], rings: Vec::new(), machines: vec![machine; 3], began_paused: false, began_early: false, together: false, unapproved: false };
        // The first ring is done: what follows is looked at as deep again.
        let mut later = World { minute: 1, rings: vec![(Some(0), Some(0))], ..start.clone() };
        if let Some(canary) = later.machines.first_mut() {
            (canary.did, canary.told, canary.given, canary.applied, canary.effects) = (Did::Succeeded, Some(Did::Succeeded), Some(Go::Apply), Some(0), 1);
        }
        let asked = World { approved: false, ..later.clone() };
        vec![start, later, asked]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        acts.push(Act::Decide);
        if world.minute < MINUTES {
            acts.push(Act::Minute);
        }
        acts.push(if world.paused { Act::Resume } else { Act::Pause });
        if !world.approved {
            acts.push(Act::Approve);
        }
        for (number, machine) in world.machines.iter().enumerate() {
            acts.push(Act::CheckIn(number));
            match machine.did {
                Did::Nothing if machine.holds == Some(Go::Apply) => acts.push(Act::Begin(number)),
                // One machine that can fail and one that can go dark are enough.
                Did::Began if number == 0 => acts.extend([Act::End(number, true), Act::End(number, false)]),
                Did::Began => acts.push(Act::End(number, true)),
                _ => {}
            }
            if !machine.dark && number == 1 {
                acts.push(Act::GoDark(number));
            }
        }
    }

    fn next_state(&self, before: &World, act: Act) -> Option<World> {
        let mut world = before.clone();
        match act {
            Act::Minute => world.minute += 1,
            Act::Pause => (world.paused, world.heard_pause) = (true, vec![false; 3]),
            Act::Resume => world.paused = false,
            Act::Approve => world.approved = true,
            Act::GoDark(number) => world.machines[number].dark = true,
            Act::Decide => {
                let decision = decided(&world);
                world.rings = decision.rings.iter().map(|ring| (minutes(ring.opened), minutes(ring.succeeded))).collect();
                for (number, go) in decision.changes {
                    world.unapproved |= number > 0 && go == Some(Go::Apply) && !world.approved;
                    let machine = &mut world.machines[number];
                    machine.given = go;
                    if go == Some(Go::Apply) {
                        machine.applied.get_or_insert(world.minute);
                    }
                }
            }
            Act::CheckIn(number) => {
                let ended = matches!(world.machines[number].told, Some(Did::Succeeded | Did::Failed));
                let machine = &mut world.machines[number];
                machine.dark = false;
                machine.seen = world.minute;
                machine.told = (machine.did != Did::Nothing).then_some(machine.did).or(machine.told);
                machine.holds = if ended { None } else { machine.given };
                // The server decides before it answers anybody in this model
                // only where somebody lets it: what it holds may be old.
                if world.paused && machine.given != Some(Go::Apply) {
                    world.heard_pause[number] = true;
                }
            }
            Act::Begin(number) => {
                // The host's own rule: its ring's time-lock, which people signed.
                if number > 0 && world.minute < 1 {
                    return None;
                }
                world.began_early |= number > 0 && world.machines[0].did != Did::Succeeded;
                world.began_paused |= world.paused && world.heard_pause[number];
                world.together |= number > 0 && world.machines[3 - number].did == Did::Began;
                let machine = &mut world.machines[number];
                (machine.did, machine.effects) = (Did::Began, machine.effects + 1);
            }
            Act::End(number, well) => world.machines[number].did = if well { Did::Succeeded } else { Did::Failed },
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no ring before the one in front of it succeeded", |_, world: &World| !world.began_early),
            Property::always("nothing begins after a stop that was heard", |_, world: &World| !world.began_paused),
            Property::always("an effect happens once", |_, world: &World| world.machines.iter().all(|machine| machine.effects <= 1)),
            Property::always("never two that do the same work", |_, world: &World| !world.together),
            Property::always("only the first ring goes before people approved", |_, world: &World| !world.unapproved),
            Property::sometimes("both rings succeed", |_, world: &World| {
                world.machines[0].told == Some(Did::Succeeded) && world.machines[1..].iter().any(|machine| machine.told == Some(Did::Succeeded))
            }),
            Property::sometimes("a failure keeps the others from beginning", |_, world: &World| {
                world.machines[0].told == Some(Did::Failed) && world.minute == MINUTES && world.machines[1..].iter().all(|machine| machine.did == Did::Nothing)
            }),
        ]
    }
}

#[test]
fn every_order_of_words_keeps_the_rules() {
    let checker = Rollouts.checker().threads(2).target_max_depth(14).spawn_bfs().join();
    assert!(checker.unique_state_count() > 10_000, "{}", checker.unique_state_count());
    checker.assert_properties();
}
