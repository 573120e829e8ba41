//! Simulated hosts: who they are, and what one of them says in its turn.

use crate::exchange::{Answer, Connection, Letter};
use crate::report::{Template, chance, host_name};
use crate::summary::{Kind, Tally};
use ed25519_dalek::SigningKey;
use plimsoll_formats::protocol::{
    self, CheckIn, CheckInAnswer, Checkpoint, Enrol, Enrolled, LogKey, NEW_HOST, Remembered, ReportAnswer, Want, code, encode_hex,
    read_message, write_message,
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// All hosts of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Fleet {
    /// What the keys are made of.
    pub seed: String,
    /// Verifier key of the server's evidence log.
    pub log_key: Option<String>,
    /// The hosts.
    pub hosts: Vec<Host>,
}

/// One host between two runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Host {
    /// Place among the hosts; everything else about it follows from it.
    pub number: u32,
    /// Id; none before it has joined.
    pub id: Option<String>,
    /// Which of its inventories it has.
    pub generation: u32,
    /// Digest of the report that the server confirmed.
    pub confirmed: Option<String>,
    /// Newest checkpoint that it was shown.
    pub checkpoint: Option<Remembered>,
    #[serde(skip)]
    sequence: u64,
    #[serde(skip)]
    failures: u32,
    /// Whether it was answered in this run.
    #[serde(skip)]
    pub answered: bool,
    /// Whether its last request broke off.
    #[serde(skip)]
    pub cut_off: bool,
}

/// What all turns share.
pub struct World {
    /// Seed of the keys.
    pub seed: String,
    /// Verifier key of the evidence log.
    pub log_key: std::sync::OnceLock<String>,
    /// Enrolment token.
    pub token: Option<String>,
    /// Digest that joining hosts pin.
    pub root_digest: Option<String>,
    /// What reports are made of.
    pub template: Template,
    /// Seconds between check-ins, where the server is not asked.
    pub interval: Option<u32>,
    /// Check-ins in a thousand before which something changed.
    pub changing: u16,
}

/// Why a turn ended early: when to try again.
struct Refused(Duration);

