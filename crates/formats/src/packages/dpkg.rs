//! dpkg's database: `/var/lib/dpkg/status`, the one-file-a-package
//! `status.d/` of distroless images, and apt's `extended_states`.

use super::control::{self, Malformed, Paragraph};
use super::purl;
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Problems kept of one file; further ones are counted in the last of them.
const PROBLEM_LIMIT: usize = 20;

/// What the administrator wants of a package (first status word).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Want {
    /// `install`
    #[default]
    Install,
    /// `hold`: apt keeps the version as it is.
    Hold,
    /// `deinstall`
    Deinstall,
    /// `purge`
    Purge,
    /// `unknown`
    Unknown,
}

/// How far dpkg got with a package (third status word).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum State {
    /// `not-installed`
    NotInstalled,
    /// `config-files`: removed, its configuration is left.
    ConfigFiles,
    /// `half-installed`: unpacking was cut short.
    HalfInstalled,
    /// `unpacked`: files are in place, never configured.
    Unpacked,
    /// `half-configured`: its configuration failed or was cut short.
    HalfConfigured,
    /// `triggers-awaited`
    TriggersAwaited,
    /// `triggers-pending`
    TriggersPending,
    /// `installed`
    #[default]
    Installed,
}

/// The three words of a `Status` field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// What is wanted.
    pub want: Want,
    /// `reinstreq`: the package is broken and must be reinstalled.
    pub reinstall_required: bool,
    /// How far it is.
    pub state: State,
}

impl Status {
    /// Reads the three words; none where one of them is unknown.
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let want = match words.next()? {
            "install" => Want::Install,
            "hold" => Want::Hold,
            "deinstall" => Want::Deinstall,
            "purge" => Want::Purge,
            "unknown" => Want::Unknown,
            _ => return None,
        };
        let reinstall_required = match words.next()? {
            "ok" => false,
            "reinstreq" => true,
            _ => return None,
        };
        let state = match words.next()? {
            "not-installed" => State::NotInstalled,
            "config-files" => State::ConfigFiles,
            "half-installed" => State::HalfInstalled,
            "unpacked" => State::Unpacked,
            "half-configured" => State::HalfConfigured,
            "triggers-awaited" => State::TriggersAwaited,
            "triggers-pending" => State::TriggersPending,
            "installed" => State::Installed,
            _ => return None,
        };
        Some(Self { want, reinstall_required, state })
    }

    /// Whether files of the package are on the disk.
    ///
    /// Half states count: their code can be run and attacked.
    pub fn is_present(self) -> bool {
        !matches!(self.state, State::NotInstalled | State::ConfigFiles)
    }

    /// Whether dpkg left the package in a state that needs repair.
    pub fn is_broken(self) -> bool {
        self.reinstall_required
            || matches!(self.state, State::HalfInstalled | State::Unpacked | State::HalfConfigured)
    }
}

/// `Multi-Arch`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum MultiArch {
    /// `no`, or no such field.
    #[default]
    No,
    /// `same`: several architectures side by side.
    Same,
    /// `foreign`: serves every architecture.
    Foreign,
    /// `allowed`: the depending package chooses.
    Allowed,
}

impl MultiArch {
    /// Reads the field; an unknown word is `no`, as for dpkg.
    pub fn parse(value: &str) -> Self {
        match value {
            "same" => Self::Same,
            "foreign" => Self::Foreign,
            "allowed" => Self::Allowed,
            _ => Self::No,
        }
    }
}

/// Relations to other packages as written; the resolver reads them when it
/// needs them. Values may run over several lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Relations<'a> {
    /// `Depends`
    pub depends: &'a str,
    /// `Pre-Depends`
    pub pre_depends: &'a str,
    /// `Recommends`
    pub recommends: &'a str,
    /// `Suggests`
    pub suggests: &'a str,
    /// `Enhances`
    pub enhances: &'a str,
    /// `Provides`
    pub provides: &'a str,
    /// `Conflicts`
    pub conflicts: &'a str,
    /// `Breaks`
    pub breaks: &'a str,
    /// `Replaces`
    pub replaces: &'a str,
}

impl<'a> Relations<'a> {
    /// Takes a field if it is a relation; false for any other field.
    pub(super) fn take(&mut self, name: &str, value: &'a str) -> bool {
        let slot = match name {
            "Depends" => &mut self.depends,
            "Pre-Depends" => &mut self.pre_depends,
            "Recommends" => &mut self.recommends,
            "Suggests" => &mut self.suggests,
            "Enhances" => &mut self.enhances,
            "Provides" => &mut self.provides,
            "Conflicts" => &mut self.conflicts,
            "Breaks" => &mut self.breaks,
            "Replaces" => &mut self.replaces,
            _ => return false,
        };
        *slot = value;
        true
    }
}

