//! Which rules of order a name of an ecosystem, distribution or package format stands for.

use std::fmt;

/// Names the rules by which versions are ordered.
///
/// Several ecosystems share a scheme (all `dpkg` distributions are [`Scheme::Debian`]); a scheme of its own exists only
/// where the rules differ, were it by one character.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Scheme {
    /// `dpkg`: `epoch:upstream-revision`, `~` before everything.
    Debian,
    /// `rpm`: `epoch:version-release`, `~` before and `^` after the end.
    Rpm,
    /// `apk-tools`: numbers, one letter, known suffixes, `-r` revision.
    Alpine,
    /// `alpm`: like `rpm`, but separators count and `~` does not.
    Pacman,
    /// Semantic Versioning 2.0.0, read leniently: `v` in front, missing and extra numbers.
    Semver,
    /// As `Semver`, and letters may follow the numbers without a hyphen, as in the loose mode of `node-semver`.
    Npm,
    /// As `Semver`; requirements without an operator are caret requirements.
    Cargo,
    /// As `Semver`, with the versions of the Go toolchain (`go1.21rc2`).
    Go,
    /// Maven's `ComparableVersion`.
    Maven,
    /// PEP 440, and what came before it for texts it refuses.
    PyPi,
    /// `Gem::Version`.
    RubyGems,
    /// PHP's `version_compare` with Composer's words.
    Packagist,
    /// NuGet: up to four numbers, case-insensitive labels.
    NuGet,
    /// Numbers between dots; the shorter comes first.
    Hackage,
    /// As `Semver`, but build metadata counts.
    Pub,
    /// Numbers between dots or hyphens; the shorter comes first.
    Cran,
    /// As `Semver`, but a number alone behind the last hyphen is a packaging revision and comes *after*.
    Bitnami,
    /// Numbers and words by no known rules: equality and plain dotted numbers can be trusted, words are a guess.
    Generic,
}

impl Scheme {
    /// Every scheme, once.
    pub const ALL: &[Scheme] = &[
        Scheme::Debian,
        Scheme::Rpm,
        Scheme::Alpine,
        Scheme::Pacman,
        Scheme::Semver,
        Scheme::Npm,
        Scheme::Cargo,
        Scheme::Go,
        Scheme::Maven,
        Scheme::PyPi,
        Scheme::RubyGems,
        Scheme::Packagist,
        Scheme::NuGet,
        Scheme::Hackage,
        Scheme::Pub,
        Scheme::Cran,
        Scheme::Bitnami,
        Scheme::Generic,
    ];

    /// Finds the scheme of an ecosystem in the spelling of OSV, or of a package format or purl type.
    ///
    /// Case is ignored, and so is what follows the first colon (`Debian:12`, `Red Hat:enterprise_linux:9`). `None`
    /// means that nobody has said by which rules to compare; guessing [`Scheme::Generic`] is the caller's decision,
    /// because it belongs into the explanation of the finding.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Scheme> {
        let stem = name.split(':').next().unwrap_or_default().trim();
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(stem))
            .map(|&(_, scheme)| scheme)
    }

    /// Returns the name in small letters, as configuration and reports write it; [`Scheme::from_name`] reads it back.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Debian => "debian",
            Scheme::Rpm => "rpm",
            Scheme::Alpine => "alpine",
            Scheme::Pacman => "pacman",
            Scheme::Semver => "semver",
            Scheme::Npm => "npm",
            Scheme::Cargo => "cargo",
            Scheme::Go => "go",
            Scheme::Maven => "maven",
            Scheme::PyPi => "pypi",
            Scheme::RubyGems => "rubygems",
            Scheme::Packagist => "packagist",
            Scheme::NuGet => "nuget",
            Scheme::Hackage => "hackage",
            Scheme::Pub => "pub",
            Scheme::Cran => "cran",
            Scheme::Bitnami => "bitnami",
            Scheme::Generic => "generic",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Known names: the ecosystems of the OSV schema, the purl types, and what package managers are called.
///
/// ConanCenter is `Generic` on purpose: its packages follow their upstreams (`1.1.1t`, `cci.20200203`), which semantic
/// versioning would order the wrong way round.
const NAMES: &[(&str, Scheme)] = &[
    ("debian", Scheme::Debian),
    ("deb", Scheme::Debian),
    ("dpkg", Scheme::Debian),
    ("ubuntu", Scheme::Debian),
    ("kali", Scheme::Debian),
    ("raspbian", Scheme::Debian),
    ("linuxmint", Scheme::Debian),
    ("echo", Scheme::Debian),
    ("rpm", Scheme::Rpm),
    ("redhat", Scheme::Rpm),
    ("red hat", Scheme::Rpm),
    ("rhel", Scheme::Rpm),
    ("centos", Scheme::Rpm),
    ("fedora", Scheme::Rpm),
    ("almalinux", Scheme::Rpm),
    ("rocky linux", Scheme::Rpm),
    ("rocky", Scheme::Rpm),
    ("oracle linux", Scheme::Rpm),
    ("amazon linux", Scheme::Rpm),
    ("suse", Scheme::Rpm),
    ("opensuse", Scheme::Rpm),
    ("mageia", Scheme::Rpm),
    ("openeuler", Scheme::Rpm),
    ("azure linux", Scheme::Rpm),
    ("photon os", Scheme::Rpm),
    ("alpine", Scheme::Alpine),
    ("apk", Scheme::Alpine),
    ("wolfi", Scheme::Alpine),
    ("chainguard", Scheme::Alpine),
    ("minimos", Scheme::Alpine),
    ("alpaquita", Scheme::Alpine),
    ("bellsoft hardened containers", Scheme::Alpine),
    ("pacman", Scheme::Pacman),
    ("alpm", Scheme::Pacman),
    ("arch", Scheme::Pacman),
    ("arch linux", Scheme::Pacman),
    ("semver", Scheme::Semver),
    ("hex", Scheme::Semver),
    ("swifturl", Scheme::Semver),
    ("swift", Scheme::Semver),
    ("github actions", Scheme::Semver),
    ("githubactions", Scheme::Semver),
    ("julia", Scheme::Semver),
    ("kubernetes", Scheme::Semver),
    ("vscode", Scheme::Semver),
    ("npm", Scheme::Npm),
    ("crates.io", Scheme::Cargo),
    ("cargo", Scheme::Cargo),
    ("go", Scheme::Go),
    ("golang", Scheme::Go),
    ("maven", Scheme::Maven),
    ("pypi", Scheme::PyPi),
    ("rubygems", Scheme::RubyGems),
    ("gem", Scheme::RubyGems),
    ("packagist", Scheme::Packagist),
    ("composer", Scheme::Packagist),
    ("nuget", Scheme::NuGet),
    ("hackage", Scheme::Hackage),
    ("ghc", Scheme::Hackage),
    ("pub", Scheme::Pub),
    ("cran", Scheme::Cran),
    ("bioconductor", Scheme::Cran),
    ("bitnami", Scheme::Bitnami),
    ("generic", Scheme::Generic),
    ("conancenter", Scheme::Generic),
    ("conan", Scheme::Generic),
    ("android", Scheme::Generic),
    ("linux", Scheme::Generic),
    ("oss-fuzz", Scheme::Generic),
];
