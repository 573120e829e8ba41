//! Joining a server.

use crate::exchange::Speaker;
use crate::helper::Connection;
use crate::options::Options;
use crate::sequence::Sequence;
use crate::server::{Failure, Server};
use crate::state::{self, State};
use crate::{AGENT, identity, log};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::HostState;
use plimsoll_formats::protocol::{self, Checkpoint, Enrol, Enrolled, LogKey, Remembered, read_message};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// File of the membership.
const FILE: &str = "host.json";
/// File of the root document.
const ROOT: &str = "root.json";
/// File of the newest evidence checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint.json";

/// What the host knows of its server since it joined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Joined {
    /// The server's address.
    pub server: String,
    /// The host's id.
    pub host: String,
    /// The client it belongs to.
    pub client: String,
    /// Verifier key of the server's evidence log.
    pub log_key: String,
    /// SHA-256 of the root document, where the join command named one.
    pub root_digest: Option<String>,
    /// Seconds between check-ins.
    pub check_in_seconds: u32,
    /// Whether a person must decide first (at the time of joining).
    pub pending: bool,
}

impl Joined {
    /// Reads it from a state folder that need not be locked; none before the
    /// host joined.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Problem> {
        state::read_json(&folder.join(FILE))
    }
}

/// Joins a server with the one-time token of `options`, and keeps what it says
/// in the state folder. A host that has joined already stays as it is.
///
/// The key is on disk before anybody hears of it, and the same token with the
/// same key is the same request: a host killed in between asks again and gets
/// the same answer.
///
/// # Errors
///
/// `E-TOKEN` and other refusals of the server; `E-ROOT` where the server's root
/// document is not the one that the join command named; `E-ADDRESS`,
/// `E-NETWORK`, `E-TLS` where it cannot be reached.
pub fn join(options: &Options) -> Result<Joined, Problem> {
    if let Some(joined) = Joined::read(&options.state)? {
        return Ok(joined);
    }
    let state = State::open(&options.state)?;
    let server = Server::new(address(options, None)?, options)?;
    let helper = Connection::new(&options.helper)?;
    enrol(options, &state, &server, &helper).map_err(|failure| failure.problem)
}

/// The server's address: as told, or as joined.
pub(crate) fn address<'a>(options: &'a Options, joined: Option<&'a Joined>) -> Result<&'a str, Problem> {
    let address = options.server.as_deref().or(joined.map(|joined| joined.server.as_str()));
    address.ok_or_else(|| lacking("server", "name the server's address"))
}

fn lacking(what: &str, next: &str) -> Problem {
    Problem::new("E-JOIN", "plimsoll-agent", format!("has no {what}"), next)
}

/// The same with a folder that is held already.
pub(crate) fn enrol(options: &Options, state: &State, server: &Server, helper: &Connection) -> Result<Joined, Failure> {
    let token = options.token.as_deref().ok_or_else(|| lacking("token", "copy the whole join command from the console"))?;
    let key = identity::key(state)?;
    let hardware_digest = helper.observe().map(|seen| seen.hardware_digest).unwrap_or_else(|problem| {
        log::problem(&problem);
        String::new()
    });
    let message = Enrol {
        token: token.to_owned(),
        name: options.name.clone().unwrap_or_else(identity::host_name),
        public_key: identity::public(&key),
        machine_id_digest: identity::machine_id_digest(),
        hardware_digest,
        boot_id: identity::boot_id(),
        agent: AGENT.to_owned(),
        protocol: protocol::VERSION,
        root_digest: options.root_digest.clone(),
    };
    let mut sequence = Sequence::open(state, u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))?;
    let speaker = Speaker { server, state, host: protocol::NEW_HOST, key: &key };
    let answer = speaker.say(protocol::ENROL, sequence.take(state), &message)?;
    let enrolled: Enrolled = read_message(&answer.body)?;
    Ok(keep(options, state, server.address(), &enrolled)?)
}

/// Checks the answer and keeps it; the membership itself comes last.
fn keep(options: &Options, state: &State, server: &str, enrolled: &Enrolled) -> Result<Joined, Problem> {
    if let Some(pinned) = &options.root_digest {
        let root = enrolled.root.as_deref().unwrap_or_default();
        if protocol::digest(root.as_bytes()) != *pinned {
            return Err(Problem::new(
                "E-ROOT",
                server,
                format!("shows a root document other than the one named {pinned} in the join command"),
                "do not join: copy the join command again from the console, over a way that you trust",
            ));
        }
        state.write(ROOT, root.as_bytes())?;
    }
    let log_key = LogKey::read(&enrolled.log_key)?;
    if let Some(note) = &enrolled.checkpoint {
        state.write_json::<Remembered>(CHECKPOINT, &Checkpoint::read(note, &log_key)?.remembered())?;
    }
    let joined = Joined {
        server: server.to_owned(),
        host: enrolled.host.to_string(),
        client: enrolled.client.to_string(),
        log_key: enrolled.log_key.clone(),
        root_digest: options.root_digest.clone(),
        check_in_seconds: enrolled.check_in_seconds,
        pending: enrolled.state == HostState::Pending,
    };
    state.write_json(FILE, &joined)?;
    let off = enrolled.server_time.as_second().saturating_sub(Timestamp::now().as_second());
    if off.abs() > 60 {
        log::say(&format!("W-CLOCK this host's clock and the server's are {} s apart; next: set the clock", off.abs()));
    }
    Ok(joined)
}
