//! Bounded reading: every decompression and archive walk has a cap before it
//! allocates, and says which file broke which limit.
//!
//! A feed or SBOM may be hostile. The ratio limit stops bombs early; the size
//! limit bounds memory whatever the ratio.

use plimsoll_core::model::problem::Problem;
use std::io::Read;

/// Caps for one piece of input.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes after decompression.
    pub bytes: usize,
    /// Most times the compressed size, above a floor of 1 MiB.
    pub ratio: usize,
    /// Most entries in an archive.
    pub entries: usize,
}

impl Limits {
    /// For whole feeds: the largest real one (NVD's yearly file, Ubuntu's
    /// OSV archive) stays well below. One entry at a time is in memory.
    pub const FEED: Self = Self { bytes: 1 << 30, ratio: 200, entries: 2_000_000 };
    /// For one document: SBOM, lock file, package list, CSAF document.
    pub const DOCUMENT: Self = Self { bytes: 256 << 20, ratio: 200, entries: 200_000 };
    /// For one entry of an archive.
    pub const ENTRY: Self = Self { bytes: 32 << 20, ratio: 200, entries: 1 };

    fn cap(&self, compressed: usize) -> usize {
        self.bytes.min(compressed.saturating_mul(self.ratio).max(1 << 20))
    }
}

fn over(place: &str, cap: usize) -> Problem {
    Problem::new(
        "E-LIMIT",
        place,
        format!("holds more than {cap} bytes after decompression, which is the limit for its size"),
        "check where the file comes from; a bomb or a damaged archive looks like this",
    )
}

fn damaged(place: &str, what: &str, error: impl std::fmt::Display) -> Problem {
    Problem::new("E-FORMAT", place, format!("{what}: {error}"), "fetch or make the file again")
}

/// Reads to the end, at most `cap` bytes.
pub fn read_capped(place: &str, reader: impl Read, cap: usize) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    reader
        .take(cap as u64 + 1)
        .read_to_end(&mut out)
        .map_err(|error| damaged(place, "cannot be read to its end", error))?;
    if out.len() > cap { Err(over(place, cap)) } else { Ok(out) }
}

/// Decompresses gzip, xz, bzip2, zstd or lz4 (frame format), told by the first bytes; anything
/// else is returned as it is (borrowed).
pub fn decompress<'a>(
    place: &str,
    bytes: &'a [u8],
    limits: Limits,
) -> Result<std::borrow::Cow<'a, [u8]>, Problem> {
    let cap = limits.cap(bytes.len());
    let out = match bytes {
        [0x1f, 0x8b, ..] => read_capped(place, flate2::read::MultiGzDecoder::new(bytes), cap)?,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            read_capped(place, liblzma::read::XzDecoder::new_multi_decoder(bytes), cap)?
        }
        [b'B', b'Z', b'h', ..] => read_capped(place, bzip2::read::MultiBzDecoder::new(bytes), cap)?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = zstd::stream::read::Decoder::new(bytes)
                .map_err(|error| damaged(place, "is not readable zstd", error))?;
            read_capped(place, decoder, cap)?
        }
        // apt keeps its lists like this with Acquire::GzipIndexes.
        [0x04, 0x22, 0x4d, 0x18, ..] => lz4_frames(place, bytes, cap)?,
        _ if bytes.len() > limits.bytes => return Err(over(place, limits.bytes)),
        _ => return Ok(std::borrow::Cow::Borrowed(bytes)),
    };
    Ok(std::borrow::Cow::Owned(out))
}

/// Reads every frame of lz4.
///
/// The decoder ends at the first frame, and takes one that breaks off between
/// two blocks for whole; either would drop the rest of a list unsaid.
fn lz4_frames(place: &str, bytes: &[u8], cap: usize) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut decoder = lz4_flex::frame::FrameDecoder::new(rest);
        (&mut decoder)
            .take((cap + 1 - out.len()) as u64)
            .read_to_end(&mut out)
            .map_err(|error| damaged(place, "cannot be read to its end", error))?;
        if out.len() > cap {
            return Err(over(place, cap));
        }
        let left = decoder.into_inner();
        let frame = rest.get(..rest.len() - left.len()).unwrap_or_default();
        // Bit 2 of the flags: a checksum of the content follows the end mark.
        let checksum = if frame.get(4).is_some_and(|flags| flags & 4 != 0) { 4 } else { 0 };
        let before_checksum = frame.get(..frame.len().saturating_sub(checksum)).unwrap_or_default();
        if !before_checksum.ends_with(&[0; 4]) {
            return Err(damaged(place, "cannot be read to its end", "an lz4 frame breaks off"));
        }
        rest = left;
    }
    Ok(out)
}

/// Walks the files of a zip archive in the order of their names, one in memory
/// at a time.
///
/// Names are passed as written and are data, never paths to write to. A
/// damaged or oversized entry is passed as an error and the walk goes on.
pub fn zip_entries(
    place: &str,
    bytes: &[u8],
    limits: Limits,
    mut each: impl FnMut(&str, Result<&[u8], Problem>),
) -> Result<(), Problem> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes))
        .map_err(|error| damaged(place, "is not a readable zip archive", error))?;
    if archive.len() > limits.entries {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("has {} entries, the limit is {}", archive.len(), limits.entries),
            "check where the file comes from",
        ));
    }
    let mut order: Vec<(String, usize)> = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        if let Some(Ok(name)) = archive.name_for_index(index)
            && !name.ends_with('/') {
                order.push((name.into_owned(), index));
            }
    }
    order.sort();
    let mut buffer = Vec::new();
    let mut total = 0usize;
    let cap_total = limits.cap(bytes.len());
    for (name, index) in order {
        let inner = format!("{place}!{name}");
        buffer.clear();
        let outcome = match archive.by_index(index) {
            Err(error) => Err(damaged(&inner, "cannot be opened", error)),
            Ok(file) => {
                let cap = Limits::ENTRY.cap(usize::try_from(file.compressed_size()).unwrap_or(usize::MAX));
                match file.take(cap as u64 + 1).read_to_end(&mut buffer) {
                    Err(error) => Err(damaged(&inner, "cannot be decompressed", error)),
                    Ok(_) if buffer.len() > cap => Err(over(&inner, cap)),
                    Ok(_) => Ok(()),
                }
            }
        };
        total = total.saturating_add(buffer.len());
        if total > cap_total {
            return Err(over(place, cap_total));
        }
        match outcome {
            Ok(()) => each(&name, Ok(&buffer)),
            Err(problem) => each(&name, Err(problem)),
        }
    }
    Ok(())
}

/// Takes bytes as UTF-8, naming the offset of the first bad byte.
pub fn text<'a>(place: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        Problem::new(
            "E-FORMAT",
            place,
            format!("is not UTF-8 from byte {} on", error.valid_up_to()),
            "convert the file to UTF-8 or make it again",
        )
    })
}
