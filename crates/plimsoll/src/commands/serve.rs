//! `plimsoll serve` and `plimsoll up`: the server, and the whole of an
//! evaluation in one command.

use super::{basis, root, runtime};
use crate::arguments::{Serve, Up};
use crate::places;
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::problem::Problem;
use plimsoll_server::http::tls;
use plimsoll_server::notices::Settings;
use plimsoll_server::notices::mail::Smtp;
use plimsoll_server::policy::Given;
use plimsoll_server::outward::{Allowed, host_and_port};
use plimsoll_server::configuration::OnlineKey;
use plimsoll_server::setup::{self, FirstSteps};
use plimsoll_server::{Configuration, Running};
use serde_json::json;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Who holds the key of an evaluation's root.
const EVALUATION: &str = "evaluation";
/// Days until an evaluation's root document expires.
const ROOT_DAYS: u32 = 365;
/// How often sources are fetched again: the fastest of them change hourly,
/// most daily.
const REFRESH: Duration = Duration::from_secs(6 * 3600);

/// Runs a server until it is told to stop.
pub fn serve(arguments: &Serve, printer: &Printer) -> Result<Outcome, Failure> {
    log(printer);
    let data = folder(arguments.data.as_deref())?;
    let root = arguments.root.as_deref().map(|file| root::read(file).map(|root| root.bytes().to_vec())).transpose()?;
    let online = online_key(arguments.online_key.as_deref(), arguments.root.as_deref())?;
    let configuration = Configuration { online_key: online, ..configuration(arguments, &data, root, false)? };
    runtime()?.block_on(async {
        let mut told = Told::listen()?;
        let Some(running) = told.start(configuration).await? else { return Ok(Outcome::Clean) };
        printer.say(&format!("Plimsoll listens at {}", running.app.url));
        let refresh = arguments.update.then(|| tokio::spawn(refresh(running.app.configuration.advisories.clone(), true)));
        let told = told.wait(&running).await;
        if let Some(refresh) = refresh {
            refresh.abort();
        }
        running.stop().await;
        told.map(|()| Outcome::Clean)
    })
}

/// Starts a server, joins this machine as its first host, and says where to
/// look.
pub fn up(arguments: &Up, printer: &Printer) -> Result<Outcome, Failure> {
    log(printer);
    let data = folder(arguments.serve.data.as_deref())?;
    if arguments.serve.tls_client_ca.is_some() {
        return Err(Failure::input(Problem::new("E-USAGE", "--tls-client-ca", "needs a certificate on each host, which `up` does not make", "use `plimsoll serve`")));
    }
    let root = evaluation_root(&data)?;
    let online = online_key(arguments.serve.online_key.as_deref(), Some(&data.join("root/root.json")))?;
    let configuration = Configuration { online_key: online, ..configuration(&arguments.serve, &data, Some(root), true)? };
    runtime()?.block_on(async {
        let mut told = Told::listen()?;
        let Some(running) = told.start(configuration).await? else { return Ok(Outcome::Clean) };
        let steps = setup::first_steps(&running.app).await?;
        let mut agent = join(&running, &data, &steps, arguments.ca.as_deref())?;
        announce(&running, &steps, arguments.json, printer)?;
        // A database that somebody named is theirs to keep fresh.
        let own = arguments.serve.db.is_none();
        let refresh = own.then(|| tokio::spawn(refresh(running.app.configuration.advisories.clone(), false)));
        let told = told.wait(&running).await;
        if let Some(refresh) = refresh {
            refresh.abort();
        }
        end(&mut agent);
        running.stop().await;
        told.map(|()| Outcome::Clean)
    })
}

/// Makes the first API token of a server that is not running: it sees
/// everything, looks after hosts, and can change neither people nor policy.
pub fn first_token(arguments: &Serve) -> Result<String, Failure> {
    let data = folder(arguments.data.as_deref())?;
    let root = arguments.root.as_deref().map(|file| root::read(file).map(|root| root.bytes().to_vec())).transpose()?;
    let configuration = configuration(arguments, &data, root, false)?;
    runtime()?.block_on(async {
        let running = plimsoll_server::start(configuration).await?;
        let steps = setup::first_steps(&running.app).await;
        running.stop().await;
        Ok(steps?.token)
    })
}

/// Writes what the server has to say to standard error: of itself everything
/// worth knowing, of libraries what is amiss, and with `--quiet` failures only.
fn log(printer: &Printer) {
    let (own, others) = if printer.talks() { (LevelFilter::INFO, LevelFilter::WARN) } else { (LevelFilter::ERROR, LevelFilter::ERROR) };
    let wanted = Targets::new().with_default(others).with_target("plimsoll", own);
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr).with_ansi(true).with_target(false);
    // Only a second one in one process could fail, and there is none.
    let _ = tracing_subscriber::registry().with(lines.with_filter(wanted)).try_init();
}

