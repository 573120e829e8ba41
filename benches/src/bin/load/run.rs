//! Who speaks when.

use crate::arguments::{Arguments, Mode};
use crate::exchange::Connection;
use crate::host::{Fleet, Host, World};
use crate::process::Process;
use crate::report::Template;
use crate::summary::{Head, Summary, Tally};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};

/// How long the last answers are waited for.
const GRACE: Duration = Duration::from_secs(60);

/// A host whose turn it is.
struct Job {
    host: Host,
    due: Instant,
}

/// A host after its turn; none means that it is done.
struct Done {
    host: Host,
    next: Option<Duration>,
}

/// Lets the hosts speak for the time given and adds up.
pub async fn run(arguments: &Arguments) -> Result<Summary, String> {
    let addresses = arguments.addresses()?;
    let mut fleet = Fleet::open(&arguments.state)?;
    let hosts = choose(arguments, &mut fleet)?;
    let template = Template::read(&arguments.packages_root(), usize::from(arguments.packages), usize::from(arguments.drift))?;
    let world = Arc::new(World {
        seed: fleet.seed.clone(),
        log_key: fleet.log_key.clone().map_or_else(OnceLock::new, OnceLock::from),
        token: arguments.token.clone(),
        root_digest: arguments.root_digest.clone(),
        template,
        interval: arguments.interval,
        changing: arguments.changing,
    });
    let mut processes: Vec<Process> = arguments.pid.iter().map(|pid| Process::watch(*pid)).collect::<Result<_, _>>()?;
    let tally = Arc::new(Tally::default());
    let (opened, waited) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (jobs, queue) = mpsc::channel::<Job>(usize::from(arguments.connections));
    let (back, returned) = mpsc::unbounded_channel::<Done>();
    let queue = Arc::new(Mutex::new(queue));
    for turn in 0..usize::from(arguments.connections) {
        let (world, tally, queue, back) = (Arc::clone(&world), Arc::clone(&tally), Arc::clone(&queue), back.clone());
        let (opened, waited) = (Arc::clone(&opened), Arc::clone(&waited));
        let mut connection = Connection::new(&addresses, turn);
        tokio::spawn(async move {
            loop {
                let Some(mut job) = queue.lock().await.recv().await else { break };
                waited.fetch_max(u64::try_from(job.due.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
                let before = connection.opened;
                let next = job.host.turn(&world, &mut connection, &tally, job.due).await;
                opened.fetch_add(connection.opened - before, Ordering::Relaxed);
                if back.send(Done { host: job.host, next }).is_err() {
                    break;
                }
            }
        });
    }
    drop(back);
    let (count, start) = (hosts.len(), Instant::now());
    let hosts = schedule(arguments, hosts, jobs, returned, &mut processes).await;
    let seconds = start.elapsed().as_secs_f64();
    let head = Head {
        mode: format!("{:?}", arguments.mode).to_lowercase(),
        hosts: count,
        servers: addresses.len(),
        unanswered: count - hosts.iter().filter(|host| host.answered).count(),
        left_cut_off: hosts.iter().filter(|host| host.cut_off).count(),
        seconds,
        connections_opened: opened.load(Ordering::Relaxed),
        longest_wait_ms: waited.load(Ordering::Relaxed) as f64 / 1e3,
        generator_cpu_seconds: Process::own_cpu().unwrap_or(0.0),
    };
    keep(fleet, &world, hosts).save(&arguments.state)?;
    Ok(tally.summary(head, processes.iter_mut().map(Process::consumption).collect()))
}

/// The hosts of this run.
fn choose(arguments: &Arguments, fleet: &mut Fleet) -> Result<Vec<Host>, String> {
    if arguments.mode == Mode::Enrol {
        if arguments.token.is_none() {
            return Err("hosts join by a token: give --token, made with as many uses as hosts".to_owned());
        }
        let first = fleet.hosts.iter().map(|host| host.number + 1).max().unwrap_or(0);
        return Ok((first..first + arguments.hosts.unwrap_or(100)).map(Host::new).collect());
    }
    let wanted = arguments.hosts.map_or(usize::MAX, |hosts| hosts as usize);
    let hosts: Vec<Host> = fleet.hosts.iter().filter(|host| host.id.is_some()).take(wanted).cloned().collect();
    if hosts.is_empty() {
        return Err(format!("{} holds no hosts: let some join first (mode enrol)", arguments.state.display()));
    }
    Ok(hosts)
}

/// Gives every host its turn when it is due, until the time is over.
async fn schedule(
    arguments: &Arguments,
    hosts: Vec<Host>,
    jobs: mpsc::Sender<Job>,
    mut returned: mpsc::UnboundedReceiver<Done>,
    processes: &mut [Process],
) -> Vec<Host> {
    let start = Instant::now();
    let count = hosts.len() as u32;
    let interval = Duration::from_secs(u64::from(arguments.interval.unwrap_or(60)));
    let first = |place: u32| match arguments.mode {
        Mode::Enrol => Duration::from_secs(60).mul_f64(f64::from(place) / f64::from(arguments.per_minute)),
        Mode::Steady => interval.mul_f64(f64::from(place) / f64::from(count)),
        Mode::Storm => Duration::ZERO,
    };
    let end = start + match arguments.mode {
        // Whoever is refused once may come again.
        Mode::Enrol => first(count) + Duration::from_secs(120),
        _ => Duration::from_secs(u64::from(arguments.seconds)),
    };
    let mut due: BinaryHeap<Reverse<(Instant, usize)>> = (0..count).map(|place| Reverse((start + first(place), place as usize))).collect();
    let mut waiting: Vec<Option<Host>> = hosts.into_iter().map(Some).collect();
    let places: std::collections::BTreeMap<u32, usize> =
        waiting.iter().enumerate().filter_map(|(place, host)| Some((host.as_ref()?.number, place))).collect();
    let (mut out, mut under_way) = (Vec::new(), 0usize);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        let next = due.peek().map_or(end, |Reverse((next, _))| *next).min(end);
        let is_due = next <= Instant::now();
        if Instant::now() >= end || (due.is_empty() && under_way == 0) {
            break;
        }
        tokio::select! {
            Some(mut done) = returned.recv() => {
                under_way -= 1;
                if arguments.mode == Mode::Enrol && done.host.confirmed.is_some() {
                    done.next = None;
                }
                settle(done, &places, &mut due, &mut waiting, &mut out);
            }
            _ = second.tick() => processes.iter_mut().for_each(Process::look),
            permit = jobs.reserve(), if is_due => {
                let Some(Reverse((due, place))) = due.pop() else { continue };
                if let (Ok(permit), Some(host)) = (permit, waiting.get_mut(place).and_then(Option::take)) {
                    under_way += 1;
                    permit.send(Job { host, due });
                }
            }
            () = tokio::time::sleep_until(next.into()), if !is_due => {}
        }
    }
    drop(jobs);
    let last = async {
        while let Some(done) = returned.recv().await {
            out.push(done.host);
        }
    };
    let _ = tokio::time::timeout(GRACE, last).await;
    out.extend(waiting.into_iter().flatten());
    out
}

fn settle(
    done: Done,
    places: &std::collections::BTreeMap<u32, usize>,
    due: &mut BinaryHeap<Reverse<(Instant, usize)>>,
    waiting: &mut [Option<Host>],
    out: &mut Vec<Host>,
) {
    let place = places.get(&done.host.number).copied();
    match (done.next, place.and_then(|place| Some((place, waiting.get_mut(place)?)))) {
        (Some(next), Some((place, slot))) => {
            *slot = Some(done.host);
            due.push(Reverse((Instant::now() + next, place)));
        }
        _ => out.push(done.host),
    }
}

/// Puts what the hosts learned back into the fleet.
fn keep(mut fleet: Fleet, world: &World, hosts: Vec<Host>) -> Fleet {
    let mut all: std::collections::BTreeMap<u32, Host> = fleet.hosts.drain(..).map(|host| (host.number, host)).collect();
    all.extend(hosts.into_iter().filter(|host| host.id.is_some()).map(|host| (host.number, host)));
    fleet.hosts = all.into_values().collect();
    fleet.log_key = world.log_key.get().cloned();
    fleet
}
