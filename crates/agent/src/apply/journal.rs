//! The host's **journal**: intents before their effects, one checksummed record
//! a line.
//!
//! Every record is on the disk, folder included, before what it announces is
//! done. Each checksum covers the one before, so a record cannot be changed or
//! left out; a file of its own remembers how far the journal reached, so its
//! end cannot be cut off unnoticed. A line that a crash tore is none.

use super::store::{self, Store};
use jiff::Timestamp;
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::encode_hex;
use plimsoll_host::apply::Identity;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;

/// File of the journal.
pub(super) const FILE: &str = "journal";
/// How far it reached.
const HEAD: &str = "journal.head";
/// Held while it is written or read.
const LOCK: &str = "journal.lock";
/// Hexadecimal digits of a record's checksum.
const DIGITS: usize = 16;
/// Longest record: an outcome and its checksum.
const RECORD: usize = 1 << 20;
/// Length from which a journal without open attempts is begun anew.
const LONG: u64 = 4 << 20;

/// One record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    /// The attempt; empty where the journal speaks of itself.
    pub(crate) attempt: String,
    pub(crate) event: Event,
}

/// The state before the first effect.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Before {
    /// The kernel's boot id.
    pub(crate) boot_id: String,
    /// Name, architecture, version and status of what the plan may touch.
    pub(crate) packages: Vec<(String, String, String, String)>,
    /// Packages that were installed for others' sake.
    pub(crate) automatic: BTreeSet<String>,
    /// Processes that mapped replaced files already.
    pub(crate) stale: Vec<Identity>,
    /// Names and architectures of what the transaction installs and removes.
    pub(crate) installs: Vec<(String, String)>,
    pub(crate) removes: Vec<(String, String)>,
}

/// What happened, or is about to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Event {
    /// An older journal was set aside: what it knew is not known. Attempts up
    /// to this generation are observed and not executed.
    SetAside { problem: Problem, epoch: u64, generation: u64 },
    /// Assignment and package are verified and kept.
    Received { package: String, epoch: u64, generation: u64 },
    /// Every artefact is staged, those of the way back too.
    Staged,
    /// A runner was asked for.
    Launched,
    /// The runner runs.
    Runs { process: Identity },
    /// Nothing was done yet and something stands in the way for now.
    Deferred { problem: Problem },
    /// The transaction was simulated while it waits, and stays within the plan.
    Rehearsed,
    /// Everything is ready; the transaction comes next.
    Armed { before: Box<Before> },
    /// A step that changes the host is about to start.
    Starts { step: String },
    /// The step's process.
    Process { process: Identity },
    /// The step ended.
    Ended { code: Option<i32> },
    /// The step takes longer than expected; it is not ended because of it.
    Late { problem: Problem },
    /// A file was kept for the way back before it was changed.
    Kept { path: String, copy: Option<String> },
    /// The host is about to be taken out of service.
    Drains,
    /// It is, or why not.
    Drained { problem: Option<Problem> },
    /// The host is about to be taken back into service.
    Undrains,
    /// It is, or why not.
    Undrained { problem: Option<Problem> },
    /// A reboot is about to be asked for.
    Reboots { boot_id: String },
    /// How it stands by observation.
    Observed { outcome: Box<Outcome> },
    /// The server has the outcome observed at this instant.
    Acknowledged { observed: Timestamp },
}

/// How far the journal reached.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Head {
    length: u64,
    checksum: String,
}

/// The journal of one state folder.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    store: &'a Store,
}

/// Where reading stopped.
enum Stopped {
    /// At the end, with the checksum of the last record.
    End(Head),
    /// In a line that has no end: a crash tore it.
    Torn(Head),
    /// At a byte that is not what was written.
    Damaged(u64),
}

