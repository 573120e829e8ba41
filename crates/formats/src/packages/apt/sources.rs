//! `sources.list` (one line a source) and `*.sources` (deb822).
//!
//! Source: sources.list(5).

use super::super::{control, may_read_on, without_credentials};
use plimsoll_core::model::problem::{Problem, printable};

/// Most entries read from one file.
const ENTRY_LIMIT: usize = 10_000;

/// Packages or sources.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EntryKind {
    /// `deb`
    Binary,
    /// `deb-src`
    Source,
}

/// One repository suite with its components.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SourceEntry {
    /// Packages or sources.
    pub kind: EntryKind,
    /// Address without credentials, always with a `/` at its end.
    pub uri: String,
    /// Suite; ends with `/` for a flat repository, which has no components.
    pub suite: String,
    /// Components.
    pub components: Vec<String>,
    /// `arch`: architectures asked for; empty means the system's own.
    pub architectures: Vec<String>,
    /// `signed-by`: key files or fingerprints; `(inline key)` for a key in the
    /// file itself.
    pub signed_by: Option<String>,
    /// `trusted`: `yes` switches signature checks off, `no` distrusts even a
    /// good signature.
    pub trusted: Option<bool>,
    /// `allow-insecure`: unsigned indices are taken.
    pub allow_insecure: Option<bool>,
    /// `allow-weak`: weak digests are taken.
    pub allow_weak: Option<bool>,
    /// `check-valid-until`: `no` takes expired indices.
    pub check_valid_until: Option<bool>,
    /// `Enabled`; a commented-out line is no entry at all.
    pub enabled: bool,
    /// Line in its file, from 1.
    pub line: usize,
}

impl SourceEntry {
    /// An enabled entry about which nothing else is known yet.
    fn at(kind: EntryKind, line: usize) -> Self {
        Self {
            kind,
            uri: String::new(),
            suite: String::new(),
            components: Vec::new(),
            architectures: Vec::new(),
            signed_by: None,
            trusted: None,
            allow_insecure: None,
            allow_weak: None,
            check_valid_until: None,
            enabled: true,
            line,
        }
    }

    /// Whether it is a flat repository (`suite` ends with `/`).
    pub fn is_flat(&self) -> bool {
        self.suite.ends_with('/')
    }

    /// Host name of the repository, empty for local files; what `Pin: origin`
    /// looks at.
    pub fn host(&self) -> &str {
        let Some((_, rest)) = self.uri.split_once("://") else { return "" };
        let authority = rest.split('/').next().unwrap_or("");
        authority.rsplit_once(':').map_or(authority, |(host, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
        })
    }

    /// Names under which apt keeps the Release file in its lists folder,
    /// preferred one first (`InRelease`, then `Release`).
    pub fn release_names(&self, native_arch: &str) -> [String; 2] {
        let base = self.base(native_arch);
        [list_name(&format!("{base}InRelease")), list_name(&format!("{base}Release"))]
    }

    /// Name under which apt keeps the package index of one component and
    /// architecture in its lists folder; `.lz4`, `.gz`, `.xz`, `.zst` or
    /// `.bz2` may follow. Both are ignored for a flat repository.
    pub fn packages_name(&self, component: &str, arch: &str, native_arch: &str) -> String {
        let base = self.base(native_arch);
        if self.is_flat() {
            list_name(&format!("{base}Packages"))
        } else {
            list_name(&format!("{base}{component}/binary-{arch}/Packages"))
        }
    }

    /// Address of the folder of the Release file.
    fn base(&self, native_arch: &str) -> String {
        let suite = self.suite.replace("$(ARCH)", native_arch);
        if suite == "/" {
            self.uri.clone()
        } else if self.is_flat() {
            format!("{}{suite}", self.uri)
        } else {
            format!("{}dists/{suite}/", self.uri)
        }
    }
}

