//! Pins: `/etc/apt/preferences` and `preferences.d/`.
//!
//! Source: apt_preferences(5).

use super::super::{control, may_read_on};
use super::pattern::Pattern;
use super::release::Release;
use plimsoll_core::model::problem::Problem;

/// Most entries read from one file.
const ENTRY_LIMIT: usize = 10_000;

/// One entry: packages, what is pinned, priority.
#[derive(Clone, Debug)]
pub struct Preference {
    /// The packages it is about.
    pub packages: Vec<PackagePattern>,
    /// What of them is pinned.
    pub pin: Pin,
    /// Priority; above 1000 allows downgrades, below 0 forbids the version.
    pub priority: i32,
    /// Line of the entry in its file, from 1.
    pub line: usize,
}

/// One word of a `Package` field.
#[derive(Clone, Debug)]
pub struct PackagePattern {
    /// Name, or source package name.
    pub name: Pattern,
    /// `src:NAME`: the name is that of the source package.
    pub source: bool,
    /// `NAME:ARCH`
    pub arch: Option<String>,
    /// Whether it is the bare `*`: such an entry is of the general form, which
    /// sets the priority of whole repositories and yields to specific ones.
    pub general: bool,
}

/// What is pinned.
#[derive(Clone, Debug)]
pub enum Pin {
    /// `version …`
    Version(Pattern),
    /// `release …`: every stated property must match.
    Release(Vec<Property>),
    /// `origin "host"`: the repository's host name; empty is local files.
    Origin(Pattern),
}

/// One property of a `release` pin.
#[derive(Clone, Debug)]
pub enum Property {
    /// `a=` archive (suite).
    Archive(Pattern),
    /// `n=` code name.
    Codename(Pattern),
    /// `o=` origin.
    Origin(Pattern),
    /// `l=` label.
    Label(Pattern),
    /// `c=` component.
    Component(Pattern),
    /// `v=` version of the release.
    Version(Pattern),
    /// `b=` architecture of the index.
    Architecture(Pattern),
    /// A bare word: archive or code name.
    Name(Pattern),
}

/// A version on offer, as pins look at it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Binary package name.
    pub name: &'a str,
    /// Source package name.
    pub source: &'a str,
    /// Architecture of the package.
    pub arch: &'a str,
    /// Version.
    pub version: &'a str,
    /// Release file of the repository; none for the installed version
    /// (`/var/lib/dpkg/status`), which has archive `now`.
    pub release: Option<&'a Release>,
    /// Host name of the repository; empty for local files.
    pub host: &'a str,
    /// Component of the index.
    pub component: &'a str,
    /// Architecture of the index.
    pub index_arch: &'a str,
}

impl Preference {
    /// Whether one of its packages is the bare `*`.
    pub fn is_general(&self) -> bool {
        self.packages.iter().any(|package| package.general)
    }

    /// Whether the entry pins this candidate.
    ///
    /// Which of several matching entries wins is the caller's: apt takes the
    /// specific ones before the general ones, and the first of each.
    pub fn matches(&self, candidate: &Candidate<'_>) -> bool {
        let named = self.packages.iter().any(|package| {
            let name = if package.source { candidate.source } else { candidate.name };
            let arch = package.arch.as_deref().is_none_or(|arch| {
                arch == candidate.arch || arch == "any" || (arch == "native" && candidate.arch == candidate.index_arch)
            });
            arch && package.name.matches(name)
        });
        named && self.pin.matches(candidate)
    }
}

impl Pin {
    fn matches(&self, candidate: &Candidate<'_>) -> bool {
        match self {
            Self::Version(version) => version.matches(candidate.version),
            Self::Origin(host) => candidate.release.is_some() && host.matches(candidate.host),
            // A pin without properties is about nothing.
            Self::Release(properties) => {
                !properties.is_empty() && properties.iter().all(|property| property.matches(candidate))
            }
        }
    }
}

