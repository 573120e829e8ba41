//! A PostgreSQL of the test's own on the hub, that can be killed and come back.

use super::lab::{HUB, Lab};
use crate::databases::{binaries, unprivileged};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub struct Postgres<'a> {
    lab: &'a Lab,
    binaries: PathBuf,
    folder: TempDir,
}

impl<'a> Postgres<'a> {
    /// Makes and starts it; none where there is no PostgreSQL, which in CI is a
    /// failure.
    pub fn start(lab: &'a Lab) -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(std::env::var_os("CI").is_none(), "CI needs PostgreSQL for this test");
            eprintln!("skipped: no postgres");
            return None;
        };
        let postgres = Self { lab, binaries, folder: tempfile::tempdir().expect("a folder") };
        let owned = Command::new("chown").arg("postgres").arg(postgres.folder.path()).status();
        assert!(owned.is_ok_and(|status| status.success()), "the folder is PostgreSQL's");
        postgres.ask("initdb", "-U postgres -A trust --no-sync --locale C.UTF-8 -E UTF8");
        let mut access = File::options().append(true).open(postgres.folder.path().join("data/pg_hba.conf")).expect("its rules");
        writeln!(access, "host all all 10.88.0.0/16 trust").expect("a rule");
        postgres.wake();
        Some(postgres)
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@{HUB}:5432/postgres?sslmode=disable")
    }

    /// Ends it as a kill would: clients are cut off, nothing is written down.
    pub fn kill(&self) {
        self.ask("pg_ctl", "-m immediate stop");
    }

    pub fn wake(&self) {
        let log = self.folder.path().join("log");
        // A crash of processes loses nothing that the kernel has, so fsync can
        // stay off; the power of this host is cut elsewhere.
        let settings = format!("-c listen_addresses={HUB} -c unix_socket_directories='' -c fsync=off -c max_connections=100");
        let mut command = self.command("pg_ctl");
        command.arg("-l").arg(&log).args(["-w", "-t", "60", "-o", &settings, "start"]);
        assert!(command.status().expect("pg_ctl").success(), "{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.lab.command("hub");
        let inner = unprivileged(&self.binaries.join(program));
        command.arg(inner.get_program()).args(inner.get_args()).arg("-D").arg(self.folder.path().join("data"));
        command.stdout(Stdio::null());
        command
    }

    fn ask(&self, program: &str, words: &str) {
        let status = self.command(program).args(words.split_whitespace()).status().expect(program);
        assert!(status.success(), "{program} {words}");
    }
}

impl Drop for Postgres<'_> {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").args(["-m", "immediate", "stop"]).stderr(Stdio::null()).status();
    }
}
