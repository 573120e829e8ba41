//! dnf and rpm; rpm alone where dnf is missing.

use super::apt_index::last;
use super::process::step;
use super::remnants::{self, Remnant};
use super::select::{install_only, present};
use super::{Ended, Installed, Manager, Place, Present, Simulated, Transaction, Watch, ask, not_cleared, outside};
use crate::run;
use plimsoll_core::model::deployment_package::{ConfigurationFiles, Remnants, Target};
use plimsoll_core::model::problem::Problem;
use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What rpm prints of a package: name, architecture, version with its epoch
/// where it has one.
const ROW: &str = "%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\t%{SIZE}\\n";

/// rpm, and dnf where it is there.
#[derive(Debug)]
pub(super) struct Rpm {
    rpm: PathBuf,
    dnf: Option<PathBuf>,
}

struct Row {
    name: String,
    arch: String,
    version: String,
    size: u64,
}

fn rows(output: &str) -> Vec<Row> {
    let read = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Row { name: fields.next()?, arch: fields.next()?, version: fields.next()?, size: fields.next()?.parse().unwrap_or(0) })
    };
    output.lines().filter_map(read).collect()
}

/// Version without an epoch of nought, which is the same as none.
fn plain(version: &str) -> &str {
    version.strip_prefix("0:").unwrap_or(version)
}

impl Rpm {
    pub(super) fn find() -> Result<Self, Problem> {
        let rpm = run::find("rpm").ok_or_else(|| outside("rpm", "is not on this host, whose plan needs it"))?;
        Ok(Self { rpm, dnf: run::find("dnf") })
    }

    /// Links the staged files under names that end as dnf wants them, and
    /// checks that each is what people signed; gives their paths and the bytes
    /// that they take when they are unpacked.
    fn files(&self, place: &Place<'_>, folder: &str, targets: &[&Target]) -> Result<(Vec<String>, u64), Problem> {
        let folder = place.work.join(folder);
        let failed = |error: std::io::Error| Problem::new("E-WRITE", folder.to_string_lossy(), format!("cannot be written: {error}"), "make room on its file system");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let (mut paths, mut unpacked) = (Vec::new(), 0u64);
        for target in targets {
            let path = folder.join(format!("{}.rpm", target.sha256));
            std::fs::hard_link(place.staging.join(&target.sha256), &path).map_err(failed)?;
            let path = path.to_string_lossy().into_owned();
            // Signatures of the vendor were checked where the file came from;
            // here its digest counts, which people signed.
            let ran = ask(&self.rpm, &["-qp", "--nosignature", "--qf", ROW, &path], &[])?;
            let row = rows(&ran.output).into_iter().next().ok_or_else(|| outside(&target.name, format!("is no package: {}", last(&ran.errors))))?;
            if (row.name.as_str(), row.arch.as_str(), plain(&row.version)) != (target.name.as_str(), target.arch.as_str(), plain(&target.version)) {
                return Err(outside(&target.name, format!("is signed as {} {}, its file says {} {}", target.version, target.arch, row.version, row.arch)));
            }
            unpacked += row.size;
            paths.push(path);
        }
        Ok((paths, unpacked))
    }

    /// Whether rpm would take these files, and what it says where it would not.
    fn test(&self, files: &[String], back: bool) -> Result<Result<(), String>, Problem> {
        let mut arguments = vec!["-U", "--test", "--nosignature", "--replacepkgs"];
        if back {
            arguments.push("--oldpackage");
        }
        arguments.extend(files.iter().map(String::as_str));
        let ran = ask(&self.rpm, &arguments, &[])?;
        Ok(if ran.code == Some(0) { Ok(()) } else { Err(last(&ran.errors)) })
    }

    /// Packages installed that a file says it replaces under another name.
    fn obsoleted(&self, files: &[String], installed: &Installed) -> Result<BTreeSet<String>, Problem> {
        let mut gone = BTreeSet::new();
        for file in files {
            let ran = ask(&self.rpm, &["-qp", "--nosignature", "--obsoletes", file], &[])?;
            let names = ran.output.lines().filter_map(|line| line.split_whitespace().next());
            gone.extend(names.filter(|name| installed.keys().any(|(present, _)| present == name)).map(str::to_owned));
        }
        Ok(gone)
    }

