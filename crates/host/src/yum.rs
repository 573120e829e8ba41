//! dnf and zypper: enabled repositories, and pending updates of a live host.
//!
//! Both are asked with their caches only, so that a scan fetches nothing.

use crate::Inventory;
use crate::reboot::needs_reboot;
use crate::root::Root;
use crate::run::{self, TIMEOUT};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Repository;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::update::Update;
use plimsoll_formats::packages::yum::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// Longest `.repo` file, in bytes.
const LIMIT: usize = 4 << 20;

/// What asking came to: updates and the processor time of the programs; none
/// where there is no package manager to ask.
pub type Asked = Result<Option<(Vec<Update>, Duration)>, Problem>;

/// Reads the enabled repositories of dnf, yum and zypper.
pub fn repositories(root: &Root, problems: &mut Vec<Problem>) -> Vec<Repository> {
    let mut out = Vec::new();
    for folder in ["etc/yum.repos.d", "etc/zypp/repos.d", "etc/distro.repos.d"] {
        for name in root.list(folder).unwrap_or_default() {
            if !name.ends_with(".repo") {
                continue;
            }
            let path = format!("{folder}/{name}");
            let read = match root.read(&path, LIMIT) {
                Ok(bytes) => repository::repositories(&path, &bytes.unwrap_or_default()),
                Err(problem) => Err(problem),
            };
            match read {
                Ok((found, more)) => {
                    problems.extend(more);
                    out.extend(found.into_iter().filter(|found| found.enabled).map(facts));
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

fn facts(found: repository::YumRepository) -> Repository {
    let trusted = match (found.gpgcheck, found.repo_gpgcheck) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), _) => Some(false),
        (None, _) => None,
    };
    Repository {
        url: found.addresses.first().cloned().or(found.metalink).or(found.mirrorlist).unwrap_or_default(),
        label: Some(found.name).filter(|name| !name.is_empty()),
        id: found.id,
        trusted,
        ..Repository::default()
    }
}

/// Asks the host's dnf or zypper what is pending.
pub(crate) fn ask(inventory: &Inventory, problems: &mut Vec<Problem>) -> Asked {
    let suse = inventory.host.os.as_ref().is_some_and(|os| {
        os.id.contains("suse") || os.id.starts_with("sle") || os.like.iter().any(|like| like.contains("suse"))
    });
    if suse && let Some(program) = run::find("zypper") {
        return zypper(&program, &[], problems).map(Some);
    }
    for name in ["dnf5", "dnf", "yum", "microdnf"] {
        if let Some(program) = run::find(name) {
            return dnf(&program, &[], &inventory.components).map(Some);
        }
    }
    Ok(None)
}

/// Asks dnf (4 or 5) for updates and which of them are security updates.
///
/// `arguments` come first (`--installroot`, say). Fails where dnf does.
pub fn dnf(program: &Path, arguments: &[&str], installed: &[Component]) -> Result<(Vec<Update>, Duration), Problem> {
    let ask = |verbs: &[&str]| {
        let all = arguments.iter().copied().chain(["--cacheonly", "--quiet"]).chain(verbs.iter().copied());
        run::run(program, all, &[], TIMEOUT)
    };
    let checked = ask(&["check-update"])?;
    // 100 says that there are updates.
    if !matches!(checked.code, Some(0 | 100)) {
        return Err(Problem::new(
            "E-UPDATES",
            program.to_string_lossy(),
            format!("check-update failed: {}", last_line(&checked.errors)),
            "run `dnf makecache` on the host and scan again",
        ));
    }
    let mut versions: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for component in installed {
        // Of several installed versions (kernels) the last of the list is the newest.
        let arch = component.arch.as_deref().unwrap_or("");
        versions.insert((component.name.as_str(), arch), component.version.as_str());
    }
    let mut updates = check_update(&checked.output);
    let listed = ask(&["updateinfo", "list", "--security"])?;
    let security = advised(&listed.output);
    for update in &mut updates {
        update.installed = versions.get(&(update.package.as_str(), update.arch.as_str())).map(|version| (*version).to_owned());
        update.new = update.installed.is_none();
        let version = update.candidate.split_once(':').map_or(update.candidate.as_str(), |(_, version)| version);
        let file = format!("{}-{version}.{}", update.package, update.arch);
        let with_epoch = format!("{}-{}.{}", update.package, update.candidate, update.arch);
        update.security = security.contains(&file) || security.contains(&with_epoch);
    }
    Ok((updates, checked.cpu + listed.cpu))
}

fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason")
}

/// Reads `dnf check-update`: `name.arch  version  repository` a line, up to
/// the list of obsoleting packages. A long name puts the rest on a line of its
/// own.
fn check_update(output: &str) -> Vec<Update> {
    let mut updates: Vec<Update> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for line in output.lines() {
        if line.starts_with("Obsoleting") {
            break;
        }
        if !line.starts_with(' ') {
            words.clear();
        }
        words.extend(line.split_whitespace());
        let [name, version, origin] = words.as_slice() else { continue };
        let Some((package, arch)) = name.rsplit_once('.') else { continue };
        if !version.contains('-') || !version.bytes().any(|byte| byte.is_ascii_digit()) {
            continue;
        }
        updates.push(Update {
            package: package.to_owned(),
            arch: arch.to_owned(),
            candidate: (*version).to_owned(),
            origin: (*origin).to_owned(),
            reboot: needs_reboot(package),
            ..Update::default()
        });
        words.clear();
    }
    updates.sort_by(|left, right| (&left.package, &left.arch, &left.candidate).cmp(&(&right.package, &right.arch, &right.candidate)));
    updates
}

/// The package names (`name-version-release.arch`) in `dnf updateinfo list`,
/// in the third column of dnf 4 and the fourth of dnf 5.
fn advised(output: &str) -> BTreeSet<String> {
    output.lines().flat_map(|line| line.split_whitespace().skip(1)).map(str::to_owned).collect()
}

/// Asks zypper for updates.
///
/// zypper classes *patches*, not packages, and does not say which packages of
/// a patch this host has: `security` stays false and a problem says so.
pub fn zypper(program: &Path, arguments: &[&str], problems: &mut Vec<Problem>) -> Result<(Vec<Update>, Duration), Problem> {
    let all = arguments.iter().copied().chain(["--non-interactive", "--xmlout", "--no-refresh", "list-updates"]);
    let ran = run::run(program, all, &[], TIMEOUT)?;
    if ran.code != Some(0) {
        return Err(Problem::new(
            "E-UPDATES",
            program.to_string_lossy(),
            format!("list-updates failed: {}", last_line(&ran.errors)),
            "run `zypper refresh` on the host and scan again",
        ));
    }
    let updates = list_updates(&ran.output);
    if !updates.is_empty() {
        problems.push(Problem::new(
            "W-CLASS",
            program.to_string_lossy(),
            "zypper does not say which package updates are security updates; advisories of the database tell",
            "fetch the database with `plimsoll db update`",
        ));
    }
    Ok((updates, ran.cpu))
}

/// Reads the `update` elements of `zypper --xmlout list-updates`.
fn list_updates(output: &str) -> Vec<Update> {
    let mut updates = Vec::new();
    for element in output.split("<update ").skip(1) {
        let (head, rest) = element.split_once('>').unwrap_or((element, ""));
        let inner = rest.split("</update>").next().unwrap_or("");
        let (Some(package), Some(candidate)) = (attribute(head, "name"), attribute(head, "edition")) else { continue };
        if attribute(head, "kind").is_some_and(|kind| kind != "package") {
            continue;
        }
        let installed = attribute(head, "edition-old");
        updates.push(Update {
            reboot: needs_reboot(&package),
            new: installed.is_none(),
            arch: attribute(head, "arch").unwrap_or_default(),
            origin: inner.split("<source ").nth(1).and_then(|source| attribute(source, "alias")).unwrap_or_default(),
            package,
            candidate,
            installed,
            ..Update::default()
        });
    }
    updates.sort_by(|left, right| (&left.package, &left.arch).cmp(&(&right.package, &right.arch)));
    updates
}

/// The value of an attribute; names and versions of rpm hold no character that
/// XML would have to escape.
fn attribute(element: &str, name: &str) -> Option<String> {
    let mut rest = element;
    loop {
        let at = rest.find(name)?;
        let before = rest.get(..at)?;
        let after = rest.get(at + name.len()..)?;
        if (before.is_empty() || before.ends_with(char::is_whitespace)) && after.starts_with("=\"") {
            return after.get(2..)?.split('"').next().map(str::to_owned);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(updates: &[Update]) -> Vec<String> {
        updates
            .iter()
            .map(|update| {
                let installed = update.installed.as_deref().unwrap_or("-");
                format!("{} {} {installed} -> {} {}", update.package, update.arch, update.candidate, update.origin)
            })
            .collect()
    }

    #[test]
    fn dnf_lists_are_read_with_wrapped_names_and_without_obsoletes() {
        let output = "\nLast metadata expiration check: 0:01:02 ago.\n\nkernel-core.x86_64     5.14.0-503.el9     baseos\na-very-long-name-that-dnf-breaks.noarch\n                       1:2.0-1.el9        appstream\nSecurity: kernel-core is an installed security update\nObsoleting Packages\nnew.noarch   2-1   baseos\n";
        assert_eq!(
            shown(&check_update(output)),
            [
                "a-very-long-name-that-dnf-breaks noarch - -> 1:2.0-1.el9 appstream",
                "kernel-core x86_64 - -> 5.14.0-503.el9 baseos",
            ]
        );
        let four = advised("RHSA-2024:1 Important/Sec. alpha-2.0-1.noarch\n");
        let five = advised("Name Type Severity Package Issued\nRHSA-2024:1 security Important alpha-2.0-1.noarch 2024-01-01 00:00:00\n");
        assert!(four.contains("alpha-2.0-1.noarch") && five.contains("alpha-2.0-1.noarch"));
    }

    #[test]
    fn zypper_elements_are_read() {
        let output = r#"<?xml version='1.0'?><stream><update-status version="0.6"><update-list>
<update name="alpha" edition="2.0-1" arch="noarch" kind="package" edition-old="1.0-1" ><summary>x</summary><source url="dir:/r" alias="repo"/></update>
<update kind="patch" name="P-1" edition="1" arch="noarch"/></update-list></update-status></stream>"#;
        assert_eq!(shown(&list_updates(output)), ["alpha noarch 1.0-1 -> 2.0-1 repo"]);
    }
}