/// The data folder, made if need be, for its owner alone.
fn folder(told: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = told.map_or_else(places::server, Path::to_path_buf);
    // Every file made from here on is its owner's alone. The folder itself may
    // be passed through, not looked into: the agent's folder lies in it, and
    // its half without privileges must reach that.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    let passable = made.and_then(|()| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)));
    let whole = passable.and_then(|()| std::fs::canonicalize(&folder));
    whole.map_err(|error| {
        Failure::unfinished(Problem::new(
            "E-WRITE",
            folder.display().to_string(),
            format!("cannot be made: {error}"),
            "name a folder that you may write to, with `--data`",
        ))
    })
}

fn configuration(arguments: &Serve, data: &Path, root: Option<Vec<u8>>, evaluation: bool) -> Result<Configuration, Failure> {
    let settings = plimsoll_server::settings::find(arguments.settings.as_deref(), data).map_err(Failure::input)?;
    Ok(Configuration {
        tool: super::scan::TOOL.to_owned(),
        data: data.to_owned(),
        listen: arguments.listen,
        public_url: arguments.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        database: arguments.database.clone(),
        advisories: arguments.db.clone().unwrap_or_else(|| data.join("advisories.plimsolldb")),
        advisories_key: arguments.db_key.as_deref().map(basis::key).transpose()?,
        policies: match &arguments.policy {
            Some(word) => {
                let (set, place, text) = basis::named_policies(word)?;
                Some(Given { place, text, set: set.into() })
            }
            None => None,
        },
        root,
        online_key: None,
        artefacts: arguments.artefacts.clone(),
        evaluation,
        check_in_seconds: arguments.check_in,
        silence_seconds: arguments.silence.unwrap_or_else(|| Configuration::SILENCE_SECONDS.max(arguments.check_in.saturating_mul(11))).max(arguments.check_in.saturating_mul(3)),
        trusted_proxies: arguments.trusted_proxy.clone(),
        notices: notices(arguments)?,
        tls: match (&arguments.tls_certificate, &arguments.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(tls::Files { certificate: certificate.clone(), key: key.clone(), client_authorities: arguments.tls_client_ca.clone() })
            }
            _ => None,
        },
        sign_in: settings.sign_in,
        outside_alerts: settings.outside_alerts,
    })
}

/// The root's online key: the file that is named, else the one that `root
/// init` laid beside the root document.
fn online_key(named: Option<&Path>, root: Option<&Path>) -> Result<Option<OnlineKey>, Failure> {
    let beside = root.and_then(Path::parent).map(|folder| folder.join("online.pem")).filter(|file| file.is_file());
    let Some(file) = named.map(Path::to_path_buf).or(beside) else { return Ok(None) };
    std::fs::read_to_string(&file).map(|pem| Some(OnlineKey(pem))).map_err(|error| {
        Failure::input(Problem::new("E-READ", file.display().to_string(), error.to_string(), "name the online.pem that `plimsoll root init` made, with `--online-key`"))
    })
}

/// What goes out to other systems and people, and how.
fn notices(arguments: &Serve) -> Result<Settings, Failure> {
    let inward = arguments.allow_inward.iter().map(|text| {
        host_and_port(text).ok_or_else(|| {
            Failure::input(Problem::new("E-USAGE", "--allow-inward", format!("{text:?} is no host and port"), "write HOST:PORT, as in the address: hooks.corp.example:443"))
        })
    });
    let allowed = Allowed { inward: inward.collect::<Result<_, _>>()?, authorities: arguments.outward_ca.clone(), proxy: None };
    let smtp = match (&arguments.smtp, &arguments.mail_from) {
        (Some(url), Some(from)) => Some(Smtp { url: url.clone(), user: arguments.smtp_user.clone(), password: smtp_password(arguments)?, from: from.clone() }),
        _ => None,
    };
    Ok(Settings { allowed, smtp, ..Settings::default() })
}

/// The mail server's password: from a file, else from the environment; never
/// from the command line, which other users can read.
fn smtp_password(arguments: &Serve) -> Result<Option<String>, Failure> {
    if arguments.smtp_user.is_none() {
        return Ok(None);
    }
    let Some(file) = &arguments.smtp_password_file else {
        let given = std::env::var("PLIMSOLL_SMTP_PASSWORD").ok().filter(|password| !password.is_empty());
        return given.map(Some).ok_or_else(|| {
            Failure::input(Problem::new("E-USAGE", "--smtp-user", "comes without a password", "name a file with `--smtp-password-file`, or set PLIMSOLL_SMTP_PASSWORD"))
        });
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::input(Problem::new("E-READ", file.display().to_string(), error.to_string(), "name a file that holds the password"))
    })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The root of an evaluation: one key, on this machine, and every page says so.