impl<'a> Journal<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Appends a record; when this returns it is on the disk.
    pub(crate) fn append(&self, attempt: &str, event: Event) -> Result<(), Problem> {
        let _lock = self.lock()?;
        let head = self.tail()?;
        self.write(head, attempt, event)
    }

    /// Reads every record into `each`.
    ///
    /// A journal that is not what was written is set aside, with a record of it
    /// as the first of the new one: the host goes on and executes nothing that
    /// the old one may have known.
    pub(crate) fn read(&self, each: &mut dyn FnMut(Record)) -> Result<(), Problem> {
        let _lock = self.lock()?;
        let mut records = Vec::new();
        match self.scan(&mut |record| records.push(record))? {
            Stopped::End(_) | Stopped::Torn(_) => {}
            Stopped::Damaged(offset) => {
                self.set_aside(offset)?;
                records.clear();
                self.scan(&mut |record| records.push(record))?;
            }
        }
        records.into_iter().for_each(each);
        Ok(())
    }

    /// Begins a journal that grew long anew; only while no attempt is open.
    pub(crate) fn shorten(&self) -> Result<(), Problem> {
        let _lock = self.lock()?;
        if self.store.path(FILE).metadata().map_or(0, |metadata| metadata.len()) < LONG {
            return Ok(());
        }
        let text = "grew long and was begun anew; attempts that it knew are observed and not executed";
        self.begin_anew("old", Problem::new("W-JOURNAL", FILE, text, "nothing: this is ordinary"))
    }

    fn lock(&self) -> Result<File, Problem> {
        let path = self.store.path(LOCK);
        let failed = |error: std::io::Error| store::broken(&path, "cannot be locked", &error);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        Ok(lock)
    }

    /// Length and checksum after which the next record goes. The lock is held.
    fn tail(&self) -> Result<Head, Problem> {
        let length = self.store.path(FILE).metadata().map_or(0, |metadata| metadata.len());
        if let Some(head) = self.head()
            && head.length == length
        {
            return Ok(head);
        }
        match self.scan(&mut |_| {})? {
            Stopped::End(head) => Ok(head),
            Stopped::Torn(head) => {
                let path = self.store.path(FILE);
                let cut = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(head.length).and_then(|()| file.sync_all()));
                cut.map_err(|error| store::broken(&path, "cannot be cut after its last whole record", &error))?;
                Ok(head)
            }
            Stopped::Damaged(offset) => {
                self.set_aside(offset)?;
                self.head().ok_or_else(|| store::broken(&self.store.path(HEAD), "is not there", &"set aside"))
            }
        }
    }

    fn head(&self) -> Option<Head> {
        serde_json::from_slice(&self.store.read(HEAD, 4096).ok()??).ok()
    }

    fn write(&self, head: Head, attempt: &str, event: Event) -> Result<(), Problem> {
        let path = self.store.path(FILE);
        let failed = |error: &dyn std::fmt::Display| store::broken(&path, "cannot be written", error);
        let record = Record { at: Timestamp::now(), attempt: attempt.to_owned(), event };
        let json = serde_json::to_string(&record).map_err(|error| failed(&error))?;
        let checksum = checksum(&head.checksum, json.as_bytes());
        let line = format!("{checksum} {json}\n");
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(|error| failed(&error))?;
        // A disk whose sync failed once may have lost what it said it had.
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| failed(&error))?;
        self.store.sync()?;
        let head = Head { length: head.length + line.len() as u64, checksum };
        let bytes = serde_json::to_vec(&head).map_err(|error| failed(&error))?;
        self.store.write(HEAD, &bytes)
    }

    fn scan(&self, each: &mut dyn FnMut(Record)) -> Result<Stopped, Problem> {
        let path = self.store.path(FILE);
        let reached = self.head();
        let mut head = Head::default();
        let file = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(store::broken(&path, "cannot be opened", &error)),
        };
        let mut lines = file.map(BufReader::new);
        let mut line = Vec::new();
        let mut torn = false;
        while let Some(reader) = &mut lines {
            line.clear();
            let read = std::io::Read::take(&mut *reader, RECORD as u64 + 1).read_until(b'\n', &mut line);
            if read.map_err(|error| store::broken(&path, "cannot be read", &error))? == 0 {
                break;
            }
            if line.last() != Some(&b'\n') && line.len() <= RECORD {
                torn = true;
                break;
            }
            let Some((checksum, record)) = understood(&head.checksum, &line) else { return Ok(Stopped::Damaged(head.length)) };
            head = Head { length: head.length + line.len() as u64, checksum };
            each(record);
        }
        // What was once reached must still be there.
        if reached.is_some_and(|reached| reached.length > head.length || (reached.length == head.length && reached.checksum != head.checksum)) {
            return Ok(Stopped::Damaged(head.length));
        }
        Ok(if torn { Stopped::Torn(head) } else { Stopped::End(head) })
    }

    fn set_aside(&self, offset: u64) -> Result<(), Problem> {
        let text = format!("is damaged from byte {offset} on and was set aside; attempts that it knew are observed and not executed");
        let problem = Problem::new("E-JOURNAL", self.store.path(FILE).to_string_lossy(), text, "look at the disk, and at what the host says of itself");
        crate::log::problem(&problem);
        self.begin_anew("damaged", problem)
    }

    fn begin_anew(&self, suffix: &str, problem: Problem) -> Result<(), Problem> {
        let path = self.store.path(FILE);
        let aside = self.store.path(&format!("{FILE}.{suffix}"));
        if path.exists() {
            std::fs::rename(&path, &aside).map_err(|error| store::broken(&path, "cannot be set aside", &error))?;
        }
        self.store.remove(HEAD);
        self.store.sync()?;
        let floors = self.store.floors()?;
        let event = Event::SetAside { problem, epoch: floors.epoch, generation: floors.generation };
        self.write(Head::default(), "", event)
    }
}