    /// One transaction of dnf over local files, or of rpm.
    fn transact(&self, what: &str, files: &[String], back: bool, watch: &mut dyn Watch) -> Result<Ended, Problem> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).chain(files.iter().cloned()).collect::<Vec<_>>();
        match &self.dnf {
            Some(dnf) if !back => {
                let settings = ["-y", "-q", "--disablerepo=*", "--noplugins", "--setopt=localpkg_gpgcheck=0", "--setopt=install_weak_deps=0", "--setopt=best=1", "--setopt=clean_requirements_on_remove=0", "install"];
                step(what, dnf, &words(&settings), &[], watch)
            }
            _ if back => step(what, &self.rpm, &words(&["-U", "--nosignature", "--oldpackage", "--replacepkgs"]), &[], watch),
            _ => step(what, &self.rpm, &words(&["-U", "--nosignature"]), &[], watch),
        }
    }

    /// Gives configuration files to whom the plan gives them, where rpm put
    /// the other's beside it since `start`.
    fn settle_configuration(&self, place: &Place<'_>, simulated: &Simulated, start: SystemTime) -> Result<(), Problem> {
        let (suffix, aside) = match place.configuration_files {
            ConfigurationFiles::Keep => ("rpmsave", "rpmnew"),
            ConfigurationFiles::Replace => ("rpmnew", "rpmsave"),
        };
        for target in &simulated.install {
            let ran = ask(&self.rpm, &["-qc", "--", &target.name], &[])?;
            for file in ran.output.lines().filter(|line| line.starts_with('/')) {
                let wanted = format!("{file}.{suffix}");
                let fresh = std::fs::symlink_metadata(&wanted).and_then(|metadata| metadata.modified().map(|modified| (metadata.is_file(), modified)));
                let changed = std::fs::symlink_metadata(&wanted).is_ok_and(|metadata| {
                    use std::os::unix::fs::MetadataExt;
                    metadata.ctime() >= start.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
                });
                if matches!(fresh, Ok((true, _))) && changed && Path::new(file).is_file() {
                    let moved = std::fs::rename(file, format!("{file}.{aside}")).and_then(|()| std::fs::rename(&wanted, file));
                    moved.map_err(|error| Problem::new("E-WRITE", file, format!("cannot be put in place: {error}"), "compare it with the file beside it"))?;
                }
            }
        }
        Ok(())
    }
}

impl Manager for Rpm {
    fn scheme(&self) -> Scheme {
        Scheme::Rpm
    }

    fn installed(&self) -> Result<Installed, Problem> {
        let ran = ask(&self.rpm, &["-qa", "--qf", ROW], &[])?;
        if ran.code != Some(0) {
            return Err(outside("rpm", format!("cannot say what is installed: {}", last(&ran.errors))));
        }
        let mut installed = Installed::new();
        for row in rows(&ran.output) {
            installed.entry((row.name, row.arch)).or_default().push(Present { version: row.version, status: String::new() });
        }
        Ok(installed)
    }

