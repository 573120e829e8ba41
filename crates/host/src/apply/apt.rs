//! apt and dpkg.

use super::apt_index::{View, last};
use super::process::step;
use super::remnants::{self, Remnant};
use super::select::{broken, present};
use super::{Ended, Installed, Manager, Place, Present, Simulated, Transaction, Watch, ask, not_cleared, outside, same_slot};
use crate::apt::simulate::parse;
use crate::run;
use plimsoll_core::model::deployment_package::{Remnants, Removal, Target};
use plimsoll_core::model::problem::Problem;
use plimsoll_version::Scheme;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// Where apt-get is; a fixed path, so that nothing is found elsewhere.
pub(super) struct Fixed(&'static str);

impl Deref for Fixed {
    type Target = Path;

    fn deref(&self) -> &Path {
        Path::new(self.0)
    }
}

/// apt's program.
pub(super) const APT_GET: Fixed = Fixed("/usr/bin/apt-get");

/// apt and dpkg of this host.
#[derive(Debug)]
pub(super) struct Apt {
    dpkg: PathBuf,
    query: PathBuf,
    mark: PathBuf,
}

impl Apt {
    pub(super) fn find() -> Result<Self, Problem> {
        let program = |name: &str| run::find(name).ok_or_else(|| outside(name, "is not on this host, whose plan needs it"));
        if !APT_GET.is_file() {
            return Err(outside(&APT_GET.to_string_lossy(), "is not on this host, whose plan needs it"));
        }
        Ok(Self { dpkg: program("dpkg")?, query: program("dpkg-query")?, mark: program("apt-mark")? })
    }

    /// Arguments of one transaction.
    fn install(transaction: &Transaction<'_>, simulated: Option<&Simulated>, reinstall: &[&Target]) -> Vec<String> {
        let mut arguments = vec!["-y".to_owned(), "-q".to_owned(), "install".to_owned()];
        let removes = simulated.map_or(!transaction.remove.is_empty(), |simulated| !simulated.remove.is_empty());
        arguments.push(if removes { "--remove" } else { "--no-remove" }.to_owned());
        if transaction.back {
            arguments.push("--allow-downgrades".to_owned());
        }
        if !reinstall.is_empty() {
            arguments.push("--reinstall".to_owned());
        }
        arguments.extend(transaction.targets.iter().map(named));
        arguments
    }

    fn view(place: &Place<'_>, transaction: &Transaction<'_>) -> Result<View, Problem> {
        let files: Vec<&Target> = transaction.targets.iter().chain(transaction.new).collect();
        View::make(place, if transaction.back { "back" } else { "forth" }, &files)
    }

    /// Names of packages that the system cannot do without.
    fn essential(&self) -> Result<BTreeSet<String>, Problem> {
        let ran = ask(&self.query, &["-W", "-f=${Package}\\t${Essential}\\t${Protected}\\t${Important}\\n"], &[])?;
        let line = |line: &str| {
            let mut fields = line.split('\t');
            let name = fields.next()?.to_owned();
            fields.any(|word| word == "yes").then_some(name)
        };
        Ok(ran.output.lines().filter_map(line).collect())
    }

    fn run(&self, what: &str, view: &View, arguments: &[String], watch: &mut dyn Watch) -> Result<Ended, Problem> {
        step(what, &APT_GET, arguments, &view.environment(), watch)
    }
}

/// `name:arch=version`.
fn named(target: &Target) -> String {
    // apt knows packages for every machine by the machine's own architecture.
    let arch = if target.arch == "all" { String::new() } else { format!(":{}", target.arch) };
    format!("{}{arch}={}", target.name, target.version)
}

impl Manager for Apt {
    fn scheme(&self) -> Scheme {
        Scheme::Debian
    }

    fn installed(&self) -> Result<Installed, Problem> {
        let ran = ask(&self.query, &["-W", "-f=${db:Status-Abbrev}\\t${Package}\\t${Architecture}\\t${Version}\\n"], &[])?;
        // It ends with 1 where the database holds nothing.
        let mut installed = Installed::new();
        for line in ran.output.lines() {
            let mut fields = line.split('\t');
            let (Some(status), Some(name), Some(arch), Some(version)) = (fields.next(), fields.next(), fields.next(), fields.next()) else { continue };
            let status = status.trim().to_owned();
            if !matches!(status.chars().nth(1), Some('n' | 'c') | None) {
                installed.entry((name.to_owned(), arch.to_owned())).or_default().push(Present { version: version.to_owned(), status });
            }
        }
        Ok(installed)
    }

    fn automatic(&self) -> Result<BTreeSet<String>, Problem> {
        let ran = ask(&self.mark, &["showauto"], &[])?;
        if ran.code != Some(0) {
            return Err(outside("apt-mark", format!("cannot tell what was installed automatically: {}", last(&ran.errors))));
        }
        Ok(ran.output.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
    }

    fn audit(&self, touched: &[Target]) -> Result<Vec<String>, Problem> {
        let ran = ask(&self.dpkg, &["--audit"], &[])?;
        let mut found: Vec<String> = ran.output.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let installed = self.installed()?;
        for target in touched {
            found.extend(present(&installed, target).filter(|present| broken(&present.status)).map(|present| format!("{} {}", present.status, target.name)));
        }
        Ok(found)
    }

    fn simulate(&self, place: &Place<'_>, transaction: &Transaction<'_>) -> Result<Simulated, Problem> {
        let view = Self::view(place, transaction)?;
        let mut arguments = Self::install(transaction, None, &[]);
        arguments.insert(0, "-s".to_owned());
        let ran = run::run(&APT_GET, &arguments, &view.environment(), run::TIMEOUT)?;
        if ran.code != Some(0) {
            return Err(outside("simulated transaction", format!("is refused by apt: {}", last(&format!("{}\n{}", ran.output, ran.errors)))));
        }
        let mut simulated = Simulated::default();
        for change in parse(&ran.output) {
            let Some(version) = change.candidate else {
                let allowed = transaction.remove.iter().find(|removal| removal.name == change.package && (change.arch.is_empty() || same_slot(&removal.arch, &change.arch)));
                let removal = allowed.ok_or_else(|| outside("simulated transaction", format!("would remove {}, which the plan does not name", change.package)))?;
                simulated.remove.push(Removal::clone(removal));
                continue;
            };
            let mut named = transaction.targets.iter().chain(transaction.new);
            let target = named.find(|target| target.name == change.package && target.version == version && same_slot(&target.arch, &change.arch));
            let target = target.ok_or_else(|| outside("simulated transaction", format!("would install {} {version}, which the plan does not name", change.package)))?;
            simulated.install.push(target.clone());
        }
        if let Some(left) = transaction.targets.iter().find(|target| !simulated.install.contains(target)) {
            let installed = self.installed()?;
            if !present(&installed, left).any(|present| present.version == left.version) {
                return Err(outside("simulated transaction", format!("leaves {} as it is", left.name)));
            }
        }
        let kernels = simulated.install.iter().filter(|target| target.name.starts_with("linux-image-")).count() as u64;
        super::room(view.unpacked, kernels)?;
        Ok(simulated)
    }

    fn apply(&self, place: &Place<'_>, transaction: &Transaction<'_>, simulated: &Simulated, watch: &mut dyn Watch) -> Result<Ended, Problem> {
        let view = Self::view(place, transaction)?;
        self.run(if transaction.back { "roll back" } else { "apply" }, &view, &Self::install(transaction, Some(simulated), &[]), watch)
    }

    fn repair(&self, place: &Place<'_>, transaction: &Transaction<'_>, simulated: &Simulated, watch: &mut dyn Watch) -> Result<(), Problem> {
        let view = Self::view(place, transaction)?;
        // Its result is no news: it does not mend what must be reinstalled.
        let configure = ["--force-confdef", "--force-confold", "--configure", "-a"].map(str::to_owned);
        step("configure", &self.dpkg, &configure, &view.environment(), watch)?;
        let installed = self.installed()?;
        let flagged = |target: &&Target| present(&installed, target).any(|present| present.version == target.version && present.status.ends_with('R'));
        let reinstall: Vec<&Target> = transaction.targets.iter().filter(flagged).collect();
        let ended = self.run("repair", &view, &Self::install(transaction, Some(simulated), &reinstall), watch)?;
        if ended.well() {
            return Ok(());
        }
        // Only where it stays within the plan.
        let fix = ["-y", "-q", "--no-remove", "-f", "install"].map(str::to_owned);
        let ran = run::run(&APT_GET, ["-s"].into_iter().map(str::to_owned).chain(fix.iter().cloned()), &view.environment(), run::TIMEOUT)?;
        let named = |name: &str, version: &str| transaction.targets.iter().chain(transaction.new).any(|target| target.name == name && target.version == version);
        let within = |change: &crate::apt::simulate::Change| change.candidate.as_deref().is_some_and(|version| named(&change.package, version));
        if ran.code == Some(0) && parse(&ran.output).iter().all(within) {
            self.run("fix", &view, &fix, watch)?;
            self.run("repair", &view, &Self::install(transaction, Some(simulated), &reinstall), watch)?;
        }
        Ok(())
    }

    fn restore_marks(&self, before: &Installed, automatic: &BTreeSet<String>, simulated: &Simulated) -> Result<(), Problem> {
        let now = self.automatic()?;
        let installed = self.installed()?;
        let new = |target: &Target| target.new && present(before, target).next().is_none() && present(&installed, target).next().is_some();
        let came = simulated.install.iter().filter(|target| new(target)).map(|target| target.name.clone());
        let there = |name: &String| installed.keys().any(|(present, arch)| present == name || format!("{present}:{arch}") == *name);
        let lost: BTreeSet<String> = automatic.iter().filter(|name| there(name)).cloned().chain(came).filter(|name| !now.contains(name)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let arguments: Vec<&str> = std::iter::once("auto").chain(lost.iter().map(String::as_str)).collect();
        let ran = ask(&self.mark, &arguments, &[])?;
        if ran.code == Some(0) { Ok(()) } else { Err(Problem::new("W-MARKS", "apt-mark", last(&ran.errors), "mark them by hand: apt-mark auto")) }
    }

    fn left_over(&self, which: Remnants) -> Result<Vec<Remnant>, Problem> {
        // With the host's own settings: which packages are never unneeded is
        // written there.
        let ran = ask(&APT_GET, &["-s", "-q", "autoremove"], &[("DEBIAN_FRONTEND", "noninteractive".into())])?;
        if ran.code != Some(0) {
            return Err(outside("apt-get autoremove", format!("cannot tell what is left over: {}", last(&format!("{}\n{}", ran.output, ran.errors)))));
        }
        let installed = self.installed()?;
        let essential = self.essential()?;
        let row = |change: crate::apt::simulate::Change| {
            let mut there = installed.iter().filter(|((name, arch), _)| *name == change.package && (change.arch.is_empty() || same_slot(arch, &change.arch)));
            let ((name, arch), versions) = there.next()?;
            let version = versions.first()?.version.clone();
            (change.candidate.is_none() && !essential.contains(name)).then(|| Remnant { name: name.clone(), arch: arch.clone(), version })
        };
        let all = parse(&ran.output).into_iter().filter_map(row).collect();
        Ok(remnants::chosen(all, which, &installed, &self.automatic()?, &remnants::running()))
    }

    fn clear(&self, place: &Place<'_>, remnants: &[Remnant], watch: &mut dyn Watch) -> Result<(), Problem> {
        if remnants.is_empty() {
            let ended = step("clean up", &APT_GET, &["-q".to_owned(), "clean".to_owned()], &[], watch)?;
            return if ended.well() { Ok(()) } else { Err(not_cleared(format!("apt-get clean ended with {:?}", ended.code))) };
        }
        let view = View::bare(place, "clean-up")?;
        let named = remnants.iter().map(|one| if one.arch == "all" { one.name.clone() } else { format!("{}:{}", one.name, one.arch) });
        let arguments: Vec<String> = ["-y", "-q", "remove", "--no-auto-remove"].map(str::to_owned).into_iter().chain(named).collect();
        let ran = run::run(&APT_GET, std::iter::once("-s".to_owned()).chain(arguments.iter().cloned()), &view.environment(), run::TIMEOUT)?;
        if ran.code != Some(0) {
            return Err(outside("clean up", format!("is refused by apt: {}", last(&format!("{}\n{}", ran.output, ran.errors)))));
        }
        let wanted = |change: &crate::apt::simulate::Change| change.candidate.is_none() && remnants.iter().any(|one| one.name == change.package && (change.arch.is_empty() || same_slot(&one.arch, &change.arch)));
        if let Some(other) = parse(&ran.output).iter().find(|change| !wanted(change)) {
            return Err(outside("clean up", format!("would change {}, which is not left over", other.package)));
        }
        let mut ended = self.run("clean up", &view, &arguments, watch)?;
        if !ended.well() {
            // Cut off in a script: what is half gone goes at the second try.
            let configure = ["--force-confdef", "--force-confold", "--configure", "-a"].map(str::to_owned);
            step("clean up", &self.dpkg, &configure, &view.environment(), watch)?;
            ended = self.run("clean up", &view, &arguments, watch)?;
        }
        if ended.well() { Ok(()) } else { Err(not_cleared(format!("apt-get remove ended with {:?}", ended.code))) }
    }
}
