//! `plimsoll lab`: real hosts in namespaces of this machine, with a server of
//! their own, to carry a patch through all its phases under one's eyes.
//!
//! Nothing in it is played: the hosts run the distribution's own base release,
//! their pending updates are the repositories' own, the server and the agents
//! are this program. Everything is gone when it ends.

mod advisory;
mod base;
mod host;
mod network;
mod rpm_base;
mod scenario;
mod server;
mod system;
mod takeover;
mod tools;
mod walk;

use crate::arguments::{Lab, PlainFormat, Scenario};
use crate::printer::{Failure, Outcome, Printer};
use base::{Base, Mirrors};
use host::LabHost;
use network::Network;
use plimsoll_core::model::problem::Problem;
use rpm_base::RpmBase;
use serde_json::{Value, json};
use server::Server;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use system::System;

/// Whether somebody asked for the end.
pub struct Stopped(Arc<AtomicBool>);

impl Stopped {
    /// Listens for the signals that ask for it, so that what was made is
    /// cleared away.
    fn listen() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&asked);
        let runtime = super::runtime()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let (Ok(mut end), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else { return };
                tokio::select! {
                    _ = end.recv() => {}
                    _ = interrupt.recv() => {}
                }
                heard.store(true, Ordering::Release);
            });
        });
        Ok(Self(asked))
    }

    /// Ends the work where it was asked for.
    ///
    /// # Errors
    ///
    /// `E-STOPPED`.
    pub fn check(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Acquire) {
            return Err(Failure::unfinished(Problem::new("E-STOPPED", "plimsoll lab", "was told to stop", "nothing is left of it; start it again")));
        }
        Ok(())
    }
}

/// A file that cannot be used.
fn failed(path: &Path, error: &std::io::Error) -> Failure {
    let problem = Problem::new("E-WRITE", path.display().to_string(), error.to_string(), "name other folders with `--work` and `--cache`");
    Failure::unfinished(problem)
}

/// Something of the lab that does not work.
fn unfinished(place: &str, text: &str) -> Failure {
    Failure::unfinished(Problem::new("E-LAB", place, text, "run the command again with more time or room; report it if it stays"))
}

/// Runs the lab.
///
/// # Errors
///
/// Where it cannot be made; what was made is cleared away.
pub fn run(arguments: &Lab, printer: &Printer) -> Result<Outcome, Failure> {
    enough(arguments)?;
    base::check_tools()?;
    let stopped = Stopped::listen()?;
    let place = Place::new(arguments)?;
    let lab = LabHosts::start(arguments, place, printer, &stopped)?;
    lab.wait_for_reports(Duration::from_secs(180), &stopped)?;
    if let Some(scenario) = arguments.scenario {
        let outcome = scenario::play(scenario, &lab, arguments.format, printer, &stopped);
        if outcome.is_err() {
            lab.keep_logs(printer);
        }
        return outcome;
    }
    lab.tell(arguments.format, printer)?;
    while stopped.check().is_ok() {
        std::thread::sleep(Duration::from_millis(200));
    }
    printer.say("clearing the lab away");
    Ok(Outcome::Clean)
}

/// Refuses a scenario that tells hosts apart where there is only one, and more
/// hosts of a kind than there are.
fn enough(arguments: &Lab) -> Result<(), Failure> {
    if arguments.rpm >= arguments.hosts && arguments.rpm > 0 {
        let text = format!("leaves none of {} hosts for Debian, on which the drill is", arguments.hosts);
        return Err(Failure::input(Problem::new("E-USAGE", format!("--rpm {}", arguments.rpm), text, "use a smaller number, or more `--hosts`")));
    }
    match arguments.scenario {
        Some(scenario) if scenario != Scenario::GoodPatch && arguments.hosts < 2 => {
            let text = "is too few for this scenario, which holds what happens on some hosts against others";
            Err(Failure::input(Problem::new("E-USAGE", "--hosts 1", text, "use `--hosts 2` or more")))
        }
        _ => Ok(()),
    }
}

/// A folder that is removed with everything in it.
struct Place(PathBuf);