/// One package of the database, borrowing from the file's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InstalledPackage<'a> {
    /// Binary package name.
    pub name: &'a str,
    /// Version, `epoch:upstream-revision` with binNMU suffix.
    pub version: &'a str,
    /// Architecture; empty where the entry has none.
    pub arch: &'a str,
    /// Source package name (the package's own where the field is absent).
    pub source: &'a str,
    /// Source version, without binNMU suffix.
    pub source_version: &'a str,
    /// Status words.
    pub status: Status,
    /// `Multi-Arch`.
    pub multi_arch: MultiArch,
    /// `Essential: yes`.
    pub essential: bool,
    /// `Protected: yes`.
    pub protected: bool,
    /// `Priority`.
    pub priority: &'a str,
    /// `Section`.
    pub section: &'a str,
    /// `Origin`: vendor, rarely set by Debian itself, mostly by third parties.
    pub origin: &'a str,
    /// `Maintainer`.
    pub maintainer: &'a str,
    /// Relations.
    pub relations: Relations<'a>,
    /// Line of its first field in the file, from 1.
    pub line: usize,
}

/// A database as read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Database<'a> {
    /// Every entry in the order of the file, removed ones too
    /// ([`Status::is_present`] tells).
    pub packages: Vec<InstalledPackage<'a>>,
    /// Entries that could not be read.
    pub rejected: u64,
    /// Problems, at most 20.
    pub problems: Vec<Problem>,
}

impl Database<'_> {
    fn reject(&mut self, problem: Problem) {
        self.rejected += 1;
        self.note(problem);
    }

    fn note(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEM_LIMIT {
            self.problems.push(problem);
        }
    }
}

/// Reads `/var/lib/dpkg/status`; the text comes from [`control::text`].
///
/// Entries without a readable `Status` are counted as rejected: dpkg always
/// writes one, and guessing "installed" would invent software.
pub fn parse<'a>(place: &str, text: &'a str) -> Database<'a> {
    read(place, text, None)
}

/// Reads one file of `/var/lib/dpkg/status.d/` (distroless images), which has
/// no `Status` field and whose presence means installed.
///
/// The `*.md5sums` files beside them are file lists and must not be passed.
pub fn parse_status_d<'a>(place: &str, text: &'a str) -> Database<'a> {
    read(place, text, Some(Status::default()))
}

fn read<'a>(place: &str, text: &'a str, without_status: Option<Status>) -> Database<'a> {
    let mut database = Database::default();
    for paragraph in control::paragraphs(text) {
        if let Some(problem) = paragraph.too_long(place) {
            database.reject(problem);
            continue;
        }
        match entry(place, paragraph, without_status) {
            Ok((package, malformed)) => {
                if let Some(malformed) = malformed {
                    database.note(malformed.problem(place));
                }
                database.packages.push(package);
            }
            Err(problem) => database.reject(problem),
        }
    }
    database
}

fn entry<'a>(
    place: &str,
    paragraph: Paragraph<'a>,
    without_status: Option<Status>,
) -> Result<(InstalledPackage<'a>, Option<Malformed>), Problem> {
    let mut package = InstalledPackage { line: paragraph.line(), ..InstalledPackage::default() };
    let mut source = "";
    let mut status = None;
    let mut malformed = None;
    for field in paragraph.fields() {
        let field = match field {
            Ok(field) => field,
            Err(line) => {
                malformed = malformed.or(Some(line));
                continue;
            }
        };
        match field.name {
            "Package" => package.name = field.value,
            "Version" => package.version = field.value,
            "Architecture" => package.arch = field.value,
            "Source" => source = field.value,
            "Status" => status = Some(field.value),
            "Multi-Arch" => package.multi_arch = MultiArch::parse(field.value),
            "Essential" => package.essential = field.value == "yes",
            "Protected" => package.protected = field.value == "yes",
            "Priority" => package.priority = field.value,
            "Section" => package.section = field.value,
            "Origin" => package.origin = field.value,
            "Maintainer" => package.maintainer = field.value,
            name => {
                package.relations.take(name, field.value);
            }
        }
    }
    let refuse = |text: String| {
        Problem::new(
            "E-FORMAT",
            format!("{place}:{}", paragraph.line()),
            text,
            "run `dpkg --audit` and repair the entry; it was left out",
        )
    };
    if package.name.is_empty() {
        return Err(refuse("the entry names no package".to_owned()));
    }
    package.status = match (status, without_status) {
        (Some(words), _) => Status::parse(words).ok_or_else(|| {
            refuse(format!("the status of {} is {}, which dpkg does not write", shown(package.name), shown(words)))
        })?,
        (None, Some(status)) => status,
        (None, None) => return Err(refuse(format!("the entry of {} has no Status", shown(package.name)))),
    };
    // A removed package may have lost its version; an installed one never.
    if package.version.is_empty() && package.status.is_present() {
        return Err(refuse(format!("the entry of {} has no Version", shown(package.name))));
    }
    (package.source, package.source_version) = source_of(package.name, package.version, source);
    Ok((package, malformed))
}