impl Property {
    fn matches(&self, candidate: &Candidate<'_>) -> bool {
        let of = |pattern: &Pattern, value: Option<&str>| value.is_some_and(|value| pattern.matches(value));
        let release = candidate.release;
        let archive = release.map_or(Some("now"), |release| release.suite.as_deref());
        let codename = release.and_then(|release| release.codename.as_deref());
        match self {
            Self::Archive(pattern) => of(pattern, archive),
            Self::Codename(pattern) => of(pattern, codename),
            Self::Name(pattern) => of(pattern, archive) || of(pattern, codename),
            Self::Origin(pattern) => of(pattern, release.and_then(|release| release.origin.as_deref())),
            Self::Label(pattern) => of(pattern, release.and_then(|release| release.label.as_deref())),
            Self::Version(pattern) => of(pattern, release.and_then(|release| release.version.as_deref())),
            Self::Component(pattern) => of(pattern, release.map(|_| candidate.component)),
            Self::Architecture(pattern) => of(pattern, release.map(|_| candidate.index_arch)),
        }
    }
}

/// Reads a preferences file.
///
/// An entry that cannot be read is named and left out: apt itself stops with
/// an error, so the host's operator will want to know.
pub fn parse(place: &str, bytes: &[u8]) -> Result<(Vec<Preference>, Vec<Problem>), Problem> {
    let (text, encoding) = control::text(place, bytes)?;
    let mut problems: Vec<Problem> = encoding.into_iter().collect();
    let mut preferences = Vec::new();
    for (count, paragraph) in control::paragraphs(&text).enumerate() {
        if !may_read_on(place, &mut problems) {
            break;
        }
        if count >= ENTRY_LIMIT {
            problems.push(Problem::new("E-LIMIT", place, format!("holds more than {ENTRY_LIMIT} entries; the rest was not read"), "check where the file comes from"));
            break;
        }
        let outcome = match paragraph.too_long(place) {
            Some(problem) => Err(problem),
            None => entry(paragraph).map_err(|text| {
                Problem::new("E-FORMAT", format!("{place}:{}", paragraph.line()), text, "correct the entry (apt_preferences(5)); it was left out")
            }),
        };
        match outcome {
            Ok(preference) => preferences.extend(preference),
            Err(problem) => problems.push(problem),
        }
    }
    Ok((preferences, problems))
}

fn entry(paragraph: control::Paragraph<'_>) -> Result<Option<Preference>, String> {
    let (mut packages, mut pin, mut priority, mut any) = (None, None, None, false);
    for field in paragraph.fields() {
        let field = field.map_err(|malformed| format!("line {} is no field", malformed.line))?;
        any = true;
        match field.name.to_ascii_lowercase().as_str() {
            "package" => packages = Some(field.value),
            "pin" => pin = Some(field.value),
            "pin-priority" => priority = Some(field.value),
            _ => {}
        }
    }
    // A block of comments, or of explanations only.
    if !any || (packages.is_none() && pin.is_none() && priority.is_none()) {
        return Ok(None);
    }
    let packages = packages.ok_or("the entry has no Package")?;
    let pin = parse_pin(pin.ok_or("the entry has no Pin")?)?;
    let priority = priority.ok_or("the entry has no Pin-Priority")?;
    let priority = control::words(priority)
        .next()
        .and_then(|word| word.parse::<i32>().ok())
        .filter(|priority| *priority != 0 && (-32768..=32767).contains(priority))
        .ok_or_else(|| format!("Pin-Priority \"{}\" is no number from -32768 to 32767 other than 0", plimsoll_core::model::problem::printable(priority)))?;
    let packages = control::words(packages).map(package_pattern).collect::<Result<Vec<_>, _>>()?;
    if packages.is_empty() {
        return Err("the entry names no package".to_owned());
    }
    Ok(Some(Preference { packages, pin, priority, line: paragraph.line() }))
}

fn package_pattern(word: &str) -> Result<PackagePattern, String> {
    let (word, source) = word.strip_prefix("src:").map_or((word, false), |word| (word, true));
    // A regular expression may hold colons; an architecture never a slash.
    let (name, arch) = match word.rsplit_once(':') {
        Some((name, arch)) if !arch.contains('/') => (name, Some(arch.to_owned())),
        _ => (word, None),
    };
    Ok(PackagePattern { name: Pattern::parse(name)?, source, arch, general: word == "*" })
}