fn checksum(before: &str, json: &[u8]) -> String {
    let digest = Sha256::new().chain_update(before.as_bytes()).chain_update(json).finalize();
    encode_hex(digest.get(..DIGITS / 2).unwrap_or_default())
}

/// A line's checksum and record, where it is what was written.
fn understood(before: &str, line: &[u8]) -> Option<(String, Record)> {
    let line = line.strip_suffix(b"\n")?;
    let (sum, rest) = line.split_at_checked(DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    let expected = checksum(before, json);
    (expected.as_bytes() == sum).then_some(())?;
    Some((expected, serde_json::from_slice(json).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private() -> tempfile::TempDir {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        tempfile::Builder::new().permissions(mode).tempdir().unwrap()
    }

    fn records(store: &Store) -> Vec<Record> {
        let mut records = Vec::new();
        Journal::new(store).read(&mut |record| records.push(record)).unwrap();
        records
    }

    fn filled() -> (tempfile::TempDir, Store) {
        let folder = private();
        let store = Store::open(folder.path()).unwrap();
        let journal = Journal::new(&store);
        journal.append("a", Event::Received { package: "p".into(), epoch: 1, generation: 2 }).unwrap();
        journal.append("a", Event::Staged).unwrap();
        journal.append("a", Event::Starts { step: "apply".into() }).unwrap();
        (folder, store)
    }

    #[test]
    fn records_come_back_in_order_and_the_next_goes_after_them() {
        let (folder, store) = filled();
        let events: Vec<Event> = records(&store).into_iter().map(|record| record.event).collect();
        assert_eq!(events, [Event::Received { package: "p".into(), epoch: 1, generation: 2 }, Event::Staged, Event::Starts { step: "apply".into() }]);
        // Killed between the record and the word of how far it reaches.
        std::fs::remove_file(folder.path().join(HEAD)).unwrap();
        Journal::new(&store).append("a", Event::Ended { code: Some(0) }).unwrap();
        assert_eq!(records(&store).len(), 4);
    }

    #[test]
    fn a_torn_line_is_none() {
        let (folder, store) = filled();
        let mut file = OpenOptions::new().append(true).open(folder.path().join(FILE)).unwrap();
        file.write_all(b"0123456789abcdef {\"at\":").unwrap();
        assert_eq!(records(&store).len(), 3);
        Journal::new(&store).append("a", Event::Staged).unwrap();
        assert_eq!(records(&store).len(), 4);
    }

    #[test]
    fn cut_or_flipped_at_any_byte_it_is_set_aside_and_says_so() {
        let (folder, store) = filled();
        store.raise_floors(3, 9, None, None).unwrap();
        let path = folder.path().join(FILE);
        let (whole, head) = (std::fs::read(&path).unwrap(), std::fs::read(folder.path().join(HEAD)).unwrap());
        let mut cases: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
        cases.extend((0..whole.len()).map(|place| {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            bytes
        }));
        for (number, bytes) in cases.into_iter().enumerate() {
            std::fs::write(&path, bytes).unwrap();
            std::fs::write(folder.path().join(HEAD), &head).unwrap();
            let found = records(&store);
            let Some(Event::SetAside { problem, epoch: 3, generation: 9 }) = found.first().map(|record| record.event.clone()) else {
                panic!("case {number}: {found:?}");
            };
            assert_eq!((problem.code.as_str(), found.len()), ("E-JOURNAL", 1), "case {number}");
            assert!(folder.path().join("journal.damaged").exists());
            Journal::new(&store).append("b", Event::Staged).unwrap();
            assert_eq!(records(&store).len(), 2);
        }
    }
}
