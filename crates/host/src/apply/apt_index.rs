//! A private view for apt: an index of exactly the staged files, and nothing
//! of the host's repositories, pins or hooks.

use super::{Place, ask, outside};
use crate::run;
use plimsoll_core::model::deployment_package::{ConfigurationFiles, Target};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::packages::control;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Apt with its own lists and caches, and the host's own dpkg and marks.
#[derive(Debug)]
pub(super) struct View {
    configuration: PathBuf,
    /// Bytes that the files take when they are unpacked.
    pub(super) unpacked: u64,
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::new("E-WRITE", path.to_string_lossy(), format!("cannot be written: {error}"), "make room on its file system")
}

impl View {
    /// Makes the view anew, in a folder of its own name.
    pub(super) fn make(place: &Place<'_>, name: &str, targets: &[&Target]) -> Result<Self, Problem> {
        let folder = place.work.join(name);
        let _ = fs::remove_dir_all(&folder);
        let made = |path: &Path| fs::create_dir_all(path).map_err(|error| failed(path, &error));
        for part in ["repository", "lists/partial", "cache/archives/partial"] {
            made(&folder.join(part))?;
        }
        let mut index = String::new();
        let mut unpacked = 0u64;
        for target in targets {
            let file = format!("{}.deb", target.sha256);
            let path = folder.join("repository").join(&file);
            let staged = place.staging.join(&target.sha256);
            fs::hard_link(&staged, &path).map_err(|error| failed(&path, &error))?;
            let control = self::control(&path, target)?;
            unpacked += installed_size(&control);
            index.push_str(&format!("{}\nFilename: ./{file}\nSize: {}\nSHA256: {}\n\n", control.trim_end(), target.size, target.sha256));
        }
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| failed(&path, &error))
        };
        write("repository/Packages", &index)?;
        write("sources.list", &format!("deb [trusted=yes] file:{}/repository ./\n", folder.display()))?;
        let configuration = folder.join("apt.conf");
        write("apt.conf", &settings(&folder, place.configuration_files))?;
        let view = Self { configuration, unpacked };
        let updated = ask(&super::apt::APT_GET, &["-q", "update"], &view.environment())?;
        if updated.code != Some(0) {
            return Err(outside("apt-get update", format!("cannot read the private index: {}", last(&updated.errors))));
        }
        Ok(view)
    }

    /// A view that offers nothing: what is installed can go, and nothing can
    /// come in its place.
    pub(super) fn bare(place: &Place<'_>, name: &str) -> Result<Self, Problem> {
        let folder = place.work.join(name);
        let _ = fs::remove_dir_all(&folder);
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part)).map_err(|error| failed(&folder, &error))?;
        }
        let configuration = folder.join("apt.conf");
        for (path, text) in [(folder.join("sources.list"), String::new()), (configuration.clone(), settings(&folder, place.configuration_files))] {
            fs::write(&path, text).map_err(|error| failed(&path, &error))?;
        }
        Ok(Self { configuration, unpacked: 0 })
    }

    /// What apt is started with.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("APT_CONFIG", self.configuration.clone().into()),
            ("DEBIAN_FRONTEND", "noninteractive".into()),
            ("DEBCONF_NONINTERACTIVE_SEEN", "true".into()),
            ("APT_LISTCHANGES_FRONTEND", "none".into()),
            ("NEEDRESTART_SUSPEND", "1".into()),
        ]
    }
}

/// The file's own control fields, which must be those that people signed.
fn control(path: &Path, target: &Target) -> Result<String, Problem> {
    let program = run::find("dpkg-deb").ok_or_else(|| outside("dpkg-deb", "is missing"))?;
    let ran = ask(&program, &["-f", &path.to_string_lossy()], &[])?;
    let wrong = |text: String| outside(&target.name, text);
    if ran.code != Some(0) {
        return Err(wrong(format!("is no package: {}", last(&ran.errors))));
    }
    let paragraph = control::paragraphs(&ran.output).next().ok_or_else(|| wrong("has no control fields".to_owned()))?;
    let found = [("Package", &target.name), ("Version", &target.version), ("Architecture", &target.arch)];
    for (field, expected) in found {
        let value = paragraph.field(field).unwrap_or_default();
        if value != expected {
            return Err(wrong(format!("is signed as {field} {expected:?}, its file says {value:?}")));
        }
    }
    Ok(ran.output)
}

/// Bytes of `Installed-Size`, which is in KiB.
fn installed_size(control: &str) -> u64 {
    let value = control.lines().find_map(|line| line.strip_prefix("Installed-Size:"));
    value.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)
}

/// The only settings that apt sees. Hooks of the host are left out with its
/// repositories: they may ask, restart services, or refuse.
fn settings(folder: &Path, configuration_files: ConfigurationFiles) -> String {
    let folder = folder.display();
    let conffiles = match configuration_files {
        ConfigurationFiles::Keep => "\"--force-confdef\"; \"--force-confold\";",
        ConfigurationFiles::Replace => "\"--force-confnew\";",
    };
    format!(
        "Dir::Etc::main \"/dev/null\";\n\
         Dir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourcelist \"{folder}/sources.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::Etc::trusted \"/dev/null\";\n\
         Dir::Etc::trustedparts \"/dev/null\";\n\
         Dir::Etc::netrc \"/dev/null\";\n\
         Dir::Etc::netrcparts \"/dev/null\";\n\
         Dir::State::lists \"{folder}/lists\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         Dir::Cache::pkgcache \"\";\n\
         Dir::Cache::srcpkgcache \"\";\n\
         Acquire::Languages \"none\";\n\
         APT::Sandbox::User \"root\";\n\
         APT::Install-Recommends \"false\";\n\
         APT::Install-Suggests \"false\";\n\
         APT::Color \"false\";\n\
         APT::Get::Show-User-Simulation-Note \"false\";\n\
         DPkg::Lock::Timeout \"0\";\n\
         DPkg::Options {{ {conffiles} }};\n\
         Dpkg::Use-Pty \"false\";\n"
    )
}

/// The last line of an explanation.
pub(super) fn last(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(4)..).unwrap_or_default().join("; ")
}
