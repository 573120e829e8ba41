//! The real apt on a private copy of a root's files.
//!
//! Nothing of the root is executed and nothing of the machine's own apt
//! configuration is used: sources, preferences, lists, status and
//! extended_states are copied into a folder of our own, and an `apt.conf`
//! written by us names that folder and no other.

use super::{LISTS, Lists};
use crate::root::Root;
use crate::run::{self, TIMEOUT};
use plimsoll_core::model::problem::Problem;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// Longest `extended_states`, in bytes; 200 bytes a package.
const STATES_LIMIT: usize = 64 << 20;

/// One line of a simulation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// Package name without architecture.
    pub package: String,
    /// Architecture (`all` included).
    pub arch: String,
    /// Installed version.
    pub installed: Option<String>,
    /// Version it would have; none when it would be removed.
    pub candidate: Option<String>,
    /// Where that version is.
    pub origin: String,
}

/// What apt said.
#[derive(Debug)]
pub struct Simulation {
    /// Its changes in its own order; none when it refused.
    pub changes: Option<Vec<Change>>,
    /// What it said to standard error, and the explanation on standard output
    /// when it refused.
    pub refusal: String,
    /// Processor time of apt.
    pub cpu: Duration,
}

/// Whether a real apt is on this machine.
pub fn available() -> bool {
    run::find("apt-get").is_some()
}

/// Asks the machine's apt what `dist-upgrade` would do on a root's files.
pub fn simulate(root: &Root, lists: &Lists) -> Result<Simulation, Problem> {
    let program = run::find("apt-get").ok_or_else(|| {
        Problem::new("W-NO-APT", "apt-get", "is not on this machine", "scan on a Debian or Ubuntu machine")
    })?;
    for repository in &lists.repositories {
        // apt starts the program named like the scheme to ask what it can do,
        // so a scheme with a path in it would run any program.
        let scheme = repository.entry.uri.split(':').next().unwrap_or("");
        if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-') {
            return Err(Problem::new(
                "E-SOURCES",
                &repository.entry.uri,
                "has a scheme that is no word, so apt was not asked",
                "correct the address in the root's apt sources",
            ));
        }
    }
    let folder = tempfile::Builder::new().prefix("plimsoll-apt-").tempdir().map_err(|error| write_failed(&error))?;
    copy(root, lists, folder.path())?;
    let configuration = folder.path().join("apt.conf");
    let environment = [("APT_CONFIG", OsString::from(configuration)), ("HOME", OsString::from(folder.path()))];
    let ran = run::run(&program, ["-s", "dist-upgrade"], &environment, TIMEOUT)?;
    Ok(understood(ran))
}

/// Reads what `apt-get -s dist-upgrade` left behind.
pub(crate) fn understood(ran: run::Ran) -> Simulation {
    if ran.code != Some(0) {
        let explanation = ran.output.split_once("unmet dependencies").map_or("", |(_, rest)| rest);
        return Simulation { changes: None, refusal: format!("{}{explanation}", ran.errors), cpu: ran.cpu };
    }
    Simulation { changes: Some(parse(&ran.output)), refusal: ran.errors, cpu: ran.cpu }
}

/// Reads the `Inst` and `Remv` lines of a simulation.
///
/// `Inst name[:arch] [old] (new origin [arch]) [broken]`
pub fn parse(output: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    for line in output.lines() {
        if let Some(rest) = line.strip_prefix("Inst ") {
            changes.extend(installation(rest));
        } else if let Some(rest) = line.strip_prefix("Remv ") {
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let (package, arch) = name.split_once(':').unwrap_or((name, ""));
            let installed = rest.strip_prefix('[').and_then(|rest| rest.split(']').next());
            changes.push(Change {
                package: package.to_owned(),
                arch: arch.to_owned(),
                installed: installed.map(str::to_owned),
                candidate: None,
                origin: String::new(),
            });
        }
    }
    changes
}

fn installation(text: &str) -> Option<Change> {
    let (name, rest) = text.split_once(' ')?;
    let package = name.split(':').next()?.to_owned();
    let (installed, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (installed, rest) = rest.split_once("] ")?;
            (Some(installed.to_owned()), rest)
        }
        None => (None, rest),
    };
    let inner = rest.strip_prefix('(')?;
    let inner = inner.get(..inner.find("])")?)?;
    let (before, arch) = inner.rsplit_once('[')?;
    let (candidate, origin) = before.trim_end().split_once(' ').unwrap_or((before.trim_end(), ""));
    Some(Change {
        package,
        arch: arch.to_owned(),
        installed,
        candidate: Some(candidate.to_owned()),
        origin: origin.to_owned(),
    })
}

