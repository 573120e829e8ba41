//! Package URLs of operating system packages, written without the detour
//! over a map of qualifiers.
//!
//! A host has hundreds of packages and each needs one; the encoding is held
//! against the crate `packageurl` in the tests.

use plimsoll_core::model::stream::Stream;

/// Characters outside letters, digits and these are percent-encoded.
///
/// Source: the purl specification's list of characters that must not be
/// encoded, widened by the ones `packageurl` leaves alone, so that both write
/// the same text. The colon stays: an epoch reads `@1:2.3`.
fn kept(byte: u8, place: Place) -> bool {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => true,
        b'.' | b'-' | b'_' | b'~' | b':' | b'!' | b'$' | b'\'' | b'(' | b')' | b'*' => true,
        b'/' => place == Place::Version,
        b',' | b'&' => place != Place::Qualifier,
        _ => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Name,
    Version,
    Qualifier,
}

fn encode(out: &mut String, text: &str, place: Place) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    // Only ASCII is kept, so a run of kept bytes ends at character boundaries.
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !kept(byte, place)) {
        let (run, after) = rest.split_at(at);
        out.push_str(run);
        let width = after.chars().next().map_or(1, char::len_utf8);
        let (odd, after) = after.split_at(width);
        for byte in odd.bytes() {
            out.push('%');
            out.push(HEX.get(usize::from(byte >> 4)).copied().unwrap_or('0'));
            out.push(HEX.get(usize::from(byte & 15)).copied().unwrap_or('0'));
        }
        rest = after;
    }
    out.push_str(rest);
}

/// The vendor part of a package URL for a stream's family: the family, except
/// where the vendor publishes its own advisories under another word.
fn namespace(family: &str) -> &str {
    match family {
        "rhel" => "redhat",
        "sles" | "sled" => "suse",
        "opensuse-leap" | "opensuse-tumbleweed" => "opensuse",
        other => other,
    }
}

/// Writes the package URL of a distribution package.
///
/// `kind` is the purl type (`deb`, `rpm`, `apk`, `alpm`). Qualifiers are
/// `arch`, `distro` (`debian-12`) and `epoch`, in this (canonical) order, each
/// only where known. Names of `deb`, `apk` and `alpm` are lower case by the
/// specification; rpm names keep their case.
pub fn package(
    kind: &str,
    stream: &Stream,
    name: &str,
    version: &str,
    arch: Option<&str>,
    epoch: Option<u32>,
) -> String {
    let mut out = String::with_capacity(48 + name.len() + version.len());
    out.push_str("pkg:");
    out.push_str(kind);
    out.push('/');
    encode(&mut out, namespace(stream.family()), Place::Name);
    out.push('/');
    if kind == "rpm" {
        encode(&mut out, name, Place::Name);
    } else {
        encode(&mut out, &name.to_ascii_lowercase(), Place::Name);
    }
    if !version.is_empty() {
        out.push('@');
        encode(&mut out, version, Place::Version);
    }
    let mut separator = '?';
    let mut qualifier = |out: &mut String, key: &str, value: &str| {
        out.push(separator);
        separator = '&';
        out.push_str(key);
        out.push('=');
        encode(out, value, Place::Qualifier);
    };
    if let Some(arch) = arch.filter(|arch| !arch.is_empty()) {
        qualifier(&mut out, "arch", arch);
    }
    if let Some(release) = stream.release_name() {
        qualifier(&mut out, "distro", &format!("{}-{release}", stream.family()));
    }
    if let Some(epoch) = epoch {
        qualifier(&mut out, "epoch", &epoch.to_string());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::package;
    use plimsoll_core::model::stream::Stream;

    fn reference(kind: &str, namespace: &str, name: &str, version: &str, pairs: &[(&str, &str)]) -> String {
        let mut purl = packageurl::PackageUrl::new(kind.to_owned(), name.to_owned()).unwrap();
        purl.with_namespace(namespace.to_owned()).unwrap();
        purl.with_version(version.to_owned()).unwrap();
        for (key, value) in pairs {
            purl.add_qualifier((*key).to_owned(), (*value).to_owned()).unwrap();
        }
        purl.to_string()
    }

    #[test]
    fn every_printable_character_is_written_as_the_reference_writes_it() {
        let debian = Stream::release("debian", "12");
        for byte in 0x20u8..0x7f {
            let character = char::from(byte);
            let name = format!("a{character}z");
            let lower = name.to_ascii_lowercase();
            assert_eq!(
                package("deb", &debian, &name, &name, Some(&name), None),
                reference("deb", "debian", &lower, &name, &[("arch", &name), ("distro", "debian-12")]),
            );
        }
        assert_eq!(
            package("deb", &debian, "libstdc++6", "1:12.2.0-14+deb12u1", Some("amd64"), None),
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
        );
        assert_eq!(
            package("rpm", &Stream::release("rhel", "9"), "NetworkManager", "1.2-3", Some("x86_64"), Some(1)),
            "pkg:rpm/redhat/NetworkManager@1.2-3?arch=x86_64&distro=rhel-9&epoch=1"
        );
        assert_eq!(package("alpm", &Stream::language("arch"), "é\u{1b}[m", "1", None, None), "pkg:alpm/arch/%C3%A9%1B%5Bm@1");
    }
}
