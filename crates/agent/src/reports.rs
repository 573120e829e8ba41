//! The host's newest report and the one that the server has, on disk.

use crate::state::State;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{CanonicalReport, Limits, compress, decompress, digest, read_report_bytes};
use serde::{Deserialize, Serialize};

const FILE: &str = "reports.json";
const PREFIX: &str = "report-";

/// What is known of the reports; their bytes are in files of their own, zstd.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reports {
    /// Digest of the newest report.
    pub(crate) current: Option<String>,
    /// Digest of the report that the server confirmed.
    pub(crate) confirmed: Option<String>,
    /// Fingerprint of the host when the newest was made.
    pub(crate) fingerprint: String,
    /// When it was made.
    pub(crate) made: Option<Timestamp>,
    /// Boot id and start of the kernel then.
    pub(crate) boot: Option<(String, Timestamp)>,
    /// A report that the disk had no room for, with its digest: the server is
    /// to have it all the same.
    #[serde(skip)]
    unsaved: Option<(String, Vec<u8>)>,
}

fn file(digest: &str) -> String {
    format!("{PREFIX}{digest}.zst")
}

impl Reports {
    /// Reads what is known; anything damaged is made anew.
    pub(crate) fn open(state: &State) -> Self {
        let mut reports: Self = state.read_json(FILE).ok().flatten().unwrap_or_default();
        if reports.current.as_deref().is_some_and(|digest| reports.body(state, digest).is_err()) {
            reports.current = None;
            reports.fingerprint.clear();
        }
        reports
    }

    /// Keeps a new report: first its bytes, then the word that it is there.
    ///
    /// The old ones go only when nothing names them any more.
    pub(crate) fn put(&mut self, state: &State, bytes: &[u8]) -> Result<(), Problem> {
        let digest = digest(bytes);
        if self.current.as_deref() != Some(&digest) {
            let body = compress("report", bytes)?;
            let written = state.write(&file(&digest), &body);
            self.unsaved = written.is_err().then(|| (digest.clone(), body));
            self.current = Some(digest);
            written?;
        }
        self.keep(state)
    }

    /// Keeps what is known.
    pub(crate) fn keep(&self, state: &State) -> Result<(), Problem> {
        state.write_json(FILE, self)?;
        let named: Vec<String> = [&self.current, &self.confirmed].into_iter().flatten().map(|digest| file(digest)).collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        state.sweep(PREFIX, &named);
        Ok(())
    }

    /// The compressed bytes of a report, as they are sent.
    pub(crate) fn body(&self, state: &State, digest: &str) -> Result<Vec<u8>, Problem> {
        if let Some((_, body)) = self.unsaved.as_ref().filter(|(unsaved, _)| unsaved == digest) {
            return Ok(body.clone());
        }
        let name = file(digest);
        let limit = Limits::REPORT.compressed as u64;
        state
            .read(&name, limit)?
            .ok_or_else(|| Problem::new("E-STATE", name, "is not there", "wait: the agent reads the host again"))
    }

    /// A report, read and checked against its name.
    pub(crate) fn read(&self, state: &State, digest: &str) -> Result<CanonicalReport, Problem> {
        let name = file(digest);
        let read = read_report_bytes(&name, decompress(&name, &self.body(state, digest)?, Limits::REPORT)?)?;
        if read.digest == digest {
            return Ok(read);
        }
        Err(Problem::new("E-STATE", name, "is damaged", "wait: the agent sends the report whole"))
    }
}
