//! `Release` and `InRelease` files: who offers an index, and when it was made.

use super::super::control;
use jiff::Timestamp;
use plimsoll_core::model::problem::{Problem, printable};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The header of a Release file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Release {
    /// `Origin`
    pub origin: Option<String>,
    /// `Label`
    pub label: Option<String>,
    /// `Suite`: archive name, which moves with time.
    pub suite: Option<String>,
    /// `Version`
    pub version: Option<String>,
    /// `Codename`
    pub codename: Option<String>,
    /// `Components`; a `updates/main` is kept as written.
    pub components: Vec<String>,
    /// `Architectures`
    pub architectures: Vec<String>,
    /// `Date`
    pub date: Option<Timestamp>,
    /// `Valid-Until`
    pub valid_until: Option<Timestamp>,
    /// `NotAutomatic: yes`: apt gives its versions priority 1.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`: priority 100 instead.
    pub but_automatic_upgrades: bool,
    /// Whether the file came with a signature block; whether the signature is
    /// good is not decided here.
    pub signed: bool,
}

/// Reads `Release` or `InRelease`.
///
/// A clear-signed file must be nothing but one signed message: text before or
/// after it would be unsigned and is refused, as apt refuses it. Dates that
/// cannot be read are none, with a problem.
pub fn parse(place: &str, bytes: &[u8]) -> Result<(Release, Vec<Problem>), Problem> {
    let (text, encoding) = control::text(place, bytes)?;
    let (text, signed) = clear_text(place, &text)?;
    let mut problems: Vec<Problem> = encoding.into_iter().collect();
    let mut release = Release { signed, ..Release::default() };
    let Some(paragraph) = control::paragraphs(&text).next() else {
        return Err(refuse(place, "holds no field"));
    };
    let mut seen = false;
    for field in paragraph.fields().flatten() {
        let value = field.value;
        let short = || Some(value.chars().take(256).collect::<String>()).filter(|value| !value.is_empty());
        match field.name {
            "Origin" => release.origin = short(),
            "Label" => release.label = short(),
            "Suite" => release.suite = short(),
            "Version" => release.version = short(),
            "Codename" => release.codename = short(),
            "Components" => release.components = control::words(value).take(256).map(str::to_owned).collect(),
            "Architectures" => release.architectures = control::words(value).take(256).map(str::to_owned).collect(),
            "NotAutomatic" => release.not_automatic = control::flag(value) == Some(true),
            "ButAutomaticUpgrades" => release.but_automatic_upgrades = control::flag(value) == Some(true),
            "Date" | "Valid-Until" => match date(value) {
                Some(date) if field.name == "Date" => release.date = Some(date),
                Some(date) => release.valid_until = Some(date),
                None => problems.push(Problem::new(
                    "W-DATE",
                    format!("{place}:{}", field.line),
                    format!("{} is no date: \"{}\"", field.name, printable(value)),
                    "ask the repository's owner; its age cannot be judged",
                )),
            },
            _ => continue,
        }
        seen = true;
    }
    if seen { Ok((release, problems)) } else { Err(refuse(place, "holds no field of a Release file")) }
}

fn refuse(place: &str, text: impl Into<String>) -> Problem {
    Problem::new("E-FORMAT", place, text, "run `apt-get update`")
}

/// Most files that a Release file may list: Debian's has 1,500.
const LISTED_LIMIT: usize = 200_000;

/// The files that a Release file vouches for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// Files by their path below the suite's folder.
    pub files: BTreeMap<String, Listed>,
    /// `Acquire-By-Hash: yes`: an index can be asked for by its digest, so that
    /// an update of the archive in between does no harm.
    pub by_hash: bool,
    /// `No-Support-for-Architecture-all: Packages`: packages of `all` are in
    /// the index of each architecture.
    pub all_in_each: bool,
}

/// What a Release file says of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

