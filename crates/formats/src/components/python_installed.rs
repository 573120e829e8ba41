//! Installed Python packages: `METADATA` and `PKG-INFO`.
//!
//! Source: the core metadata specification (PEP 566 and later): mail headers,
//! then a description.

use super::collect::{Collector, Ecosystem};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;

/// Headers are short; the description after them may be anything, in any
/// encoding, and is not read.
const LONGEST_HEADERS: usize = 1 << 20;

pub(super) fn metadata(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let headers = bytes.get(..LONGEST_HEADERS).unwrap_or(bytes);
    let mut name = None;
    let mut version = None;
    for line in headers.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        // Author fields of old packages may be Latin-1; only two lines matter.
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Some((key, value)) = line.split_once(':') else { continue };
        if key.eq_ignore_ascii_case("name") {
            name = name.or(Some(value.trim().to_owned()));
        } else if key.eq_ignore_ascii_case("version") {
            version = version.or(Some(value.trim().to_owned()));
        }
    }
    let (Some(name), Some(version)) = (name, version) else {
        return Err(Problem::new(
            "E-FORMAT",
            into.place(),
            "states no Name or no Version among its headers",
            "install the package again",
        ));
    };
    into.registry(Ecosystem::PyPi, &name, &version, Scope::Runtime);
    Ok(())
}