    fn automatic(&self) -> Result<BTreeSet<String>, Problem> {
        let Some(dnf) = &self.dnf else { return Ok(BTreeSet::new()) };
        let list = |which: &str| -> Result<BTreeSet<String>, Problem> {
            let ran = ask(dnf, &["-q", "--disablerepo=*", "--noplugins", "repoquery", which, "--qf", "%{name}\n"], &[])?;
            if ran.code != Some(0) {
                return Err(outside("dnf repoquery", format!("cannot tell what was installed automatically: {}", last(&ran.errors))));
            }
            Ok(ran.output.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
        };
        let by_people = list("--userinstalled")?;
        Ok(list("--installed")?.difference(&by_people).cloned().collect())
    }

    fn audit(&self, touched: &[Target]) -> Result<Vec<String>, Problem> {
        let installed = self.installed()?;
        let mut found = Vec::new();
        for target in touched {
            let versions: BTreeSet<&str> = present(&installed, target).map(|present| present.version.as_str()).collect();
            let rows = present(&installed, target).count();
            if rows > 1 && !install_only(&target.name) {
                found.push(format!("{} is installed {rows} times: {}", target.name, versions.into_iter().collect::<Vec<_>>().join(", ")));
            }
            if rows == 0 {
                continue;
            }
            // Settings may differ; documentation may be left out.
            let ran = ask(&self.rpm, &["-V", "--noconfig", "--nomtime", "--", &target.name], &[])?;
            let wrong = ran.output.lines().filter(|line| !line.trim().is_empty() && !line.contains(" d /") && !line.contains(" c /"));
            found.extend(wrong.map(|line| format!("{}: {}", target.name, line.trim())));
        }
        Ok(found)
    }

    fn simulate(&self, place: &Place<'_>, transaction: &Transaction<'_>) -> Result<Simulated, Problem> {
        let installed = self.installed()?;
        let all: Vec<&Target> = transaction.targets.iter().chain(transaction.new).collect();
        let (files, unpacked) = self.files(place, "test", &all)?;
        let refused = |text: String| outside("simulated transaction", format!("is refused by rpm: {text}"));
        self.test(&files, transaction.back)?.map_err(refused)?;
        let mut chosen: Vec<(&Target, String)> = all.into_iter().zip(files).collect();
        // Leaves out each new package without which the rest can be installed.
        for target in transaction.new {
            let without: Vec<(&Target, String)> = chosen.iter().filter(|(other, _)| *other != target).cloned().collect();
            let files: Vec<String> = without.iter().map(|(_, file)| file.clone()).collect();
            if !files.is_empty() && self.test(&files, transaction.back)?.is_ok() {
                chosen = without;
            }
        }
        let files: Vec<String> = chosen.iter().map(|(_, file)| file.clone()).collect();
        let mut simulated = Simulated { install: chosen.into_iter().map(|(target, _)| target.clone()).collect(), remove: Vec::new() };
        for name in self.obsoleted(&files, &installed)? {
            let removal = transaction.remove.iter().find(|removal| removal.name == name);
            let removal = removal.ok_or_else(|| outside("simulated transaction", format!("would remove {name}, which the plan does not name")))?;
            simulated.remove.push(removal.clone());
        }
        let kernels = simulated.install.iter().filter(|target| install_only(&target.name)).count() as u64;
        super::room(unpacked, kernels)?;
        Ok(simulated)
    }

    fn apply(&self, place: &Place<'_>, transaction: &Transaction<'_>, simulated: &Simulated, watch: &mut dyn Watch) -> Result<Ended, Problem> {
        let (files, _) = self.files(place, if transaction.back { "back" } else { "forth" }, &simulated.install.iter().collect::<Vec<_>>())?;
        let start = SystemTime::now();
        let ended = self.transact(if transaction.back { "roll back" } else { "apply" }, &files, transaction.back, watch)?;
        if ended.well() {
            self.settle_configuration(place, simulated, start)?;
        }
        Ok(ended)
    }

    fn repair(&self, place: &Place<'_>, _: &Transaction<'_>, simulated: &Simulated, watch: &mut dyn Watch) -> Result<(), Problem> {
        let installed = self.installed()?;
        for target in simulated.install.iter().filter(|target| !install_only(&target.name)) {
            let versions: BTreeMap<&str, ()> = present(&installed, target).map(|present| (present.version.as_str(), ())).collect();
            let older = |version: &&&str| compare(Scheme::Rpm, version, &target.version).is_ok_and(|order| order == Ordering::Less);
            if versions.len() < 2 {
                continue;
            }
            for version in versions.keys().filter(older) {
                // Only the row goes; the files are the newer one's already.
                let row = format!("{}-{}.{}", target.name, version.rsplit(':').next().unwrap_or(version), target.arch);
                let arguments = ["-e", "--justdb", "--nodeps", "--noscripts", "--notriggers", &row].map(str::to_owned);
                step("drop the older row", &self.rpm, &arguments, &[], watch)?;
            }
        }
        let (files, _) = self.files(place, "repair", &simulated.install.iter().collect::<Vec<_>>())?;
        let start = SystemTime::now();
        let arguments: Vec<String> = ["-U", "--nosignature", "--replacepkgs"].into_iter().map(str::to_owned).chain(files).collect();
        step("repair", &self.rpm, &arguments, &[], watch)?;
        self.settle_configuration(place, simulated, start)
    }

    fn restore_marks(&self, before: &Installed, automatic: &BTreeSet<String>, simulated: &Simulated) -> Result<(), Problem> {
        let Some(dnf) = &self.dnf else { return Ok(()) };
        let now = self.automatic()?;
        let came = simulated.install.iter().filter(|target| target.new && present(before, target).next().is_none()).map(|target| &target.name);
        let touched = simulated.install.iter().map(|target| &target.name).filter(|name| automatic.contains(*name));
        let lost: BTreeSet<&String> = came.chain(touched).filter(|name| !now.contains(*name)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let arguments: Vec<&str> = ["-y", "-q", "--noplugins", "mark", "remove"].into_iter().chain(lost.iter().map(|name| name.as_str())).collect();
        let ran = ask(dnf, &arguments, &[])?;
        if ran.code == Some(0) { Ok(()) } else { Err(Problem::new("W-MARKS", "dnf mark", last(&ran.errors), "mark them by hand: dnf mark remove")) }
    }

    fn left_over(&self, which: Remnants) -> Result<Vec<Remnant>, Problem> {
        let Some(dnf) = &self.dnf else { return Err(outside("dnf", "is not on this host, and rpm alone cannot tell what is left over")) };
        let rule: &[&str] = match which {
            // All but the newest and the one before it, of each name.
            Remnants::Kernels => &["--installonly", "--latest-limit=-2"],
            Remnants::Orphans | Remnants::Caches => &["--unneeded"],
        };
        let arguments: Vec<&str> = ["-q", "--disablerepo=*", "--noplugins", "repoquery"].into_iter().chain(rule.iter().copied()).chain(["--qf", "%{name}\t%{arch}\t%{epoch}\t%{version}-%{release}\n"]).collect();
        let ran = ask(dnf, &arguments, &[])?;
        if ran.code != Some(0) {
            return Err(outside("dnf repoquery", format!("cannot tell what is left over: {}", last(&ran.errors))));
        }
        let row = |line: &str| {
            let mut fields = line.split('\t').map(str::trim);
            let (name, arch, epoch, version) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            let version = if matches!(epoch, "" | "0" | "(none)") { version.to_owned() } else { format!("{epoch}:{version}") };
            Some(Remnant { name: name.to_owned(), arch: arch.to_owned(), version })
        };
        let all: Vec<Remnant> = ran.output.lines().filter(|line| !line.trim().is_empty()).filter_map(row).collect();
        let mut automatic = self.automatic()?;
        // dnf keeps a kernel by its number and not by a mark.
        if which == Remnants::Kernels {
            automatic.extend(all.iter().filter(|one| install_only(&one.name)).map(|one| one.name.clone()));
        }
        Ok(remnants::chosen(all, which, &self.installed()?, &automatic, &remnants::running()))
    }

    fn clear(&self, _: &Place<'_>, remnants: &[Remnant], watch: &mut dyn Watch) -> Result<(), Problem> {
        let Some(dnf) = &self.dnf else { return Err(outside("dnf", "is not on this host")) };
        if remnants.is_empty() {
            let ended = step("clean up", dnf, &["-q", "--noplugins", "clean", "packages"].map(str::to_owned), &[], watch)?;
            return if ended.well() { Ok(()) } else { Err(not_cleared(format!("dnf clean ended with {:?}", ended.code))) };
        }
        let rows: Vec<String> = remnants.iter().map(|one| format!("{}-{}.{}", one.name, one.version.rsplit(':').next().unwrap_or(&one.version), one.arch)).collect();
        // rpm refuses where anything that stays needs one of them, so that dnf
        // takes nothing else along.
        let test: Vec<&str> = ["-e", "--test"].into_iter().chain(rows.iter().map(String::as_str)).collect();
        let ran = ask(&self.rpm, &test, &[])?;
        if ran.code != Some(0) {
            return Err(outside("clean up", format!("is refused by rpm: {}", last(&ran.errors))));
        }
        let words = ["-y", "-q", "--disablerepo=*", "--noplugins", "--setopt=clean_requirements_on_remove=0", "remove"].map(str::to_owned);
        let ended = step("clean up", dnf, &words.into_iter().chain(rows).collect::<Vec<_>>(), &[], watch)?;
        if ended.well() { Ok(()) } else { Err(not_cleared(format!("dnf remove ended with {:?}", ended.code))) }
    }
}
