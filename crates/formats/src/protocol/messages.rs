//! The small messages: enrolment, check-in, answers, change of key.

use super::encoding::decode_hex;
use super::limits::Limits;
use super::measure::{measure, problem};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::HostState;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A message with rules beyond its shape.
pub trait Message: Serialize + DeserializeOwned {
    /// Name for problems, `enrolment`.
    const PLACE: &'static str;
    /// What one may hold at most.
    const LIMITS: Limits = Limits::MESSAGE;

    /// Checks what types cannot say.
    ///
    /// # Errors
    ///
    /// The first field that breaks a rule.
    fn check(&self) -> Result<(), Problem>;
}

/// Reads a message and checks it.
///
/// # Errors
///
/// `E-LIMIT`, `E-FORMAT`, or what [`Message::check`] finds.
pub fn read_message<M: Message>(bytes: &[u8]) -> Result<M, Problem> {
    super::encoding::within(M::PLACE, "bytes", bytes.len(), M::LIMITS.compressed)?;
    measure(M::PLACE, bytes, &M::LIMITS, true)?;
    let message: M = serde_json::from_slice(bytes).map_err(|error| problem(M::PLACE, &error))?;
    message.check()?;
    Ok(message)
}

/// Writes a message.
///
/// # Errors
///
/// `E-FORMAT`, which no message of this module meets.
pub fn write_message<M: Message>(message: &M) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(message).map_err(|error| problem(M::PLACE, &error))
}

/// Asks to join.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// One-time token. The same token with the same `public_key` is the same
    /// request again: the answer to the first may have been lost.
    pub token: String,
    /// Host name, or the name the administrator gave.
    pub name: String,
    /// The host's Ed25519 public key, hex.
    pub public_key: String,
    /// SHA-256 of a fixed word and `/etc/machine-id`, hex; empty where there is
    /// none. The id itself never leaves the host.
    pub machine_id_digest: String,
    /// SHA-256 of what identifies the hardware, hex; empty where nothing does.
    pub hardware_digest: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Program and version.
    pub agent: String,
    /// [`VERSION`](super::VERSION).
    pub protocol: u32,
    /// SHA-256 of the root document that the join command named, hex; none
    /// where it named none (an evaluation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_digest: Option<String>,
}

impl Message for Enrol {
    const PLACE: &'static str = "enrolment";

    fn check(&self) -> Result<(), Problem> {
        let place = Self::PLACE;
        short(place, "token", &self.token, 200)?;
        filled(place, "token", &self.token)?;
        short(place, "name", &self.name, 253)?;
        filled(place, "name", &self.name)?;
        hexadecimal::<32>(place, "public_key", &self.public_key)?;
        hexadecimal_or_empty(place, "machine_id_digest", &self.machine_id_digest)?;
        hexadecimal_or_empty(place, "hardware_digest", &self.hardware_digest)?;
        short(place, "boot_id", &self.boot_id, 64)?;
        short(place, "agent", &self.agent, 100)?;
        self.root_digest.as_deref().map_or(Ok(()), |digest| hexadecimal::<32>(place, "root_digest", digest))
    }
}

/// Welcomes a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Enrolled {
    /// The host's id.
    pub host: HostId,
    /// The client it belongs to.
    pub client: ClientId,
    /// Whether it is managed at once or waits for a person.
    pub state: HostState,
    /// Seconds between check-ins.
    pub check_in_seconds: u32,
    /// The server's clock, so that the host can say how far it is off.
    pub server_time: Timestamp,
    /// Verifier key of the evidence log (C2SP signed-note, `name+hash+key`).
    pub log_key: String,
    /// Newest checkpoint of the evidence log (C2SP tlog-checkpoint).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// The root document, byte for byte, whose SHA-256 the join command named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

impl Message for Enrolled {
    const PLACE: &'static str = "answer to the enrolment";

    fn check(&self) -> Result<(), Problem> {
        seconds(Self::PLACE, "check_in_seconds", self.check_in_seconds)?;
        short(Self::PLACE, "log_key", &self.log_key, 400)
    }
}

/// An evidence checkpoint as a host remembers it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// Leaves in the tree.
    pub size: u64,
    /// Root hash, hex.
    pub root: String,
}

/// Says "I am here, and this is my state".
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckIn {
    /// The same number as in the header.
    pub sequence: u64,
    /// The kernel's boot id.
    pub boot_id: String,
    /// As in [`Enrol::hardware_digest`]: a copy of the disk on another machine
    /// shows here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hardware_digest: String,
    /// Digest of the host's report; none when it has none yet.
    pub report: Option<String>,
    /// Newest evidence checkpoint that the host remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Remembered>,
    /// What the agent must tell whatever else happens: a forked log, say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Problem>,
    /// SHA-256 of each assignment document that the host holds, hex, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<String>,
}

impl Message for CheckIn {
    const PLACE: &'static str = "check-in";