fn shown(text: &str) -> String {
    format!("\"{}\"", plimsoll_core::model::problem::printable(text))
}

/// Works out source name and version from a `Source` field (`name`, `name
/// (version)` or empty).
///
/// Where the field states no version, the source has the binary's version.
/// dpkg writes the version whenever the two differ, so a binNMU always has
/// one; a suffix `+bN` is still taken off a Debian revision, for indices made
/// by tools that forget it, and never off an upstream version.
pub fn source_of<'a>(name: &'a str, version: &'a str, source: &'a str) -> (&'a str, &'a str) {
    let (source_name, stated) = match source.split_once('(') {
        Some((before, after)) => (before.trim(), after.trim_end().trim_end_matches(')').trim()),
        None => (source.trim(), ""),
    };
    let source_name = if source_name.is_empty() { name } else { source_name };
    let source_version = if stated.is_empty() { without_rebuild(version) } else { stated };
    (source_name, source_version)
}

/// Takes the binNMU suffix off a version with a Debian revision.
fn without_rebuild(version: &str) -> &str {
    let Some((before, digits)) = version.rsplit_once("+b") else { return version };
    let rebuild = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if rebuild && before.contains('-') { before } else { version }
}

/// Architectures whose names end the source packages of signed binaries.
const SIGNED_ARCHES: [&str; 7] = ["amd64", "arm64", "i386", "ia32", "armhf", "riscv64", "loong64"];

/// The source package and version that Debian's and Ubuntu's advisories name
/// for a package.
///
/// The archive signs kernels and boot loaders through extra source packages
/// which no advisory names. The rules, first match first:
/// 1. `linux-signed[-FLAVOUR][-ARCH]` → `linux[-FLAVOUR]` with the *binary's*
///    version: `linux-signed-amd64 (6.1.176+1)` → `linux 6.1.176-1`,
///    `linux-signed-6.12-amd64` → `linux-6.12`, Ubuntu's `linux-signed-azure`
///    → `linux-azure`.
/// 2. `X-ARCH-signed` (Debian) → the source X, with the version that the
///    signer put into its own: a leading `1+` goes, and the first `+` before a
///    digit is the hyphen it replaced: `grub-efi-amd64-signed
///    (1+2.06+13+deb12u1)` → `grub2 2.06-13+deb12u1`,
///    `fwupd-amd64-signed (1.5.7+4)` → `fwupd 1.5.7-4`.
/// 3. Everything else is itself. `shim-signed`, Ubuntu's `grub2-signed` and
///    `linux-meta*` are named by advisories themselves or carry no code.
pub fn advisory_source(package: &InstalledPackage<'_>) -> (String, String) {
    let (name, version) = advisory_source_of(package.source, package.source_version, package.version);
    (name.into_owned(), version.into_owned())
}

/// [`advisory_source`] by its parts: source name, source version and the
/// binary's own version (an index record has them as well).
pub fn advisory_source_of<'a>(
    source: &'a str,
    source_version: &'a str,
    version: &'a str,
) -> (Cow<'a, str>, Cow<'a, str>) {
    if let Some(rest) = source.strip_prefix("linux-signed")
        && (rest.is_empty() || rest.starts_with('-'))
    {
        let flavour = SIGNED_ARCHES
            .iter()
            .find_map(|arch| rest.strip_suffix(arch).and_then(|rest| rest.strip_suffix('-')))
            .unwrap_or(rest);
        return (Cow::Owned(format!("linux{flavour}")), Cow::Borrowed(without_rebuild(version)));
    }
    let signed = source.strip_suffix("-signed").and_then(|rest| {
        SIGNED_ARCHES.iter().find_map(|arch| rest.strip_suffix(arch).and_then(|rest| rest.strip_suffix('-')))
    });
    let Some(base) = signed else { return (Cow::Borrowed(source), Cow::Borrowed(source_version)) };
    let name = match base {
        "grub-efi" => "grub2",
        "shim-helpers" => "shim",
        "systemd-boot-efi" => "systemd",
        other => other,
    };
    (Cow::Borrowed(name), Cow::Owned(unsigned_version(source_version)))
}

