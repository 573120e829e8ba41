//! The file of a snapshot: parts, each compressed by itself, and a checksum
//! over all of it, which is held before any part is looked at.
//!
//! ```text
//! mark │ length, packed length, part │ … │ SHA-256 of everything before
//! ```

use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What it begins with; the number is that of the form of its parts.
const MARK: &[u8] = b"plimsoll kept 2\n";
/// Length of the checksum.
const SUM: usize = 32;
/// Greatest file: a million hosts stay below it.
const GREATEST: u64 = 2 << 30;
/// Greatest part before compression.
const GREATEST_PART: usize = 1 << 30;
/// Compression: parts repeat themselves so much that more effort gains little.
const LEVEL: i32 = 1;

/// Writes a snapshot.
pub struct Writer<W> {
    out: W,
    sum: Sha256,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    ///
    /// # Errors
    ///
    /// Those of `out`, here and below.
    pub fn begin(out: W) -> io::Result<Self> {
        let mut writer = Self { out, sum: Sha256::new(), written: 0 };
        writer.put(MARK)?;
        Ok(writer)
    }

    /// Adds a part.
    ///
    /// # Errors
    ///
    /// It, or the whole, is greater than what is read back.
    pub fn part(&mut self, part: &impl Serialize) -> io::Result<()> {
        let plain = postcard::to_extend(part, Vec::new()).map_err(|error| io::Error::other(error.to_string()))?;
        let packed = zstd::bulk::compress(&plain, LEVEL)?;
        if plain.len() > GREATEST_PART || self.written + packed.len() as u64 > GREATEST - 1024 {
            return Err(io::Error::other(format!("it would have more than {GREATEST} bytes")));
        }
        self.put(&(plain.len() as u32).to_le_bytes())?;
        self.put(&(packed.len() as u32).to_le_bytes())?;
        self.put(&packed)
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn end(self) -> io::Result<W> {
        let Self { mut out, sum, .. } = self;
        out.write_all(&sum.finalize())?;
        Ok(out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// Reads a snapshot.
pub struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    /// Holds the checksum.
    ///
    /// # Errors
    ///
    /// Why it cannot be used, in words for the log; here and below.
    pub fn open(bytes: &'b [u8]) -> Result<Self, String> {
        let whole = bytes.strip_prefix(MARK).ok_or("it is none of this form")?;
        let (rest, sum) = whole.split_last_chunk::<SUM>().ok_or("it is cut off")?;
        let sound = *sum == Into::<[u8; SUM]>::into(Sha256::new_with_prefix(MARK).chain_update(rest).finalize());
        if sound { Ok(Self { rest }) } else { Err("its checksum does not hold: it is damaged".to_owned()) }
    }

    /// The next part; none at the end.
    ///
    /// # Errors
    ///
    /// The part is none of this kind.
    pub fn part<T: DeserializeOwned>(&mut self) -> Result<Option<T>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (plain, packed) = (self.length()?, self.length()?);
        let (part, rest) = self.rest.split_at_checked(packed).filter(|_| plain <= GREATEST_PART).ok_or("a part of it has no end")?;
        self.rest = rest;
        let plain = zstd::bulk::decompress(part, plain).map_err(|error| format!("a part of it cannot be unpacked: {error}"))?;
        postcard::from_bytes(&plain).map(Some).map_err(|error| format!("a part of it cannot be read: {error}"))
    }

    fn length(&mut self) -> Result<usize, String> {
        let (length, rest) = self.rest.split_first_chunk::<4>().ok_or("a part of it has no length")?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*length) as usize)
    }
}

/// Puts a snapshot in the place of the one before, whole or not at all.
///
/// # Errors
///
/// The disk is full or fails; the one before stays.
pub fn replace(path: &Path, fill: impl FnOnce(&mut Writer<BufWriter<File>>) -> io::Result<()>) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // What a server left here that was killed.
    let _ = std::fs::remove_file(&fresh);
    let written = write(&fresh, fill).and_then(|()| std::fs::rename(&fresh, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    written?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn write(path: &Path, fill: impl FnOnce(&mut Writer<BufWriter<File>>) -> io::Result<()>) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut writer = Writer::begin(BufWriter::new(file))?;
    fill(&mut writer)?;
    writer.end()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Reads a snapshot that nobody else can have put there; none where there is
/// none.
///
/// # Errors
///
/// Why it cannot be used, in words for the log.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let said = |error: io::Error| format!("it cannot be read: {error}");
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(said(error.into())),
    };
    let metadata = file.metadata().map_err(said)?;
    let folder = path.parent().map(std::fs::metadata).transpose().map_err(said)?;
    if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        return Err(format!("it is open to others: user {}, mode {:o}", metadata.uid(), metadata.mode() & 0o777));
    }
    if folder.is_some_and(|folder| folder.mode() & 0o002 != 0) {
        return Err("everybody may write to its folder".to_owned());
    }
    if metadata.len() > GREATEST {
        return Err(format!("it has {} bytes, {GREATEST} are possible", metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.take(GREATEST).read_to_end(&mut bytes).map_err(said)?;
    Ok(Some(bytes))
}