/// Reads which files a Release file vouches for; the text is the signed one.
///
/// # Errors
///
/// `E-WEAK-HASH` where it states MD5 or SHA-1 only; `E-FORMAT` for a line that
/// is no file, a path that leaves the suite's folder, or one path with two
/// digests; `E-LIMIT` for more than 200,000 files.
pub fn contents(place: &str, text: &str) -> Result<Contents, Problem> {
    let mut contents = Contents::default();
    let Some(paragraph) = control::paragraphs(text).next() else {
        return Err(refuse(place, "holds no field"));
    };
    let mut stated = false;
    for field in paragraph.fields().flatten() {
        match field.name {
            "Acquire-By-Hash" => contents.by_hash = control::flag(field.value) == Some(true),
            "No-Support-for-Architecture-all" => contents.all_in_each = field.value.split_whitespace().any(|word| word == "Packages"),
            "SHA256" => {
                stated = true;
                for line in control::lines(field.value) {
                    let (path, listed) = listed(line).ok_or_else(|| {
                        refuse(&format!("{place}:{}", field.line), format!("lists a file in a way that cannot be read: {}", printable(line)))
                    })?;
                    if contents.files.len() == LISTED_LIMIT {
                        return Err(Problem::new("E-LIMIT", place, format!("lists more than {LISTED_LIMIT} files, which is the limit"), "check the address"));
                    }
                    if contents.files.insert(path.to_owned(), listed.clone()).is_some_and(|known| known != listed) {
                        return Err(refuse(place, format!("lists {} twice, with two digests", printable(path))));
                    }
                }
            }
            _ => {}
        }
    }
    if !stated {
        return Err(Problem::new(
            "E-WEAK-HASH",
            place,
            "states no SHA-256 of its indices; MD5 and SHA-1 prove nothing any more",
            "ask the repository's owner to publish SHA256, or leave the repository out",
        ));
    }
    Ok(contents)
}

fn listed(line: &str) -> Option<(&str, Listed)> {
    let mut words = line.split_ascii_whitespace();
    let (sha256, size, path) = (words.next()?, words.next()?, words.next()?);
    let inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..") && path.len() <= 1024;
    (words.next().is_none() && inside && is_sha256(sha256))
        .then(|| Some((path, Listed { sha256: sha256.to_owned(), size: size.parse().ok()? })))
        .flatten()
}

/// Whether a text is a SHA-256 in its one spelling.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Reads an RFC 2822 date whose zone is written `UTC`, `GMT`, `Z` or as an offset.
fn date(value: &str) -> Option<Timestamp> {
    if value.len() > 64 {
        return None;
    }
    let zone = ["UTC", "GMT", "Z"].into_iter().find_map(|zone| value.strip_suffix(zone));
    let rewritten = zone.map_or_else(|| value.to_owned(), |rest| format!("{} +0000", rest.trim_end()));
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(&rewritten).ok()
}