/// Copies what apt reads into a private folder.
fn copy(root: &Root, lists: &Lists, folder: &Path) -> Result<(), Problem> {
    let write = |path: &str, bytes: &[u8]| -> Result<(), Problem> {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| write_failed(&error))?;
        }
        std::fs::write(path, bytes).map_err(|error| write_failed(&error))
    };
    for directory in ["etc/apt/preferences.d", "etc/apt/sources.list.d", "cache/archives/partial", "var/lib/apt/lists/partial"] {
        std::fs::create_dir_all(folder.join(directory)).map_err(|error| write_failed(&error))?;
    }
    for (path, bytes) in &lists.settings {
        write(path, bytes)?;
    }
    for index in &lists.indices {
        if index.repository.is_none() {
            write("var/lib/dpkg/status", index.text.as_bytes())?;
            continue;
        }
        let plain = [".lz4", ".gz", ".xz", ".zst", ".bz2"]
            .iter()
            .find_map(|suffix| index.place.strip_suffix(suffix))
            .unwrap_or(&index.place);
        write(&format!("{LISTS}/{plain}"), index.text.as_bytes())?;
    }
    let native = lists.arches.first().map_or("", String::as_str);
    for repository in &lists.repositories {
        for name in repository.entry.release_names(native) {
            let path = format!("{LISTS}/{name}");
            if let Some(bytes) = root.read(&path, super::RELEASE_LIMIT)? {
                write(&path, &bytes)?;
            }
        }
    }
    if let Some(bytes) = root.read("var/lib/apt/extended_states", STATES_LIMIT)? {
        write("var/lib/apt/extended_states", &bytes)?;
    }
    write("apt.conf", configuration(folder, &lists.arches, root.word("etc/machine-id")).as_bytes())
}

/// The only configuration apt sees. The folder's name is ours; architectures
/// come from the root and are kept to letters, digits and hyphens.
fn configuration(folder: &Path, arches: &[String], machine: Option<String>) -> String {
    let plain = |text: &str| text.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '-').collect::<String>();
    let folder = folder.to_string_lossy();
    let native = arches.first().map(|arch| plain(arch)).unwrap_or_default();
    let all: String = arches.iter().map(|arch| format!("\"{}\"; ", plain(arch))).collect();
    let machine = machine.map(|id| format!("APT::Machine-ID \"{}\";\n", plain(&id))).unwrap_or_default();
    format!(
        "Dir \"{folder}\";\n\
         Dir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::main \"/dev/null\";\n\
         Dir::Etc::netrcparts \"/dev/null\";\n\
         Dir::State::status \"{folder}/var/lib/dpkg/status\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         Dir::Cache::pkgcache \"\";\n\
         Dir::Cache::srcpkgcache \"\";\n\
         Dir::Log \"{folder}\";\n\
         Dir::Bin::dpkg \"/bin/false\";\n\
         Debug::NoLocking \"1\";\n\
         APT::Architecture \"{native}\";\n\
         APT::Architectures {{ {all}}};\n\
         {machine}"
    )
}

fn write_failed(error: &std::io::Error) -> Problem {
    Problem::new(
        "E-WRITE",
        std::env::temp_dir().to_string_lossy(),
        format!("the private folder for apt cannot be written: {error}"),
        "make room in the temporary folder or set TMPDIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_simulation() {
        let output = "NOTE: x\nInst a [1] (2 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [all]) []\n\
                      Inst b:i386 [1:1~] (2 localhost [i386]) [c:amd64 ]\nInst new (3 X:1/y [amd64])\nRemv gone [4] [d ]\nConf a (2 x [all])\n";
        let shown: Vec<String> = parse(output)
            .into_iter()
            .map(|change| format!("{}/{} {:?} {:?} {}", change.package, change.arch, change.installed, change.candidate, change.origin))
            .collect();
        assert_eq!(
            shown,
            [
                "a/all Some(\"1\") Some(\"2\") Debian:12.15/oldstable, Debian-Security:12/oldstable-security",
                "b/i386 Some(\"1:1~\") Some(\"2\") localhost",
                "new/amd64 None Some(\"3\") X:1/y",
                "gone/ Some(\"4\") None ",
            ]
        );
    }
}
