//! Which stream a distribution's code name, ecosystem, platform or product
//! name belongs to.
//!
//! Every format spells releases its own way; all of them end here, so that
//! one release has one stream.

use plimsoll_core::model::advisory::{NamesWhat, Only};
use plimsoll_core::model::stream::Stream;

/// Debian's code names; facts from `distro-info-data`.
const DEBIAN: [(&str, &str); 21] = [
    ("buzz", "1.1"),
    ("rex", "1.2"),
    ("bo", "1.3"),
    ("hamm", "2.0"),
    ("slink", "2.1"),
    ("potato", "2.2"),
    ("woody", "3.0"),
    ("sarge", "3.1"),
    ("etch", "4.0"),
    ("lenny", "5.0"),
    ("squeeze", "6.0"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
    ("sid", "sid"),
];

/// Ubuntu's code names; facts from `distro-info-data`.
const UBUNTU: [(&str, &str); 45] = [
    ("warty", "4.10"),
    ("hoary", "5.04"),
    ("breezy", "5.10"),
    ("dapper", "6.06"),
    ("edgy", "6.10"),
    ("feisty", "7.04"),
    ("gutsy", "7.10"),
    ("hardy", "8.04"),
    ("intrepid", "8.10"),
    ("jaunty", "9.04"),
    ("karmic", "9.10"),
    ("lucid", "10.04"),
    ("maverick", "10.10"),
    ("natty", "11.04"),
    ("oneiric", "11.10"),
    ("precise", "12.04"),
    ("quantal", "12.10"),
    ("raring", "13.04"),
    ("saucy", "13.10"),
    ("trusty", "14.04"),
    ("utopic", "14.10"),
    ("vivid", "15.04"),
    ("wily", "15.10"),
    ("xenial", "16.04"),
    ("yakkety", "16.10"),
    ("zesty", "17.04"),
    ("artful", "17.10"),
    ("bionic", "18.04"),
    ("cosmic", "18.10"),
    ("disco", "19.04"),
    ("eoan", "19.10"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
    ("stonking", "26.10"),
];

/// Finds the stream of a Debian code name, `bookworm` to `debian:12`.
pub fn debian(codename: &str) -> Option<Stream> {
    let (_, release) = DEBIAN.iter().find(|(name, _)| *name == codename)?;
    Some(Stream::release("debian", release))
}

/// Finds the stream of an Ubuntu code name, `jammy` to `ubuntu:22.04`.
pub fn ubuntu(codename: &str) -> Option<Stream> {
    let (_, release) = UBUNTU.iter().find(|(name, _)| *name == codename)?;
    Some(Stream::release("ubuntu", release))
}

/// Where a statement holds and what its names are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// The stream.
    pub stream: Stream,
    /// What narrows it.
    pub only: Only,
    /// Whether its package names are source or binary packages.
    pub names: NamesWhat,
}

impl Scope {
    fn source(stream: Stream) -> Self {
        Self { stream, only: Only::default(), names: NamesWhat::Source }
    }

    fn binary(stream: Stream) -> Self {
        Self { stream, only: Only::default(), names: NamesWhat::Binary }
    }
}

/// Reads an OSV ecosystem, `Debian:12`, `Ubuntu:Pro:18.04:LTS`, `crates.io`.
///
/// `purl` tells which Ubuntu Pro archive a fix is in (`distro=esm-apps/…`).
/// A suffix of a language ecosystem names a registry (`Maven:https://…`) and
/// narrows by repository. Unknown families keep their own lower-case name, so
/// that nothing is lost; versions in them cannot be compared.
pub fn osv_ecosystem(ecosystem: &str, purl: Option<&str>) -> Scope {
    let (family, release) = match ecosystem.split_once(':') {
        Some((family, release)) => (family, Some(release)),
        None => (ecosystem, None),
    };
    let of = |name: &str| match release {
        Some(release) => Stream::release(name, release),
        None => Stream::language(name),
    };
    match family {
        "Debian" => Scope::source(of("debian")),
        "Ubuntu" => ubuntu_ecosystem(release.unwrap_or(""), purl),
        "AlmaLinux" => Scope::binary(of("almalinux")),
        "Rocky Linux" => Scope::binary(of("rocky")),
        "Red Hat" => red_hat(release.unwrap_or("")),
        "SUSE" | "openSUSE" => {
            let name = release.unwrap_or("");
            suse(name).unwrap_or_else(|| Scope::source(Stream::release("suse", name)))
        }
        "Alpine" => {
            let release = release.map(|release| release.strip_prefix('v').unwrap_or(release));
            Scope::source(release.map_or_else(
                || Stream::language("alpine"),
                |release| Stream::release("alpine", release),
            ))
        }
        "Wolfi" | "Chainguard" | "Alpaquita" | "MinimOS" | "Echo" | "Mageia" | "openEuler" => {
            Scope::source(of(family))
        }
        "Azure Linux" => Scope::source(of("azurelinux")),
        "Photon OS" => Scope::source(of("photon")),
        _ => other_ecosystem(family, release),
    }
}

fn other_ecosystem(family: &str, release: Option<&str>) -> Scope {
    let language = Stream::language(family);
    if language.scheme().is_some() {
        let repository = release.map(str::to_owned);
        return Scope { only: Only { repository, ..Only::default() }, ..Scope::binary(language) };
    }
    Scope::binary(release.map_or(language, |release| Stream::release(family, release)))
}

fn ubuntu_ecosystem(parts: &str, purl: Option<&str>) -> Scope {
    let mut release = "";
    let mut pro = false;
    let mut tag = None;
    for part in parts.split(':') {
        match part {
            "LTS" | "" => {}
            "Pro" => pro = true,
            part if part.starts_with(|first: char| first.is_ascii_digit()) => release = part,
            part => tag = Some(part.to_ascii_lowercase()),
        }
    }
    let repository = pro.then(|| {
        purl.and_then(|purl| purl.split_once("distro="))
            .and_then(|(_, distro)| distro.split('&').next())
            .and_then(|distro| distro.split_once('/'))
            .map(|(archive, _)| archive.to_ascii_lowercase())
            .or(tag)
            .unwrap_or_else(|| "esm".to_owned())
    });
    let stream = if release.is_empty() { Stream::language("ubuntu") } else { Stream::release("ubuntu", release) };
    Scope { only: Only { repository, ..Only::default() }, ..Scope::source(stream) }
}

/// Reads what follows `redhat:` in a Red Hat platform (`enterprise_linux:9::appstream`,
/// `rhel_eus:9.2::baseos`, `openshift:4.14::el9`).
///
/// The main release is not narrowed. Extended lines become a minor
/// (`9.2-eus`), and products that sit on top of RHEL a repository
/// (`openshift:4.14`), because their kernel is not the host's kernel.
/// A layered product without an `elN` mark has no RHEL stream and keeps its
/// own name.
pub fn red_hat(platform: &str) -> Scope {
    let mut parts = platform.split(':');
    let product = parts.next().unwrap_or("");
    let version = parts.next().unwrap_or("");
    let edition = parts.nth(1).unwrap_or("");
    let major = version.split('.').next().unwrap_or("");
    if product == "enterprise_linux" && !major.is_empty() {
        return Scope::binary(Stream::release("rhel", major));
    }
    let line = match product {
        "rhel_eus" | "enterprise_linux_eus" => Some("eus"),
        "rhel_aus" => Some("aus"),
        "rhel_tus" => Some("tus"),
        "rhel_e4s" => Some("e4s"),
        "rhel_els" => Some("els"),
        "rhel_eus_long_life" => Some("eus-long-life"),
        _ => None,
    };
    if let (Some(line), false) = (line, major.is_empty()) {
        let only = Only { minor: Some(format!("{version}-{line}")), ..Only::default() };
        return Scope { only, ..Scope::binary(Stream::release("rhel", major)) };
    }
    let layered = if version.is_empty() { product.to_owned() } else { format!("{product}:{version}") };
    match edition.strip_prefix("el").filter(|major| !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit())) {
        Some(major) => {
            let only = Only { repository: Some(layered), ..Only::default() };
            Scope { only, ..Scope::binary(Stream::release("rhel", major)) }
        }
        None => Scope::binary(Stream::release("redhat", &layered)),
    }
}