fn evaluation_root(data: &Path) -> Result<Vec<u8>, Failure> {
    let folder = data.join("root");
    let file = folder.join("root.json");
    if file.exists() {
        return Ok(root::read(&file)?.bytes().to_vec());
    }
    // Killed in the middle, it left a folder without a document: nothing ever
    // trusted those keys.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| {
            Failure::unfinished(Problem::new("E-WRITE", folder.display().to_string(), error.to_string(), "remove the folder by hand"))
        })?;
    }
    Ok(root::make(&folder, vec![(EVALUATION.to_owned(), root::Source::Made(None))], 1, ROOT_DAYS)?.bytes().to_vec())
}

/// Starts this machine's agent as a process of its own.
fn join(running: &Running, data: &Path, steps: &FirstSteps, ca: Option<&Path>) -> Result<Child, Failure> {
    let state = data.join("agent");
    let mut command = Command::new("/proc/self/exe");
    command.arg("agent").arg("--state").arg(&state).arg("--server").arg(&running.app.url).stdin(Stdio::null());
    if let Some(token) = &steps.enrolment {
        // Through the environment: other users can read a command line.
        command.env("PLIMSOLL_TOKEN", token);
    }
    if let Some(ca) = ca {
        command.arg("--ca").arg(ca);
    }
    if let Some(digest) = &running.app.root_digest {
        command.arg("--root-digest").arg(digest);
    }
    command.spawn().map_err(|error| {
        Failure::unfinished(Problem::new("E-RUN", "the agent", format!("cannot be started: {error}"), "check the limits of processes"))
    })
}

fn end(agent: &mut Child) {
    let pid = rustix::process::Pid::from_child(agent);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    let _ = agent.wait();
}

fn announce(running: &Running, steps: &FirstSteps, as_json: bool, printer: &Printer) -> Result<(), Failure> {
    let url = &running.app.url;
    if as_json {
        return printer.data(&format!("{}\n", json!({ "url": url, "sign_in": steps.sign_in, "token": steps.token })));
    }
    printer.data(&format!("{}\n", steps.sign_in))?;
    printer.say(&format!(
        "\nPlimsoll is up at {url}. The link above signs you in, once.\n\
         This machine is the first host. Another joins with:\n\n  {}\n\n\
         This is an evaluation: its root key lies on this machine.",
        steps.join
    ));
    Ok(())
}

/// The signals that end a server; heard from before anybody is told that it is
/// up, so that one which follows at once ends it in order.
struct Told {
    end: Signal,
    interrupt: Signal,
}

impl Told {
    fn listen() -> Result<Self, Failure> {
        let deaf = |error: std::io::Error| {
            Failure::unfinished(Problem::new("E-RUN", "the server", format!("cannot hear signals: {error}"), "report this as a bug"))
        };
        Ok(Self { end: signal(SignalKind::terminate()).map_err(deaf)?, interrupt: signal(SignalKind::interrupt()).map_err(deaf)? })
    }

    /// Starts a server; none where a signal came first, which leaves what a
    /// kill would.
    async fn start(&mut self, configuration: Configuration) -> Result<Option<Running>, Failure> {
        tokio::select! {
            running = plimsoll_server::start(configuration) => Ok(Some(running?)),
            _ = self.end.recv() => Ok(None),
            _ = self.interrupt.recv() => Ok(None),
        }
    }

    /// Waits for one, or for a loss after which only a start helps.
    async fn wait(mut self, running: &Running) -> Result<(), Failure> {
        tokio::select! {
            _ = self.end.recv() => {}
            _ = self.interrupt.recv() => {}
            lost = running.app.store.lost_write() => return Err(Failure::unfinished(*lost.problem)),
        }
        Ok(())
    }
}

/// Fetches the sources and builds the advisory database now and then, in a
/// process of its own: what parses the world's feeds holds no key of ours, and
/// its memory goes when it ends. The server sees the new file by itself.
async fn refresh(to: PathBuf, all: bool) {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("plimsoll"));
    loop {
        let mut command = tokio::process::Command::new(&program);
        command.args(["--quiet", "db", "update", "--to"]).arg(&to).kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null());
        if all {
            command.arg("--all");
        }
        match command.status().await {
            Ok(status) if status.success() => tracing::info!("the sources were fetched"),
            Ok(status) => tracing::warn!(%status, "not every source could be fetched; the last good facts stay in use"),
            Err(error) => tracing::error!(%error, "the sources cannot be fetched"),
        }
        tokio::time::sleep(REFRESH).await;
    }
}
