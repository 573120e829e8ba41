//! `os-release`: which operating system this is.

use crate::bounded;
use plimsoll_core::model::host::OperatingSystem;
use plimsoll_core::model::problem::Problem;

/// Longest file read, in bytes; real ones are below 1 KiB.
const LIMIT: usize = 64 << 10;

/// Reads `/etc/os-release` or `/usr/lib/os-release`.
///
/// Source: os-release(5). Values follow the shell's quoting, but nothing is
/// expanded: `$` and back quotes are text, as the specification demands. An
/// absent `ID` is `linux`. The architecture is not in the file and stays
/// empty. Fails where no line can be read.
pub fn parse(place: &str, bytes: &[u8]) -> Result<OperatingSystem, Problem> {
    if bytes.len() > LIMIT {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("is {} bytes long, the limit is {LIMIT}", bytes.len()),
            "check where the file comes from",
        ));
    }
    let text = bounded::text(place, bytes)?;
    let mut system = OperatingSystem { id: "linux".to_owned(), ..OperatingSystem::default() };
    let mut seen = false;
    for line in text.lines() {
        let line = line.trim();
        let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let value = unquote(value);
        seen = true;
        match key {
            "ID" => system.id = value.to_ascii_lowercase(),
            "ID_LIKE" => system.like = value.split_whitespace().map(str::to_ascii_lowercase).collect(),
            "VERSION_ID" => system.version = value,
            "VERSION_CODENAME" => system.codename = Some(value).filter(|name| !name.is_empty()),
            "PRETTY_NAME" => system.name = value,
            _ => {}
        }
    }
    if !seen {
        return Err(Problem::new(
            "E-FORMAT",
            place,
            "holds no KEY=value line",
            "put the distribution's os-release file in place",
        ));
    }
    if system.name.is_empty() {
        system.name = format!("{} {}", system.id, system.version).trim().to_owned();
    }
    system.stream = OperatingSystem::stream_of(&system.id, &system.version, system.codename.as_deref());
    Ok(system)
}

/// Undoes the shell's quoting: single quotes keep everything, double quotes
/// let a backslash protect `"`, `$`, `` ` `` and itself.
fn unquote(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut quote = None;
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (Some('\''), _) => out.push(character),
            (Some(_), '\\') => match characters.peek() {
                Some('"' | '$' | '`' | '\\') => out.extend(characters.next()),
                _ => out.push('\\'),
            },
            (None, '\\') => out.extend(characters.next()),
            (None, ' ' | '\t') => break,
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::file as data;
    use plimsoll_core::model::stream::Stream;

    #[test]
    fn quoting_is_the_shells() {
        let system = parse(
            "etc/os-release",
            b"# comment\nID='RHEL'\nID_LIKE=\"centos  Fedora\"\nVERSION_ID=\"9.4\"\nPRETTY_NAME=\"A \\\"b\\\" \\$(c) \\x 'd'\"\nVERSION_CODENAME=\nBROKEN\n",
        )
        .unwrap();
        assert_eq!(
            system,
            OperatingSystem {
                id: "rhel".into(),
                like: vec!["centos".into(), "fedora".into()],
                version: "9.4".into(),
                codename: None,
                name: "A \"b\" $(c) \\x 'd'".into(),
                stream: Some(Stream::release("rhel", "9")),
                arch: None,
            }
        );
    }

    #[test]
    fn hostile_files_are_refused_by_name() {
        assert_eq!(parse("x", b"").unwrap_err().code, "E-FORMAT");
        assert_eq!(parse("x", b"\0\0\0").unwrap_err().code, "E-FORMAT");
        assert_eq!(parse("x", b"ID=\xff").unwrap_err().text, "is not UTF-8 from byte 3 on");
        assert_eq!(parse("x", &vec![b'a'; LIMIT + 1]).unwrap_err().code, "E-LIMIT");
    }

    #[test]
    fn real_hosts() {
        let Some(bytes) = data("hosts/deb12-web/etc/os-release") else { return };
        let system = parse("etc/os-release", &bytes).unwrap();
        assert_eq!(system.stream, Some(Stream::release("debian", "12")));
        assert_eq!(system.codename.as_deref(), Some("bookworm"));
        assert_eq!(system.name, "Debian GNU/Linux 12 (bookworm)");
    }
}