/// Reads a platform name, `cpe:/a:redhat:rhel_eus:9.2::appstream`; only Red
/// Hat's are known, others are none.
pub fn platform(cpe: &str) -> Option<Scope> {
    let rest = cpe.strip_prefix("cpe:/").or_else(|| cpe.strip_prefix("cpe:2.3:"))?;
    let (_, rest) = rest.split_once(':')?;
    rest.strip_prefix("redhat:").map(red_hat)
}

/// Reads a SUSE product name, `SUSE Linux Enterprise Server 15 SP5-LTSS`,
/// `openSUSE Leap 15.5`, with or without the leading `SUSE`.
///
/// The modules of SUSE Linux Enterprise (Basesystem, Server Applications, …)
/// are where an ordinary server's packages come from, so they are the
/// server's stream unnarrowed; what needs its own subscription is a repository.
pub fn suse(product: &str) -> Option<Scope> {
    let name = product.trim();
    let name = name.strip_prefix("openSUSE ").or_else(|| name.strip_prefix("SUSE ")).unwrap_or(name);
    if let Some(release) = name.strip_prefix("Leap ") {
        return Some(Scope::source(Stream::release("opensuse-leap", release.trim())));
    }
    if name.starts_with("Tumbleweed") {
        return Some(Scope::source(Stream::language("opensuse-tumbleweed")));
    }
    if !name.starts_with("Linux Enterprise ") && !name.starts_with("Linux Micro ") {
        return None;
    }
    if let Some((_, release)) = name.split_once("Micro ") {
        let release = format!("micro-{}", release.trim());
        return Some(Scope::source(Stream::release("suse", &release)));
    }
    // The first space before a `1`: a module's own name may end in a digit
    // (`Python 3 15 SP5`).
    let at = name.find(" 1").map(|space| space + 1)?;
    let (words, rest) = (name.get(..at)?.trim_end(), name.get(at..)?);
    let (release, extension) = match rest.split_once('-') {
        Some((release, extension)) => (release.trim(), Some(extension)),
        None => (rest.trim(), None),
    };
    let release = match release.split_once(" SP") {
        Some((major, pack)) => format!("{}.{}", major.trim(), pack.trim()),
        None if release.contains('.') => release.to_owned(),
        None => format!("{release}.0"),
    };
    let family = if words.contains("Desktop") { "sled" } else { "sles" };
    let subscription = [
        ("SAP", "sap"),
        ("High Performance Computing", "hpc"),
        ("High Availability", "ha"),
        ("Live Patching", "live-patching"),
        ("Real Time", "rt"),
        ("Workstation Extension", "we"),
        ("Point of Service", "pos"),
    ]
    .iter()
    .find(|(word, _)| words.contains(word))
    .map(|(_, repository)| (*repository).to_owned());
    let repository = extension.map(str::to_ascii_lowercase).or(subscription);
    let only = Only { repository, ..Only::default() };
    Some(Scope { only, ..Scope::source(Stream::release(family, &release)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(scope: &Scope) -> String {
        let mut out = format!("{} {:?}", scope.stream, scope.names).to_lowercase();
        for (mark, part) in [(" minor=", &scope.only.minor), (" in=", &scope.only.repository)] {
            if let Some(part) = part {
                out.push_str(mark);
                out.push_str(part);
            }
        }
        out
    }

    #[test]
    fn every_ecosystem_ends_in_one_spelling() {
        for (ecosystem, purl, expected) in [
            ("Debian:12", None, "debian:12 source"),
            ("Ubuntu:22.04:LTS", None, "ubuntu:22.04 source"),
            ("Ubuntu:24.10", None, "ubuntu:24.10 source"),
            ("Ubuntu:Pro:18.04:LTS", None, "ubuntu:18.04 source in=esm"),
            (
                "Ubuntu:Pro:16.04:LTS",
                Some("pkg:deb/ubuntu/glibc@2.23?arch=source&distro=esm-infra/xenial"),
                "ubuntu:16.04 source in=esm-infra",
            ),
            ("Ubuntu:Pro:FIPS-updates:20.04:LTS", None, "ubuntu:20.04 source in=fips-updates"),
            ("AlmaLinux:8", None, "almalinux:8 binary"),
            ("Rocky Linux:9", None, "rocky:9 binary"),
            ("Red Hat:enterprise_linux:9::appstream", None, "rhel:9 binary"),
            ("Red Hat:enterprise_linux:10.0", None, "rhel:10 binary"),
            ("Red Hat:rhel_eus:9.2::baseos", None, "rhel:9 binary minor=9.2-eus"),
            ("Red Hat:rhel_aus:8.4::appstream", None, "rhel:8 binary minor=8.4-aus"),
            ("Red Hat:openshift:4.14::el9", None, "rhel:9 binary in=openshift:4.14"),
            ("Red Hat:openshift:3.11", None, "redhat:openshift:3.11 binary"),
            ("SUSE:Linux Enterprise Server 15 SP5", None, "sles:15.5 source"),
            ("SUSE:Linux Enterprise Server 15 SP3-LTSS", None, "sles:15.3 source in=ltss"),
            ("SUSE:Linux Enterprise Module for Basesystem 15 SP6", None, "sles:15.6 source"),
            ("SUSE:Linux Enterprise Live Patching 15 SP4", None, "sles:15.4 source in=live-patching"),
            ("SUSE:Linux Enterprise Server for SAP Applications 12 SP5", None, "sles:12.5 source in=sap"),
            ("SUSE:Linux Enterprise Micro 5.5", None, "suse:micro-5.5 source"),
            ("openSUSE:Leap 15.5", None, "opensuse-leap:15.5 source"),
            ("openSUSE:Tumbleweed", None, "opensuse-tumbleweed source"),
            ("Alpine:v3.18", None, "alpine:3.18 source"),
            ("Wolfi", None, "wolfi source"),
            ("Chainguard", None, "chainguard source"),
            ("Mageia:9", None, "mageia:9 source"),
            ("openEuler:22.03-LTS-SP3", None, "openeuler:22.03-lts-sp3 source"),
            ("Azure Linux:3", None, "azurelinux:3 source"),
            ("crates.io", None, "crates.io binary"),
            ("Maven:https://maven.google.com", None, "maven binary in=https://maven.google.com"),
            ("GitHub Actions", None, "github actions binary"),
            ("Bitnami", None, "bitnami binary"),
            ("", None, " binary"),
        ] {
            assert_eq!(spelled(&osv_ecosystem(ecosystem, purl)), expected, "{ecosystem}");
        }
        assert_eq!(debian("bookworm").unwrap().as_str(), "debian:12");
        assert_eq!(ubuntu("jammy").unwrap().as_str(), "ubuntu:22.04");
        assert_eq!(debian("bookworm "), None);
    }
}
