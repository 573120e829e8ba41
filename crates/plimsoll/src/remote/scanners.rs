//! `plimsoll scanners`: what outside scanners said of hosts.

use super::{Remote, Rows, all, client, file, given, segment, shown, told};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;
use plimsoll_formats::scanners::FILE_LIMIT;
use std::path::PathBuf;

/// Commands on scanners' results.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List results, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Only those for this host, by its id
        #[arg(long)]
        host: Option<String>,
        /// Only those of openscap, trivy, grype or osv-scanner
        #[arg(long)]
        scanner: Option<String>,
    },
    /// Bring a result of OpenSCAP (ARF, XCCDF, OVAL), Trivy, Grype or OSV-Scanner for a host
    Import {
        #[command(flatten)]
        remote: Remote,
        /// Id of the host that the scanner looked at
        #[arg(long)]
        host: String,
        /// When it looked, RFC 3339; for files that do not say (OSV-Scanner, OVAL)
        #[arg(long)]
        moment: Option<String>,
        /// When its vulnerability data was made, RFC 3339; for files that do not say (Trivy, OSV-Scanner)
        #[arg(long)]
        database: Option<String>,
        /// Take it although the file names a host of another name
        #[arg(long)]
        renamed: bool,
        /// The file that the scanner wrote
        file: PathBuf,
    },
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, host, scanner } => {
            let query = given([("host", host.clone()), ("scanner", scanner.clone())]);
            let found = all(&client(remote)?, "/api/v1/scanner-results", &query, rows.limit)?;
            let columns = [
                ("host", "/host_name", Text),
                ("scanner", "/scanner", Text),
                ("version", "/version", Text),
                ("looked", "/moment", Time),
                ("data of", "/database", Time),
                ("sees", "/there", Count),
                ("sha256", "/digest", Text),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Import { remote, host, moment, database, renamed, file: from } => {
            let bytes = file(from, FILE_LIMIT, "name a result of OpenSCAP, Trivy, Grype or OSV-Scanner")?;
            let query = given([("moment", moment.clone()), ("database", database.clone()), ("renamed", super::flag(*renamed))]);
            let path = format!("/api/v1/hosts/{}/scanner-results", segment(host));
            let answer = client(remote)?.bring("POST", &path, &query, &bytes)?;
            told(printer, &answer, "done")
        }
    }
}