/// The file name apt makes of an address: without scheme and credentials,
/// special characters percent-encoded in lower case, `/` as `_`.
///
/// Source: apt's URItoFileName and QuoteString.
pub fn list_name(address: &str) -> String {
    let address = without_credentials(address);
    let rest = match address.split_once("://") {
        Some((_, rest)) => rest,
        None => address.split_once(':').map_or(&*address, |(_, rest)| rest),
    };
    let mut out = String::with_capacity(rest.len() + 8);
    for byte in rest.bytes() {
        match byte {
            b'/' => out.push('_'),
            b'\\' | b'|' | b'{' | b'}' | b'[' | b']' | b'<' | b'>' | b'"' | b'^' | b'~' | b'_' | b'=' | b'!' | b'@'
            | b'#' | b'$' | b'%' | b'&' | b'*' | 0..=0x20 | 0x7f..=0xff => out.push_str(&format!("%{byte:02x}")),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// What a file of sources says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sources {
    /// Entries in the order of the file, disabled ones of deb822 files too.
    pub entries: Vec<SourceEntry>,
    /// Entries that could not be read.
    pub problems: Vec<Problem>,
}

/// Reads `sources.list` or a `*.list` file.
pub fn parse_list(place: &str, bytes: &[u8]) -> Result<Sources, Problem> {
    let (text, encoding) = control::text(place, bytes)?;
    let mut sources = Sources { entries: Vec::new(), problems: encoding.into_iter().collect() };
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or("").trim();
        if content.is_empty() {
            continue;
        }
        if !may_read_on(place, &mut sources.problems) {
            break;
        }
        if sources.entries.len() >= ENTRY_LIMIT {
            sources.problems.push(too_many(place));
            break;
        }
        match one_line(content, index + 1) {
            Ok(entry) => sources.entries.push(entry),
            Err(text) => sources.problems.push(refuse(place, index + 1, text)),
        }
    }
    Ok(sources)
}

fn refuse(place: &str, line: usize, text: String) -> Problem {
    Problem::new("E-FORMAT", format!("{place}:{line}"), text, "correct the entry (sources.list(5)); it was left out")
}

fn too_many(place: &str) -> Problem {
    Problem::new(
        "E-LIMIT",
        place,
        format!("holds more than {ENTRY_LIMIT} sources; the rest was not read"),
        "check where the file comes from",
    )
}

fn one_line(content: &str, line: usize) -> Result<SourceEntry, String> {
    let (kind, rest) = content.split_once([' ', '\t']).unwrap_or((content, ""));
    let kind = kind_of(kind)?;
    let mut rest = rest.trim_start();
    let mut entry = SourceEntry::at(kind, line);
    if let Some(inner) = rest.strip_prefix('[') {
        let (options, after) = inner.split_once(']').ok_or("the options have no closing ]")?;
        for option in options.split_whitespace() {
            let (key, value) = option
                .split_once('=')
                .ok_or_else(|| format!("the option \"{}\" has no =", printable(option)))?;
            set_option(&mut entry, key, value, ',');
        }
        rest = after.trim_start();
    }
    // A cdrom's label stands in brackets and may hold blanks.
    let end = match rest.find(']').filter(|_| rest.starts_with("cdrom:[")) {
        Some(close) => rest.get(close..).and_then(|tail| tail.find([' ', '\t'])).map(|at| at + close),
        None => rest.find([' ', '\t']),
    };
    let (uri, rest) = end.and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    entry.uri = address(uri)?;
    let mut words = rest.split_whitespace().map(|word| word.trim_matches('"').to_owned());
    entry.suite = words.next().ok_or("the source names no suite")?;
    entry.components = words.collect();
    check(&entry)?;
    Ok(entry)
}

fn kind_of(word: &str) -> Result<EntryKind, String> {
    match word {
        "deb" => Ok(EntryKind::Binary),
        "deb-src" => Ok(EntryKind::Source),
        _ => Err(format!("\"{}\" is neither deb nor deb-src", printable(word))),
    }
}

fn address(uri: &str) -> Result<String, String> {
    let uri = uri.trim_matches('"');
    if !uri.contains(':') {
        return Err(format!("\"{}\" is no address", printable(&without_credentials(uri))));
    }
    let mut uri = without_credentials(uri).into_owned();
    if !uri.ends_with('/') {
        uri.push('/');
    }
    Ok(uri)
}

fn check(entry: &SourceEntry) -> Result<(), String> {
    match (entry.is_flat(), entry.components.is_empty()) {
        (true, false) => Err("a suite that ends with / takes no components".to_owned()),
        (false, true) => Err("the source names no component".to_owned()),
        _ => Ok(()),
    }
}

/// Takes an option; `+=` and `-=` of the one-line form change apt's default
/// list, of which only additions can be shown.
fn set_option(entry: &mut SourceEntry, key: &str, value: &str, separator: char) {
    let list = || value.split([separator, ' ', '\t', '\n']).filter(|word| !word.is_empty()).map(str::to_owned);
    match key.to_ascii_lowercase().as_str() {
        "arch" | "arch+" | "architectures" | "architectures-add" => entry.architectures.extend(list()),
        "arch-" | "architectures-remove" => {
            let removed: Vec<String> = list().collect();
            entry.architectures.retain(|arch| !removed.contains(arch));
        }
        "signed-by" => {
            let inline = value.contains("-----BEGIN PGP");
            entry.signed_by = Some(if inline { "(inline key)".to_owned() } else { list().collect::<Vec<_>>().join(" ") });
        }
        "trusted" => entry.trusted = control::flag(value),
        "allow-insecure" => entry.allow_insecure = control::flag(value),
        "allow-weak" => entry.allow_weak = control::flag(value),
        "check-valid-until" => entry.check_valid_until = control::flag(value),
        _ => {}
    }
}

/// Reads a `*.sources` file; types, addresses and suites multiply out into
/// one entry each.
pub fn parse_deb822(place: &str, bytes: &[u8]) -> Result<Sources, Problem> {
    let (text, encoding) = control::text(place, bytes)?;
    let mut sources = Sources { entries: Vec::new(), problems: encoding.into_iter().collect() };
    for paragraph in control::paragraphs(&text) {
        if !may_read_on(place, &mut sources.problems) {
            break;
        }
        if let Some(problem) = paragraph.too_long(place) {
            sources.problems.push(problem);
            continue;
        }
        match stanza(paragraph, ENTRY_LIMIT.saturating_sub(sources.entries.len())) {
            Ok(Some(entries)) => sources.entries.extend(entries),
            Ok(None) => {
                sources.problems.push(too_many(place));
                break;
            }
            Err(text) => sources.problems.push(refuse(place, paragraph.line(), text)),
        }
    }
    Ok(sources)
}

/// One stanza; none where it would make more than `room` entries.
fn stanza(paragraph: control::Paragraph<'_>, room: usize) -> Result<Option<Vec<SourceEntry>>, String> {
    let mut model = SourceEntry::at(EntryKind::Binary, paragraph.line());
    let (mut types, mut uris, mut suites, mut any) = ("", "", "", false);
    for field in paragraph.fields() {
        let field = field.map_err(|malformed| format!("line {} is no field", malformed.line))?;
        any = true;
        match field.name.to_ascii_lowercase().as_str() {
            "types" => types = field.value,
            "uris" => uris = field.value,
            "suites" => suites = field.value,
            "components" => model.components = control::words(field.value).map(str::to_owned).collect(),
            "enabled" => model.enabled = control::flag(field.value) != Some(false),
            key => set_option(&mut model, key, field.value, ' '),
        }
    }
    if !any {
        return Ok(Some(Vec::new()));
    }
    for (name, value) in [("Types", types), ("URIs", uris), ("Suites", suites)] {
        if control::words(value).next().is_none() {
            return Err(format!("the source has no {name}"));
        }
    }
    let mut entries = Vec::new();
    for kind in control::words(types) {
        for uri in control::words(uris) {
            for suite in control::words(suites) {
                if entries.len() >= room {
                    return Ok(None);
                }
                let entry = SourceEntry { kind: kind_of(kind)?, uri: address(uri)?, suite: suite.to_owned(), ..model.clone() };
                check(&entry)?;
                entries.push(entry);
            }
        }
    }
    Ok(Some(entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::file as data;

    #[test]
    fn the_lists_of_a_real_host_are_found_by_name() {
        let Some(bytes) = data("hosts/deb12-web/etc/apt/sources.list") else { return };
        let sources = parse_list("etc/apt/sources.list", &bytes).unwrap();
        assert_eq!(sources.problems, []);
        let names: Vec<_> = sources
            .entries
            .iter()
            .flat_map(|entry| [entry.release_names("amd64")[0].clone(), entry.packages_name("main", "amd64", "amd64")])
            .collect();
        assert_eq!(names.len(), 6);
        for name in names {
            assert!(data(&format!("hosts/deb12-web/var/lib/apt/lists/{name}")).is_some());
        }
    }

    #[test]
    fn one_line_sources() {
        let file = b"# off\n#deb http://no/ a b\ndeb [ arch=amd64,arm64 signed-by=/k.gpg trusted=yes allow-insecure=no ] https://me:secret@repo.example:8443/x_y/~z bookworm main non-free # tail\ndeb-src cdrom:[Debian 12 _x]/ stable main\ndeb file:/srv/repo ./\ndeb http://h/$(ARCH) /\ndeb http://h suite\nrpm x y z\ndeb [arch=x http://h a b\n";
        let sources = parse_list("l", file).unwrap();
        let problems: Vec<_> = sources.problems.iter().map(|problem| format!("{} {}", problem.place, problem.text)).collect();
        assert_eq!(problems, ["l:7 the source names no component", "l:8 \"rpm\" is neither deb nor deb-src", "l:9 the options have no closing ]"]);
        let names: Vec<_> = sources.entries.iter().map(|entry| (entry.host(), entry.packages_name("main", "arm64", "amd64"))).collect();
        assert_eq!(
            names,
            [
                ("repo.example", "repo.example:8443_x%5fy_%7ez_dists_bookworm_main_binary-arm64_Packages".to_owned()),
                ("", "%5bDebian%2012%20%5fx%5d_dists_stable_main_binary-arm64_Packages".to_owned()),
                ("", "_srv_repo_._Packages".to_owned()),
                ("h", "h_%24(ARCH)_Packages".to_owned()),
            ]
        );
        let first = &sources.entries[0];
        assert_eq!(first.uri, "https://repo.example:8443/x_y/~z/");
        assert_eq!((first.architectures.join(","), first.signed_by.as_deref(), first.trusted, first.allow_insecure), ("amd64,arm64".into(), Some("/k.gpg"), Some(true), Some(false)));
    }

    #[test]
    fn a_file_of_rubbish_is_given_up() {
        let sources = parse_list("l", &b"x\n".repeat(1_000_000)).unwrap();
        assert_eq!((sources.problems.len(), &*sources.problems[100].code), (101, "E-LIMIT"));
        let sources = parse_deb822("s", &b"x\n\n".repeat(100_000)).unwrap();
        assert_eq!(sources.problems.len(), 101);
    }

    #[test]
    fn deb822_sources_multiply_out_within_bounds() {
        let file = b"Types: deb deb-src\nURIs: https://u:p@h/debian\nSuites: bookworm bookworm-updates\nComponents: main\n contrib\nEnabled: no\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\nCheck-Valid-Until: no\n\n# only a comment\n\nTypes: deb\nURIs: nowhere\nSuites: ./\n\nTypes: deb\nSuites: x\n";
        let sources = parse_deb822("s", file).unwrap();
        let problems: Vec<_> = sources.problems.iter().map(|problem| format!("{} {}", problem.place, problem.text)).collect();
        assert_eq!(problems, ["s:15 \"nowhere\" is no address", "s:19 the source has no URIs"]);
        assert_eq!(sources.entries.len(), 4);
        let last = &sources.entries[3];
        assert_eq!(
            (last.kind, &*last.uri, &*last.suite, &*last.components.join(" "), last.enabled, last.signed_by.as_deref(), last.check_valid_until),
            (EntryKind::Source, "https://h/debian/", "bookworm-updates", "main contrib", false, Some("(inline key)"), Some(false))
        );
        let words = "x ".repeat(3000);
        let bomb = format!("Types: deb\nURIs: {}\nSuites: {words}\nComponents: main\n", words.replace("x ", "http://h/ "));
        assert_eq!(parse_deb822("s", bomb.as_bytes()).unwrap().problems[0].code, "E-LIMIT");
    }
}
