//! Walking a tar archive of documents, compressed or not, one entry in memory
//! at a time.

use crate::bounded::{self, Limits};
use plimsoll_core::model::problem::Problem;
use std::io::Read;

/// Passes each regular file's name and bytes.
///
/// Names are data, never paths to write to. An oversized entry is passed as an
/// error and the walk goes on; a damaged archive ends it.
pub(super) fn entries(
    place: &str,
    bytes: &[u8],
    mut each: impl FnMut(&str, Result<&[u8], Problem>),
) -> Result<(), Problem> {
    let broken = |error: std::io::Error| super::facts::unreadable(place, format!("is not a readable tar archive: {error}"));
    let limit = Limits::FEED.bytes.min(bytes.len().saturating_mul(Limits::FEED.ratio).max(1 << 20)) as u64;
    let reader: Box<dyn Read + '_> = match bytes {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(liblzma::read::XzDecoder::new_multi_decoder(bytes)),
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::new(bytes).map_err(broken)?),
        _ => Box::new(bytes),
    };
    let mut archive = tar::Archive::new(reader.take(limit));
    let mut buffer = Vec::new();
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        if count >= Limits::FEED.entries {
            return Err(Problem::new(
                "E-LIMIT",
                place,
                format!("has more than {} entries, which is the limit", Limits::FEED.entries),
                "check where the file comes from",
            ));
        }
        let entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let inner = format!("{place}!{name}");
        match bounded::read_capped(&inner, entry, Limits::ENTRY.bytes) {
            Ok(bytes) => {
                buffer = bytes;
                each(&name, Ok(&buffer));
            }
            Err(problem) => each(&name, Err(problem)),
        }
    }
    drop(buffer);
    Ok(())
}