impl Fleet {
    /// Reads the fleet of an earlier run, or begins one.
    pub fn open(path: &Path) -> Result<Self, String> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut seed = [0; 16];
                getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
                Ok(Self { seed: encode_hex(&seed), log_key: None, hosts: Vec::new() })
            }
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Keeps it for the next run.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Host {
    /// A host that has not joined yet.
    pub fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Does what is due and says how long to wait; none when it is done.
    pub async fn turn(&mut self, world: &World, connection: &mut Connection, tally: &Tally, due: Instant) -> Option<Duration> {
        let done = match self.id {
            None => self.join(world, connection, tally, due).await.map(|()| None),
            Some(_) => self.check_in(world, connection, tally, due).await.map(Some),
        };
        match done {
            Ok(next) => {
                self.failures = 0;
                self.answered = true;
                next
            }
            Err(Refused(after)) => {
                self.failures = self.failures.saturating_add(1);
                Some(after)
            }
        }
    }

    /// Joins and sends the first report.
    async fn join(&mut self, world: &World, connection: &mut Connection, tally: &Tally, due: Instant) -> Result<(), Refused> {
        let key = self.key(world);
        let wish = Enrol {
            token: world.token.clone().unwrap_or_default(),
            name: host_name(self.number),
            public_key: encode_hex(key.verifying_key().as_bytes()),
            machine_id_digest: protocol::digest(format!("machine {} {}", world.seed, self.number).as_bytes()),
            hardware_digest: self.hardware(world),
            boot_id: self.boot_id(),
            agent: concat!("plimsoll-load ", env!("CARGO_PKG_VERSION")).to_owned(),
            protocol: protocol::VERSION,
            root_digest: world.root_digest.clone(),
        };
        let body = write_message(&wish).unwrap_or_default();
        let answer = self.send(world, connection, tally, (Kind::Enrol, due), (protocol::ENROL, NEW_HOST, body, false)).await?;
        let enrolled: Enrolled = self.understood(tally, &answer)?;
        let _ = world.log_key.set(enrolled.log_key.clone());
        self.id = Some(enrolled.host.to_string());
        self.remember(world, tally, enrolled.checkpoint.as_deref());
        self.report_whole(world, connection, tally).await?;
        Ok(())
    }

    /// Checks in, and reports if asked.
    async fn check_in(&mut self, world: &World, connection: &mut Connection, tally: &Tally, due: Instant) -> Result<Duration, Refused> {
        let before = self.generation;
        let changed = chance(self.number, self.sequence as u32) % 1000 < u64::from(world.changing);
        let mut digest = self.confirmed.clone();
        if changed || digest.is_none() {
            self.generation += u32::from(changed);
            digest = Some(world.template.of(self.number, self.generation).map_err(|error| self.broken(tally, error))?.digest);
        }
        let message = CheckIn {
            sequence: self.next_sequence(),
            boot_id: self.boot_id(),
            hardware_digest: self.hardware(world),
            report: digest,
            checkpoint: self.checkpoint.clone(),
            alarms: Vec::new(),
            assigned: Vec::new(),
        };
        let body = write_message(&message).unwrap_or_default();
        let id = self.id.clone().unwrap_or_default();
        let letter = (protocol::CHECK_IN, id.as_str(), body, false);
        let answer = match self.send_numbered(world, connection, tally, (Kind::CheckIn, due), letter, message.sequence).await {
            Ok(answer) => answer,
            Err(refused) => {
                // What changed was not told; it is new at the next turn.
                self.generation = before;
                return Err(refused);
            }
        };
        let mut next = answer.next;
        if answer.status == 200 {
            let said: CheckInAnswer = self.understood(tally, &answer)?;
            next = Some(said.next_seconds);
            self.remember(world, tally, said.checkpoint.as_deref());
            match said.want {
                Some(Want::Delta) if self.confirmed.is_some() => self.report_delta(world, connection, tally, before).await?,
                Some(_) => self.report_whole(world, connection, tally).await?,
                None => {}
            }
        }
        // A tenth more or less, as agents do.
        let seconds = world.interval.or(next).unwrap_or(60);
        let share = 0.9 + 0.2 * (chance(self.number, self.sequence as u32 ^ 0x5555) % 1000) as f64 / 1000.0;
        Ok(Duration::from_secs(u64::from(seconds)).mul_f64(share))
    }

    async fn report_whole(&mut self, world: &World, connection: &mut Connection, tally: &Tally) -> Result<(), Refused> {
        let report = world.template.of(self.number, self.generation).map_err(|error| self.broken(tally, error))?;
        let body = protocol::compress("report", &report.bytes).map_err(|problem| self.broken(tally, problem.text))?;
        let id = self.id.clone().unwrap_or_default();
        let answer = self.send(world, connection, tally, (Kind::Report, Instant::now()), (protocol::REPORT, id.as_str(), body, true)).await?;
        self.confirm(tally, &answer, &report.digest)
    }

    async fn report_delta(&mut self, world: &World, connection: &mut Connection, tally: &Tally, before: u32) -> Result<(), Refused> {
        let made = |generation| world.template.of(self.number, generation);
        let both = made(before).and_then(|base| Ok((base, made(self.generation)?)));
        let (base, result) = both.map_err(|error| self.broken(tally, error))?;
        let delta = protocol::make_delta(&base, &result);
        let body = serde_json::to_vec(&delta).unwrap_or_default();
        let body = protocol::compress("delta", &body).map_err(|problem| self.broken(tally, problem.text))?;
        let id = self.id.clone().unwrap_or_default();
        let letter = (protocol::REPORT_DELTA, id.as_str(), body, true);
        let answer = self.send(world, connection, tally, (Kind::Delta, Instant::now()), letter).await?;
        if answer.status == 409 {
            tally.note_code(&format!("409 {} (sent whole)", code::BASE));
            return self.report_whole(world, connection, tally).await;
        }
        self.confirm(tally, &answer, &result.digest)
    }

    fn confirm(&mut self, tally: &Tally, answer: &Answer, digest: &str) -> Result<(), Refused> {
        let said: ReportAnswer = self.understood(tally, answer)?;
        if said.report != digest {
            return Err(self.broken(tally, "the server confirmed another report".to_owned()));
        }
        self.confirmed = Some(said.report);
        Ok(())
    }

    fn remember(&mut self, world: &World, tally: &Tally, note: Option<&str>) {
        let (Some(note), Some(key)) = (note, world.log_key.get()) else { return };
        match LogKey::read(key).and_then(|key| Checkpoint::read(note, &key)) {
            Ok(checkpoint) => self.checkpoint = Some(checkpoint.remembered()),
            Err(problem) => tally.note_broken(&format!("checkpoint: {}", problem.text)),
        }
    }

    async fn send(
        &mut self,
        world: &World,
        connection: &mut Connection,
        tally: &Tally,
        what: (Kind, Instant),
        letter: (&str, &str, Vec<u8>, bool),
    ) -> Result<Answer, Refused> {
        let sequence = self.next_sequence();
        self.send_numbered(world, connection, tally, what, letter, sequence).await
    }

    async fn send_numbered(
        &mut self,
        world: &World,
        connection: &mut Connection,
        tally: &Tally,
        (kind, due): (Kind, Instant),
        (path, host, body, compressed): (&str, &str, Vec<u8>, bool),
        sequence: u64,
    ) -> Result<Answer, Refused> {
        let key = self.key(world);
        let sent = Instant::now();
        let answer = connection.post(Letter { path, host, key: &key, sequence, body, compressed }).await;
        self.cut_off = answer.is_err();
        match answer {
            Ok(answer) if answer.status < 300 || answer.status == 409 => {
                tally.note(kind, due, sent);
                Ok(answer)
            }
            Ok(answer) if answer.status == 503 => {
                tally.note_unavailable(answer.retry_after);
                Err(self.pause(answer.retry_after))
            }
            Ok(answer) => {
                tally.note_code(&answer.code());
                Err(self.pause(answer.retry_after))
            }
            Err(error) => {
                tally.note_cut_off(&error);
                Err(self.pause(None))
            }
        }
    }

    fn understood<M: protocol::Message>(&self, tally: &Tally, answer: &Answer) -> Result<M, Refused> {
        read_message(&answer.body).map_err(|problem| self.broken(tally, format!("{}: {}", problem.place, problem.text)))
    }

    fn broken(&self, tally: &Tally, error: String) -> Refused {
        tally.note_broken(&error);
        self.pause(None)
    }

    /// How long an agent waits after a failure: what the server asks, and a
    /// part of twice the time before, up to ten minutes.
    fn pause(&self, asked: Option<u32>) -> Refused {
        let longest = Duration::from_secs(5).saturating_mul(1 << self.failures.min(7)).min(Duration::from_secs(600));
        let part = (chance(self.number, self.failures ^ 0xaaaa) % 1000) as f64 / 1000.0;
        Refused(Duration::from_secs(u64::from(asked.unwrap_or(0)) + 1) + longest.mul_f64(part))
    }

    /// Microseconds since the epoch, so that it rises from run to run.
    fn next_sequence(&mut self) -> u64 {
        let now = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or(0);
        self.sequence = now.max(self.sequence + 1);
        self.sequence
    }

    fn key(&self, world: &World) -> SigningKey {
        let digest = protocol::digest(format!("key {} {}", world.seed, self.number).as_bytes());
        SigningKey::from_bytes(&protocol::decode_hex::<32>(&digest).unwrap_or_default())
    }

    fn hardware(&self, world: &World) -> String {
        protocol::digest(format!("hardware {} {}", world.seed, self.number).as_bytes())
    }

    fn boot_id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.number)
    }
}