/// Recovers the version a signer wrote into its own.
fn unsigned_version(version: &str) -> String {
    let plus_digit = |text: &str| {
        text.char_indices().zip(text.chars().skip(1)).find(|((_, a), b)| *a == '+' && b.is_ascii_digit()).map(|((at, _), _)| at)
    };
    // A leading counter (`1+`) is there only where another `+` follows it.
    let inner = match version.split_once('+') {
        Some((counter, rest)) if counter.bytes().all(|byte| byte.is_ascii_digit()) && plus_digit(rest).is_some() => rest,
        _ => version,
    };
    match plus_digit(inner) {
        Some(at) => {
            let mut out = inner.to_owned();
            out.replace_range(at..=at, "-");
            out
        }
        None => inner.to_owned(),
    }
}

/// What a package is, by its name.
///
/// A kernel image has a digit after `linux-image-` (or `-unsigned-`); the
/// others (`linux-image-amd64`) are meta packages without a kernel. Debug
/// symbols are ordinary packages.
pub fn kind_of(name: &str) -> ComponentKind {
    if let Some(rest) = name.strip_prefix("linux-image-") {
        let rest = rest.strip_prefix("unsigned-").unwrap_or(rest);
        let debug = name.ends_with("-dbg") || name.ends_with("-dbgsym");
        if rest.starts_with(|first: char| first.is_ascii_digit()) && !debug {
            return ComponentKind::Kernel;
        }
        return ComponentKind::Package;
    }
    let headers = ["linux-headers-", "linux-kbuild-", "linux-compiler-", "linux-source", "linux-config-", "linux-support-"];
    if name == "linux-libc-dev" || headers.iter().any(|prefix| name.starts_with(prefix)) {
        return ComponentKind::KernelHeaders;
    }
    let firmware = name.starts_with("firmware-")
        || name.ends_with("-microcode")
        || name == "linux-firmware"
        || (name.ends_with("-firmware") && name != "gnome-firmware");
    if firmware { ComponentKind::Firmware } else { ComponentKind::Package }
}

impl InstalledPackage<'_> {
    /// The component for inventory and matching; source name and version are
    /// the ones advisories use ([`advisory_source`]).
    ///
    /// Call it for present packages only ([`Status::is_present`]).
    pub fn to_component(&self, stream: &Stream) -> Component {
        let (source, source_version) = advisory_source(self);
        let arch = Some(self.arch).filter(|arch| !arch.is_empty());
        Component {
            purl: purl::package("deb", stream, self.name, self.version, arch, None),
            stream: Some(stream.clone()),
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            arch: arch.map(str::to_owned),
            source: Some(source),
            source_version: Some(source_version),
            kind: kind_of(self.name),
            vendor: Some(self.origin).filter(|origin| !origin.is_empty()).map(str::to_owned),
            held: self.status.want == Want::Hold,
            ..Component::default()
        }
    }
}

/// Reads apt's `/var/lib/apt/extended_states`: the (name, architecture) pairs
/// that were installed automatically.
pub fn automatic<'a>(place: &str, text: &'a str) -> (BTreeSet<(&'a str, &'a str)>, Vec<Problem>) {
    let mut marked = BTreeSet::new();
    let mut problems = Vec::new();
    for paragraph in control::paragraphs(text) {
        if let Some(problem) = paragraph.too_long(place) {
            if problems.len() < PROBLEM_LIMIT {
                problems.push(problem);
            }
            continue;
        }
        let (mut name, mut arch, mut auto) = ("", "", false);
        for field in paragraph.fields().flatten() {
            match field.name {
                "Package" => name = field.value,
                "Architecture" => arch = field.value,
                "Auto-Installed" => auto = field.value == "1",
                _ => {}
            }
        }
        if auto && !name.is_empty() {
            marked.insert((name, arch));
        }
    }
    (marked, problems)
}

#[cfg(test)]
#[path = "dpkg_tests.rs"]
mod tests;