impl Place {
    fn new(arguments: &Lab) -> Result<Self, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = arguments.work.join(format!("plimsoll-lab-{}", std::process::id()));
        // The agents' halves without privileges must pass through it.
        std::fs::DirBuilder::new().recursive(true).mode(0o711).create(&folder).map_err(|error| failed(&folder, &error))?;
        Ok(Self(folder))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // An overlay's working folder takes a moment to be let go of.
        for _ in 0..20 {
            if std::fs::remove_dir_all(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Hosts and server. Fields are dropped in this order: hosts, then what they
/// stand on.
struct LabHosts {
    hosts: Vec<LabHost>,
    server: Server,
    network: Network,
    advisory: advisory::Drill,
    base: Base,
    rpm: Option<RpmBase>,
    place: Place,
}

impl LabHosts {
    /// Hosts as the server lists them.
    fn hosts_listed(&self) -> Result<Vec<Value>, Failure> {
        Ok(self.server.plimsoll(&["hosts", "list", "--format", "json"])?.as_array().cloned().unwrap_or_default())
    }

    /// Says what server and hosts had to say last, before it is gone.
    fn keep_logs(&self, printer: &Printer) {
        let tail = |text: String| text.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
        printer.say(&format!("the server said last:\n{}", tail(std::fs::read_to_string(self.place.0.join("server.log")).unwrap_or_default())));
        for host in self.hosts.iter().take(2) {
            printer.say(&format!("{} said last:\n{}", host.name, tail(host.said(&["cat", "/var/log/plimsoll-agent.log"]).unwrap_or_default())));
        }
    }

    fn start(arguments: &Lab, place: Place, printer: &Printer, stopped: &Stopped) -> Result<Self, Failure> {
        let began = Instant::now();
        let say = |text: &str| printer.say(&format!("{:6.1} s  {text}", began.elapsed().as_secs_f64()));
        let base = Base::prepare(&arguments.cache, Mirrors::of_this_machine(&arguments.release), &say, stopped)?;
        let mut network = Network::new()?;
        let rpm = (arguments.rpm > 0).then(|| RpmBase::prepare(&arguments.cache, &base.mirrors, arguments.port + 1, &say, stopped)).transpose()?;
        let drill = advisory::Drill::prepare(&base, rpm.as_ref(), &place.0)?;
        say(&format!("{} packages have security updates pending", drill.update(System::Dpkg).pending.len()));
        let rules = if arguments.scenario == Some(Scenario::ServerTakeover) { takeover::window() } else { String::new() };
        let server = Server::start(&place.0, arguments.port, &drill.database, &rules, stopped)?;
        say(&format!("the server is up at {}", server.url));
        let token = server.enrolment(arguments.hosts)?;
        let mut hosts = Vec::new();
        for number in 1..=arguments.hosts {
            stopped.check()?;
            // The last of them, so that a host keeps its name whatever else there is.
            let (root, system) = match &rpm {
                Some(rpm) if number > arguments.hosts - arguments.rpm => (&rpm.root, System::Rpm),
                _ => (&base.root, System::Dpkg),
            };
            let host = LabHost::start(&mut network, &place.0, root, system, number)?;
            host.join(&server, &token)?;
            hosts.push(host);
        }
        say(&format!("{} hosts are up", hosts.len()));
        Ok(Self { hosts, server, network, advisory: drill, base, rpm, place })
    }

    /// Waits until the server shows every host as it is.
    fn wait_for_reports(&self, patience: Duration, stopped: &Stopped) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            stopped.check()?;
            let reported = self.hosts_listed()?.into_iter().filter(|host| !host["updates"].is_null()).count();
            if reported >= self.hosts.len() {
                return Ok(());
            }
            if began.elapsed() > patience {
                let text = format!("{reported} of {} hosts had reported after {} s", self.hosts.len(), patience.as_secs());
                return Err(unfinished("the hosts", &text));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Says where everything is.
    fn tell(&self, format: PlainFormat, printer: &Printer) -> Result<(), Failure> {
        let sign_in = self.server.invite("operator", "operator")?;
        let hosts: Vec<Value> = self.hosts.iter().map(|host| json!({ "name": host.name, "system": host.system })).collect();
        if format == PlainFormat::Json {
            let answer = json!({
                "url": self.server.url, "sign_in": sign_in, "token": self.server.token, "ca": self.server.authority,
                "root": self.server.keys.join("root.json"), "keys": self.server.keys.join("keys"), "hosts": hosts,
                "pending": self.advisory.update(System::Dpkg).pending,
            });
            return printer.data(&format!("{answer}\n"));
        }
        printer.data(&format!("{sign_in}\n"))?;
        printer.say(&format!(
            "\nThe link above signs you in, once; the certificate is of the lab's own authority, {}.\n\
             On the command line:\n\n  export PLIMSOLL_SERVER={} PLIMSOLL_CA={} PLIMSOLL_API_TOKEN={}\n  plimsoll hosts list\n\n\
             The keys of {} are in {}; two of them approve. Ctrl-C ends the lab.",
            self.server.authority.display(),
            self.server.url,
            self.server.authority.display(),
            self.server.token,
            server::PEOPLE.join(", "),
            self.server.keys.join("keys").display(),
        ));
        Ok(())
    }
}