    fn check(&self) -> Result<(), Problem> {
        let place = Self::PLACE;
        short(place, "boot_id", &self.boot_id, 64)?;
        hexadecimal_or_empty(place, "hardware_digest", &self.hardware_digest)?;
        if let Some(digest) = &self.report {
            hexadecimal::<32>(place, "report", digest)?;
        }
        if let Some(checkpoint) = &self.checkpoint {
            hexadecimal::<32>(place, "checkpoint.root", &checkpoint.root)?;
        }
        super::encoding::within(place, "alarms", self.alarms.len(), Limits::MESSAGE.problems)?;
        super::encoding::within(place, "assignments", self.assigned.len(), super::work::ASSIGNMENTS)?;
        self.assigned.iter().try_for_each(|digest| hexadecimal::<32>(place, "assigned", digest))
    }
}

/// What the server wants to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// The whole report.
    Full,
    /// The difference from `base`.
    Delta,
}

/// Answers a check-in where there is something to do or to remember.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckInAnswer {
    /// Which report is wanted, if any.
    #[serde(default)]
    pub want: Option<Want>,
    /// Digest of the report that the server has of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Seconds until the next check-in.
    pub next_seconds: u32,
    /// Newest checkpoint of the evidence log (C2SP tlog-checkpoint).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Consistency proof (RFC 6962, 2.1.2) from the remembered checkpoint to
    /// `checkpoint`, hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consistency: Vec<String>,
    /// Whether the host is to change its key now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotate_key: bool,
    /// Every assignment now in force, as signed documents; they replace what
    /// the host held. None where the host holds the right ones already; an
    /// empty list lets nothing start any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignments: Option<Vec<String>>,
}

impl Message for CheckInAnswer {
    const PLACE: &'static str = "answer to the check-in";

    fn check(&self) -> Result<(), Problem> {
        let place = Self::PLACE;
        seconds(place, "next_seconds", self.next_seconds)?;
        if let Some(base) = &self.base {
            hexadecimal::<32>(place, "base", base)?;
        }
        // A tree of 2^64 leaves has a proof of 64 hashes and one more.
        super::encoding::within(place, "hashes in its consistency proof", self.consistency.len(), 65)?;
        super::work::check_assignments(place, self.assignments.as_deref().unwrap_or_default())?;
        self.consistency.iter().try_for_each(|hash| hexadecimal::<32>(place, "consistency", hash))
    }
}

/// Confirms a report: it is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReportAnswer {
    /// Digest of the report now kept.
    pub report: String,
    /// Findings of the host.
    pub findings: u64,
    /// Of those, past due.
    pub overdue: u64,
    /// Seconds until the next check-in.
    pub next_seconds: u32,
}

impl Message for ReportAnswer {
    const PLACE: &'static str = "answer to the report";

    fn check(&self) -> Result<(), Problem> {
        hexadecimal::<32>(Self::PLACE, "report", &self.report)?;
        seconds(Self::PLACE, "next_seconds", self.next_seconds)
    }
}

/// Changes the host's key. The request is signed with the old key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// The new Ed25519 public key, hex.
    pub new_public_key: String,
    /// Signature with the new key over
    /// [`rotation_text`](super::rotation_text), hex: who asks has it.
    pub new_signature: String,
}

impl Message for Rotate {
    const PLACE: &'static str = "change of key";

    fn check(&self) -> Result<(), Problem> {
        hexadecimal::<32>(Self::PLACE, "new_public_key", &self.new_public_key)?;
        hexadecimal::<64>(Self::PLACE, "new_signature", &self.new_signature)
    }
}

pub(super) fn wrong(place: &str, text: String) -> Problem {
    Problem::new("E-FORMAT", place, text, "update the agent, or look at the host that sent it")
}

pub(super) fn short(place: &str, field: &str, text: &str, limit: usize) -> Result<(), Problem> {
    if text.len() > limit {
        return Err(wrong(place, format!("has a `{field}` of {} bytes, the limit is {limit}", text.len())));
    }
    if text.contains(['\n', '\t']) {
        return Err(wrong(place, format!("has a line break or tab in `{field}`")));
    }
    Ok(())
}

fn filled(place: &str, field: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() { Err(wrong(place, format!("has an empty `{field}`"))) } else { Ok(()) }
}

pub(super) fn hexadecimal<const LENGTH: usize>(place: &str, field: &str, text: &str) -> Result<(), Problem> {
    match decode_hex::<LENGTH>(text) {
        Some(_) => Ok(()),
        None => Err(wrong(place, format!("has a `{field}` that is not {} lower-case hexadecimal digits", LENGTH * 2))),
    }
}

fn hexadecimal_or_empty(place: &str, field: &str, text: &str) -> Result<(), Problem> {
    if text.is_empty() { Ok(()) } else { hexadecimal::<32>(place, field, text) }
}

/// A server cannot silence its agents for longer than a day.
fn seconds(place: &str, field: &str, number: u32) -> Result<(), Problem> {
    if (1..=86_400).contains(&number) {
        return Ok(());
    }
    Err(wrong(place, format!("has `{field}` = {number}, allowed are 1 to 86400")))
}
