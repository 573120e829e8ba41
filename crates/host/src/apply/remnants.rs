//! **Remnants**: what is left over after a change, by the package manager's own
//! rule, and what of it may never go.

use super::{Installed, outside};
use plimsoll_core::model::deployment_package::Remnants;
use plimsoll_core::model::problem::Problem;
use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// A package that is left over.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Remnant {
    /// Name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version that goes.
    pub version: String,
}

/// Kernels besides the running one that are kept: the one to fall back to.
const FALLBACKS: usize = 1;

/// Names of packages that belong to one kernel, before its release.
const OF_KERNEL: [&str; 6] = ["linux-image-unsigned-", "linux-image-", "linux-headers-", "linux-modules-extra-", "linux-modules-", "linux-kbuild-"];

/// The release of the kernel that a Debian package belongs to; none for
/// anything else, meta packages among it.
fn release_of(name: &str) -> Option<&str> {
    let release = OF_KERNEL.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    release.starts_with(|first: char| first.is_ascii_digit()).then_some(release)
}

/// Whether a package belongs to one kernel.
pub(super) fn is_of_kernel(name: &str) -> bool {
    release_of(name).is_some() || super::select::install_only(name)
}

/// Releases of Debian kernels that stay: the running one, and the newest one
/// beside it, which is what the host falls back to, or starts next.
fn kept<'a>(installed: &'a Installed, running: &'a str) -> BTreeSet<&'a str> {
    let images = installed.keys().filter(|(name, _)| name.starts_with("linux-image-")).filter_map(|(name, _)| release_of(name));
    let mut others: Vec<&str> = images.filter(|release| *release != running).collect();
    others.sort_by(|one, other| compare(Scheme::Debian, other, one).unwrap_or(Ordering::Equal));
    others.dedup();
    // Where the running kernel is none of the host's own (a container, one
    // without a package), one more stays in its place.
    let own = installed.keys().any(|(name, _)| release_of(name) == Some(running));
    let count = if own { FALLBACKS } else { FALLBACKS + 1 };
    others.into_iter().take(count).chain(std::iter::once(running)).collect()
}

/// Chooses from what a package manager says is left over: kernels or the
/// others, never what people installed, and never a kernel that runs or is
/// fallen back to.
pub(super) fn chosen(all: Vec<Remnant>, which: Remnants, installed: &Installed, automatic: &BTreeSet<String>, running: &str) -> Vec<Remnant> {
    let kept = kept(installed, running);
    let theirs = |one: &Remnant| automatic.contains(&one.name) || automatic.contains(&format!("{}:{}", one.name, one.arch));
    // The series without its flavour: headers that all flavours share are
    // called `linux-headers-6.1.0-50-common`.
    let series = |release: &str| release.rsplit_once('-').map_or(release, |(series, _)| series).to_owned();
    let stays = |one: &Remnant| {
        let of_kept = |release: &str| kept.iter().any(|kept| *kept == release || series(kept) == series(release));
        release_of(&one.name).is_some_and(of_kept) || is_of_kernel(&one.name) && running == format!("{}.{}", one.version, one.arch)
    };
    let mut chosen: Vec<Remnant> = all.into_iter().filter(|one| is_of_kernel(&one.name) == (which == Remnants::Kernels) && theirs(one) && !stays(one)).collect();
    chosen.sort();
    chosen.dedup();
    chosen
}

/// Checks that no more would go than people signed.
pub(super) fn bounded(remnants: &[Remnant], most: u32) -> Result<(), Problem> {
    if remnants.len() <= most as usize {
        return Ok(());
    }
    let names: Vec<&str> = remnants.iter().map(|one| one.name.as_str()).take(20).collect();
    Err(outside("clean up", format!("would remove {} packages, people signed at most {most}: {}", remnants.len(), names.join(", "))))
}

/// The release of the running kernel.
pub(super) fn running() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Present;
    use super::*;

    fn installed(names: &[&str]) -> Installed {
        names.iter().map(|name| (((*name).to_owned(), "amd64".to_owned()), vec![Present { version: "1".to_owned(), status: "ii".to_owned() }])).collect()
    }

    fn remnants(names: &[&str]) -> Vec<Remnant> {
        names.iter().map(|name| Remnant { name: (*name).to_owned(), arch: "amd64".to_owned(), version: "1".to_owned() }).collect()
    }

    fn names(all: &[&str], which: Remnants, running: &str, by_people: &[&str]) -> Vec<String> {
        let automatic = all.iter().filter(|name| !by_people.contains(name)).map(|name| (*name).to_owned()).collect();
        chosen(remnants(all), which, &installed(all), &automatic, running).into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn the_running_kernel_and_the_one_to_fall_back_to_stay() {
        let all = ["linux-image-6.1.0-9-amd64", "linux-headers-6.1.0-9-amd64", "linux-image-6.1.0-49-amd64", "linux-headers-6.1.0-49-common", "linux-image-6.1.0-50-amd64", "libold"];
        let kernels = |running, by_people: &[&str]| names(&all, Remnants::Kernels, running, by_people);
        assert_eq!(kernels("6.1.0-50-amd64", &[]), ["linux-headers-6.1.0-9-amd64", "linux-image-6.1.0-9-amd64"]);
        // Before the reboot the newest is the one that starts next.
        assert_eq!(kernels("6.1.0-49-amd64", &[]), ["linux-headers-6.1.0-9-amd64", "linux-image-6.1.0-9-amd64"]);
        assert_eq!(kernels("6.1.0-9-amd64", &[]), ["linux-headers-6.1.0-49-common", "linux-image-6.1.0-49-amd64"]);
        assert_eq!(kernels("5.10.0-container", &[]), ["linux-headers-6.1.0-9-amd64", "linux-image-6.1.0-9-amd64"], "two of its own stay");
        assert_eq!(kernels("6.1.0-50-amd64", &["linux-image-6.1.0-9-amd64"]), ["linux-headers-6.1.0-9-amd64"], "people installed it");
    }

    #[test]
    fn what_people_installed_is_no_remnant() {
        let all = ["libold", "tool", "linux-image-6.1.0-9-amd64"];
        assert_eq!(names(&all, Remnants::Orphans, "x", &["tool"]), ["libold"]);
        assert!(bounded(&remnants(&["a", "b"]), 1).unwrap_err().text.contains("would remove 2 packages, people signed at most 1: a, b"));
        assert!(bounded(&remnants(&["a", "b"]), 2).is_ok());
    }

    #[test]
    fn an_rpm_kernel_that_runs_stays() {
        let running = "5.14.0-427.el9.x86_64";
        let row = |version: &str| Remnant { name: "kernel-core".to_owned(), arch: "x86_64".to_owned(), version: version.to_owned() };
        let automatic = BTreeSet::from(["kernel-core".to_owned()]);
        let left = chosen(vec![row("5.14.0-300.el9"), row("5.14.0-427.el9")], Remnants::Kernels, &Installed::new(), &automatic, running);
        assert_eq!(left, [row("5.14.0-300.el9")]);
    }
}
