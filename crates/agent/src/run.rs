//! The agent's loop: look, check in, sleep.

use crate::alarms::Alarms;
use crate::check_in::Member;
use crate::enrol::{self, CHECKPOINT, Joined};
use crate::helper::{Connection, Observed};
use crate::options::{HelperAt, Options};
use crate::pace::Pace;
use crate::reports::Reports;
use crate::sequence::Sequence;
use crate::server::{Failure, Server};
use crate::state::State;
use crate::work::Work;
use crate::{identity, log, sandbox};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{LogKey, code};
use std::time::{Duration, Instant};

/// How often an agent that has not joined looks whether somebody made it.
const WAIT_TO_JOIN: Duration = Duration::from_secs(5);

/// Runs the agent until the process is ended; it may be killed at any moment.
///
/// Must be called while the process has one thread, so that what it gives up
/// is given up for all of it. An agent that has neither joined nor has a token
/// waits for [`join`](crate::join) in another process.
///
/// # Errors
///
/// What no waiting can mend: settings that cannot be used, a state folder that
/// is damaged or held by another agent, a refused token, a wrong root document.
pub fn run(options: &Options) -> Result<(), Problem> {
    let mut agent = Agent::start(options, true)?;
    loop {
        let pause = agent.round();
        if agent.abandoned {
            return Err(Problem::new("E-HELPER", "standard input", "is closed: the helper that started this agent is gone", "start the helper again"));
        }
        std::thread::sleep(pause);
    }
}

/// Checks in once, the report included where the server wants it, and ends.
///
/// For timers of a host's own, and tests.
///
/// # Errors
///
/// Also what [`run`] would try again.
pub fn run_once(options: &Options) -> Result<(), Problem> {
    let mut agent = Agent::start(options, false)?;
    let observed = agent.look();
    agent.member.check_in(&observed).map(drop).map_err(|failure| failure.problem)?;
    if !matches!(options.helper, HelperAt::Here) {
        agent.member.advance(&agent.helper);
    }
    Ok(())
}

/// Shortest time between two tries to read a host that cannot be read.
const AFTER_FAILURE: Duration = Duration::from_secs(600);
/// Subject of the alarm that the host cannot be read.
const UNREAD: &str = "unread";

struct Agent<'a> {
    options: &'a Options,
    helper: Connection,
    member: Member,
    pace: Pace,
    /// What this process could not do for its own protection.
    problems: Vec<Problem>,
    last: Observed,
    /// When reading the host last failed, if it failed the last time.
    failed: Option<Instant>,
    /// Whether the helper that started this process is gone, which nothing
    /// mends.
    abandoned: bool,
    /// Whether the helper knows that the server answers this process.
    told: bool,
    /// When the next check-in is due; what is under way may be looked at more
    /// often.
    due: Instant,
}