/// Takes the text out of a clear-signed message (RFC 4880 section 7): the
/// armour headers go and `- ` before a dash is undone. Text without a message
/// is returned as it is.
pub fn clear_text<'a>(place: &str, text: &'a str) -> Result<(Cow<'a, str>, bool), Problem> {
    const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
    const END: &str = "-----END PGP SIGNATURE-----";
    let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
    let Some(first) = lines.by_ref().find(|line| !line.trim().is_empty()) else {
        return Err(refuse(place, "is empty"));
    };
    if first.trim_end() != BEGIN {
        return if text.contains(BEGIN) {
            Err(refuse(place, "holds text before its signed message, which nobody signed"))
        } else {
            Ok((Cow::Borrowed(text), false))
        };
    }
    if let Some(body) = plain_body(text) {
        return Ok((Cow::Borrowed(body), true));
    }
    let mut lines = lines.skip_while(|line| !line.trim().is_empty()).skip(1);
    let mut out = String::with_capacity(text.len());
    let mut closed = false;
    for line in lines.by_ref() {
        if line.trim_end() == SIGNATURE {
            closed = true;
            break;
        }
        match line.strip_prefix("- ") {
            Some(escaped) => out.push_str(escaped),
            None if line.starts_with('-') => {
                return Err(refuse(place, "holds a line of the signed message that starts with an unescaped dash"));
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    let ended = lines.by_ref().any(|line| line.trim_end() == END);
    if !closed || !ended {
        return Err(refuse(place, "breaks off inside its signed message"));
    }
    if lines.any(|line| !line.trim().is_empty()) {
        return Err(refuse(place, "holds text after its signed message, which nobody signed"));
    }
    Ok((Cow::Owned(out), true))
}

/// The body of a clear-signed message that is exactly one message and escapes
/// no dash, as every archive's is: nothing has to be rewritten then, and these
/// files are hundreds of kilobytes long. None sends the caller line by line.
fn plain_body(text: &str) -> Option<&str> {
    let (armour, rest) = text.split_once("\n\n")?;
    let end = rest.find("\n-----BEGIN PGP SIGNATURE-----\n")? + 1;
    let (body, signature) = rest.split_at_checked(end)?;
    let (_, after) = signature.split_once("\n-----END PGP SIGNATURE-----")?;
    let headers = armour.lines().all(|line| !line.trim().is_empty());
    let plain = !body.starts_with('-') && !body.contains("\n-") && !body.contains('\r');
    (headers && plain && after.trim().is_empty()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::file as data;

    #[test]
    fn the_real_security_archive() {
        let Some(bytes) = data("repos/debian-security/dists/bookworm-security/InRelease") else { return };
        let (release, problems) = parse("InRelease", &bytes).unwrap();
        assert_eq!(problems, []);
        insta::assert_debug_snapshot!(release, @r#"
        Release {
            origin: Some(
                "Debian",
            ),
            label: Some(
                "Debian-Security",
            ),
            suite: Some(
                "oldstable-security",
            ),
            version: Some(
                "12",
            ),
            codename: Some(
                "bookworm-security",
            ),
            components: [
                "updates/main",
                "updates/contrib",
                "updates/non-free-firmware",
                "updates/non-free",
            ],
            architectures: [
                "amd64",
                "arm64",
                "armhf",
                "i386",
                "ppc64el",
            ],
            date: Some(
                2026-11-20T00:12:41Z,
            ),
            valid_until: Some(
                2026-11-27T00:12:41Z,
            ),
            not_automatic: false,
            but_automatic_upgrades: false,
            signed: true,
        }
        "#);
        let name = "hosts/deb12-web/var/lib/apt/lists/debian.example_debian_dists_bookworm_InRelease";
        let (release, _) = parse(name, &data(name).unwrap()).unwrap();
        assert_eq!(release.date.unwrap().to_string(), "2026-07-11T10:16:37Z");
        assert_eq!((release.suite.as_deref(), release.valid_until), (Some("oldstable"), None));
        for cut in (0..bytes.len()).step_by(997) {
            let _ = parse("InRelease", &bytes[..cut]);
        }
    }

    #[test]
    fn what_a_release_vouches_for() {
        let Some(bytes) = data("repos/debian-security/dists/bookworm-security/InRelease") else { return };
        let text = String::from_utf8(bytes).unwrap();
        let (text, _) = clear_text("InRelease", &text).unwrap();
        let found = contents("InRelease", &text).unwrap();
        assert!(found.by_hash && !found.all_in_each);
        let apart = contents("x", "No-Support-for-Architecture-all: Packages\nSHA256:\n").unwrap();
        assert!(apart.all_in_each);
        let index = &found.files["main/binary-amd64/Packages.xz"];
        assert!(index.size > 100_000 && is_sha256(&index.sha256), "{index:?}");
        let wrong = |text: &str| contents("R", text).unwrap_err().code;
        let digest = "a".repeat(64);
        assert_eq!(wrong("Origin: x\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/x\n"), "E-WEAK-HASH");
        assert_eq!(wrong(&format!("SHA256:\n {} 0 main/x\n", "A".repeat(64))), "E-FORMAT");
        assert_eq!(wrong(&format!("SHA256:\n {digest} 0 ../../etc/passwd\n")), "E-FORMAT");
        assert_eq!(wrong(&format!("SHA256:\n {digest} -1 x\n")), "E-FORMAT");
        assert_eq!(wrong(&format!("SHA256:\n {digest} 1 x\n {digest} 2 x\n")), "E-FORMAT");
        assert!(contents("R", &format!("SHA256:\n {digest} 1 x\n {digest} 1 x\n")).is_ok());
    }

    #[test]
    fn text_outside_the_signature_is_refused() {
        let message = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: A\nLabel: x\n- -dash: 1\nDate: Sat, 11 Jul 2026 10:16:37 UTC\nNotAutomatic: yes\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";
        let (release, _) = parse("InRelease", message.as_bytes()).unwrap();
        assert!(release.signed && release.not_automatic);
        let wrong = |text: String| parse("InRelease", text.as_bytes()).unwrap_err().text;
        assert_eq!(wrong(format!("Suite: evil\n{message}")), "holds text before its signed message, which nobody signed");
        assert_eq!(wrong(format!("{message}Suite: evil\n")), "holds text after its signed message, which nobody signed");
        assert_eq!(wrong(message.replace("-----END PGP SIGNATURE-----\n", "")), "breaks off inside its signed message");
        assert_eq!(wrong("\0\n".into()), "holds no field of a Release file");
        let (release, problems) = parse("Release", b"Origin: \x1b[2J\nDate: someday\nValid-Until: Fri, 27 Nov 2026 20:52:44 +0000\n").unwrap();
        assert!(!release.signed);
        assert_eq!(problems[0].place, "Release:2");
        assert_eq!(release.valid_until.unwrap().to_string(), "2026-11-27T20:52:44Z");
    }
}