fn parse_pin(value: &str) -> Result<Pin, String> {
    let (kind, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    let rest = rest.trim();
    let unquoted = rest.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(rest);
    match kind.to_ascii_lowercase().as_str() {
        "version" => Ok(Pin::Version(Pattern::parse(unquoted)?)),
        "origin" => Ok(Pin::Origin(Pattern::parse(unquoted)?)),
        "release" => release_pin(unquoted),
        _ => Err(format!("Pin \"{}\" is none of version, release, origin", plimsoll_core::model::problem::printable(value))),
    }
}

fn release_pin(value: &str) -> Result<Pin, String> {
    if !value.contains('=') {
        // apt: a word that starts with a digit is the version of a release.
        let property = if value.starts_with(|first: char| first.is_ascii_digit()) {
            Property::Version(Pattern::parse(value)?)
        } else {
            Property::Name(Pattern::parse(value)?)
        };
        return Ok(Pin::Release(vec![property]));
    }
    let mut properties = Vec::new();
    for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            format!("\"{}\" of the release pin has no =", plimsoll_core::model::problem::printable(part))
        })?;
        let value = value.trim().trim_matches('"');
        let pattern = Pattern::parse(value)?;
        properties.push(match key.trim() {
            "a" => Property::Archive(pattern),
            "n" => Property::Codename(pattern),
            "o" => Property::Origin(pattern),
            "l" => Property::Label(pattern),
            "c" => Property::Component(pattern),
            "b" => Property::Architecture(pattern),
            "v" => Property::Version(pattern),
            other => return Err(format!("\"{}=\" is no property of a release", plimsoll_core::model::problem::printable(other))),
        });
    }
    Ok(Pin::Release(properties))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "Explanation: comment only\n\n# nothing\n\nPackage: *\nPin: release a=oldstable, l=Debian-Security\nPin-Priority: 990\n\nPackage: linux-* src:openssl\nPin: version 6.1*\nPin-Priority: -1\n\nPackage: /^nginx/:amd64\nPin: origin \"\"\nPin-Priority: 1001\n\nPackage: vim\nPin: release bookworm\nPin-Priority: 0\n\nPackage: vim\nPin: release 12*\nPin-Priority: 5\n\nPackage: x\nPin: somewhere\nPin-Priority: 1\n\nPackage: y\nPin: release z=1\nPin-Priority: 1\n\nPackage: /(/\nPin: version *\nPin-Priority: 1\n";

    #[test]
    fn entries_match_as_apt_matches_them() {
        let (entries, problems) = parse("preferences", FILE.as_bytes()).unwrap();
        let texts: Vec<_> = problems.iter().map(|problem| format!("{} {}", problem.place, problem.text)).collect();
        insta::assert_snapshot!(texts.join("\n"), @r#"
        preferences:17 Pin-Priority "0" is no number from -32768 to 32767 other than 0
        preferences:25 Pin "somewhere" is none of version, release, origin
        preferences:29 "z=" is no property of a release
        preferences:33 "(" is no regular expression
        "#);
        let release = Release {
            suite: Some("oldstable".into()),
            label: Some("Debian-Security".into()),
            codename: Some("bookworm".into()),
            version: Some("12.15".into()),
            ..Release::default()
        };
        let candidate = |name, source, version| Candidate {
            name, source, version, arch: "amd64", release: Some(&release), host: "debian.example", component: "main", index_arch: "amd64",
        };
        let hits = |candidate: &Candidate<'_>| entries.iter().map(|entry| entry.matches(candidate)).collect::<Vec<_>>();
        assert_eq!(hits(&candidate("linux-image-6.1", "linux", "6.1.9-1")), [true, true, false, false]);
        assert_eq!(hits(&candidate("libssl3", "openssl", "3.0")), [true, false, false, false]);
        assert_eq!(hits(&candidate("vim", "vim", "9")), [true, false, false, true]);
        let installed = Candidate { release: None, host: "", ..candidate("nginx", "nginx", "1") };
        assert_eq!(hits(&installed), [false, false, false, false]);
        assert_eq!(hits(&Candidate { host: "", ..candidate("nginx", "nginx", "1") }), [true, false, true, false]);
        assert!(entries[0].is_general() && !entries[1].is_general());
    }
}