impl<'a> Agent<'a> {
    fn start(options: &'a Options, wait: bool) -> Result<Self, Problem> {
        if wait && options.token.is_none() {
            wait_to_join(options)?;
        }
        let state = State::open(&options.state)?;
        let joined = Joined::read(state.folder())?;
        let server = Server::new(enrol::address(options, joined.as_ref())?, options)?;
        let helper = Connection::new(&options.helper)?;
        let mut problems = Vec::new();
        // Without a helper this process reads the whole host and starts its
        // package manager, which the sandbox forbids.
        if options.sandbox && !matches!(options.helper, HelperAt::Here) {
            problems = sandbox::agent(state.folder(), options.ca_file.as_deref(), server.ports());
            problems.iter().for_each(log::problem);
        }
        let joined = match joined {
            Some(joined) => joined,
            None => membership(options, &state, &server, &helper, wait)?,
        };
        let member = Member {
            log_key: LogKey::read(&joined.log_key)?,
            key: identity::key(&state)?,
            sequence: Sequence::open(&state, u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))?,
            reports: Reports::open(&state),
            alarms: Alarms::open(&state),
            remembered: state.read_json(CHECKPOINT)?,
            work: Work::open(&state),
            joined,
            server,
            state,
        };
        log::say(&format!("{} speaks for host {} to {}", crate::AGENT, member.joined.host, member.server.address()));
        let last = Observed { fingerprint: String::new(), boot_id: identity::boot_id(), hardware_digest: String::new() };
        Ok(Self { options, helper, member, pace: Pace::default(), problems, last, failed: None, abandoned: false, told: false, due: Instant::now() })
    }

    /// Checks in when it is due, goes on with what is assigned, and says how
    /// long to sleep.
    fn round(&mut self) -> Duration {
        if self.due <= Instant::now() {
            self.due = Instant::now() + self.check_in();
        }
        let pause = self.due.saturating_duration_since(Instant::now());
        match self.options.helper {
            HelperAt::Here => pause,
            _ => self.member.advance(&self.helper).map_or(pause, |next| next.min(pause)),
        }
    }

    /// Looks, checks in, and says when to do it again.
    fn check_in(&mut self) -> Duration {
        let observed = self.look();
        match self.member.check_in(&observed) {
            Ok(next) => {
                // Once a process: an update of this program itself waits for it.
                if !self.told && !matches!(self.options.helper, HelperAt::Here) {
                    self.told = self.helper.answered().is_ok();
                }
                self.pace.answered(next)
            }
            Err(failure) => {
                log::problem(&failure.problem);
                let pause = self.pace.failed(failure.after);
                // A person has to act first; asking more often helps nobody.
                let patient = [code::RETIRED, code::HOST, code::PENDING].contains(&failure.problem.code.as_str());
                if patient { pause.max(Duration::from_secs(60)) } else { pause }
            }
        }
    }

    /// Looks at the host, and reads it where it seems to have changed or was
    /// not read for long.
    ///
    /// Where the helper cannot be had the last report stands, and the server is
    /// told why.
    fn look(&mut self) -> Observed {
        let outcome = self.helper.observe().and_then(|observed| {
            self.last = observed;
            if self.is_due() { self.read_host() } else { Ok(()) }
        });
        match outcome {
            Ok(()) => self.member.alarms.settle(UNREAD),
            Err(problem) => {
                self.abandoned = self.helper.observe().is_err() && matches!(self.options.helper, HelperAt::StandardInput);
                self.member.alarms.raise(&self.member.state, UNREAD, &problem);
            }
        }
        self.last.clone()
    }

    fn is_due(&self) -> bool {
        if self.failed.is_some_and(|failed| failed.elapsed() < AFTER_FAILURE) {
            return false;
        }
        let reports = &self.member.reports;
        let age = reports.made.map(|made| Timestamp::now().as_second().saturating_sub(made.as_second()));
        // A clock that was set back makes the age negative: read again.
        let fresh = age.is_some_and(|age| (0..self.options.full_every.as_secs()).contains(&u64::try_from(age).unwrap_or(u64::MAX)));
        reports.current.is_none() || reports.fingerprint != self.last.fingerprint || !fresh
    }

    fn read_host(&mut self) -> Result<(), Problem> {
        let Member { reports, state, .. } = &mut self.member;
        let known = reports.boot.as_ref().filter(|(boot, _)| *boot == self.last.boot_id).map(|(_, booted)| *booted);
        self.failed = Some(Instant::now());
        let (booted, bytes) = self.helper.inventory(self.options.languages, known, self.problems.clone())?;
        self.failed = None;
        reports.boot = booted.map(|booted| (self.last.boot_id.clone(), booted));
        reports.made = Some(Timestamp::now());
        reports.fingerprint.clone_from(&self.last.fingerprint);
        reports.put(state, &bytes)
    }
}

/// Sleeps until `join` has been called by somebody.
fn wait_to_join(options: &Options) -> Result<(), Problem> {
    let mut said = false;
    while Joined::read(&options.state)?.is_none() {
        if !said {
            log::say("this host has not joined a server yet; next: run the join command that the console shows");
            said = true;
        }
        std::thread::sleep(WAIT_TO_JOIN);
    }
    Ok(())
}

/// Joins; tries again as long as only the network is in the way.
fn membership(options: &Options, state: &State, server: &Server, helper: &Connection, wait: bool) -> Result<Joined, Problem> {
    let mut pace = Pace::default();
    loop {
        match enrol::enrol(options, state, server, helper) {
            Ok(joined) => return Ok(joined),
            Err(failure) if wait && passing(&failure) => {
                log::problem(&failure.problem);
                std::thread::sleep(pace.failed(failure.after));
            }
            Err(failure) => return Err(failure.problem),
        }
    }
}

/// Whether trying again can help without anybody doing anything.
fn passing(failure: &Failure) -> bool {
    match failure.status {
        Some(status) => status == 429 || status >= 500,
        None => ["E-NETWORK", "E-TLS", "E-PROXY"].contains(&failure.problem.code.as_str()),
    }
}
