//! **Verification** of an exported log: offline, with nothing but the folder,
//! a key and, better, a checkpoint kept from earlier.

use super::export::{Disclosed, tile_path, tiles_of};
use super::leaf::commitment;
use super::signing::{Checkpoint, read_checkpoint};
use super::{Hash, TILE};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use plimsoll_core::model::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use tlog_tiles::{node_hash, record_hash};

/// Greatest bundle: 256 leaves of 65,535 bytes with their lengths.
const BUNDLE: u64 = TILE * (65_535 + 2);

/// Greatest file of texts.
const TEXTS: u64 = 256 << 20;

/// Greatest checkpoint.
const NOTE: u64 = 64 << 10;

/// What verification found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Leaves under the newest checkpoint.
    pub size: u64,
    /// Its root, hex.
    pub root: String,
    /// First leaf that is not what it was: exact when the tiles of hashes are
    /// sound, else the first that no earlier checkpoint vouches for.
    pub first_bad: Option<u64>,
    /// Size of the newest checkpoint whose leaves are all what they were.
    pub last_good: u64,
    /// Texts that match their commitments.
    pub texts: u64,
    /// Commitments whose texts were deleted.
    pub withheld: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    fn say(&mut self, code: &str, place: &str, text: impl Into<String>) {
        let next = "Compare with a copy of the log and with the checkpoints that hosts remember.";
        self.problems.push(Problem::new(code, place, text, next));
    }

    fn bad_from(&mut self, position: u64) {
        self.first_bad = Some(self.first_bad.map_or(position, |known| known.min(position)));
    }
}

/// Verifies an exported folder under a trusted key, and against a checkpoint
/// kept from earlier where there is one.
///
/// Reads one bundle at a time, so that a log of any size fits.
pub fn verify(folder: &Path, verifier_key: &str, older: Option<&str>) -> Verdict {
    let mut verdict = Verdict::default();
    let newest = match read(folder, "checkpoint", NOTE).and_then(|note| text(&note)).and_then(|note| read_checkpoint(&note, verifier_key)) {
        Ok(newest) => newest,
        Err(problem) => {
            verdict.say("E-EVIDENCE-SIGNATURE", "checkpoint", problem);
            return verdict;
        }
    };
    verdict.size = newest.size;
    verdict.root = HEXLOWER.encode(&newest.root);
    let mut checkpoints = earlier(folder, verifier_key, &mut verdict);
    let kept = older.and_then(|older| match read_checkpoint(older, verifier_key) {
        Ok(kept) => Some(kept),
        Err(problem) => {
            verdict.say("E-EVIDENCE-SIGNATURE", "the checkpoint kept from earlier", problem);
            None
        }
    });
    checkpoints.retain(|checkpoint| checkpoint.size <= newest.size);
    checkpoints.push(newest.clone());
    checkpoints.extend(kept.clone());

    let mut walk = Walk::new(folder, newest.size, checkpoints);
    walk.leaves(&mut verdict);
    verdict.last_good = walk.last_good;
    walk.judge(&newest, kept.as_ref(), &mut verdict);
    verdict
}

fn earlier(folder: &Path, verifier_key: &str, verdict: &mut Verdict) -> Vec<Checkpoint> {
    let Ok(entries) = std::fs::read_dir(folder.join("checkpoints")) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let place = format!("checkpoints/{name}");
        match read(folder, &place, NOTE).and_then(|note| text(&note)).and_then(|note| read_checkpoint(&note, verifier_key)) {
            Ok(checkpoint) => all.push(checkpoint),
            Err(problem) => verdict.say("E-EVIDENCE-SIGNATURE", &place, problem),
        }
    }
    all
}

pub(super) fn read(folder: &Path, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let file = File::open(folder.join(name)).map_err(|error| format!("It cannot be read: {error}."))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| format!("It cannot be read: {error}."))?;
    if bytes.len() as u64 > limit {
        return Err(format!("It has more than {limit} bytes."));
    }
    Ok(bytes)
}

pub(super) fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "It is not UTF-8.".to_owned())
}

/// The leaves of a bundle, and what is left behind the last whole one.
fn split(bytes: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let mut leaves = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let Some((leaf, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
        leaves.push(leaf.to_vec());
        rest = after;
    }
    (leaves, rest)
}

/// The leaves of a bundle of an exported folder.
pub(super) fn bundle_of(folder: &Path, name: &str) -> Result<Vec<Vec<u8>>, String> {
    read(folder, name, BUNDLE).map(|bytes| split(&bytes).0)
}

/// Roots of the whole subtrees of a growing tree, greatest first.
#[derive(Default)]
struct Peaks {
    size: u64,
    peaks: Vec<Hash>,
}

impl Peaks {
    fn push(&mut self, hash: Hash) {
        self.peaks.push(hash);
        self.size += 1;
        for _ in 0..self.size.trailing_zeros() {
            if let (Some(right), Some(left)) = (self.peaks.pop(), self.peaks.pop()) {
                self.peaks.push(node_hash(tlog_tiles::Hash(left), tlog_tiles::Hash(right)).0);
            }
        }
    }

    fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return tlog_tiles::EMPTY_HASH.0 };
        peaks.fold(*last, |right, left| node_hash(tlog_tiles::Hash(*left), tlog_tiles::Hash(right)).0)
    }
}

/// One pass over all leaves.
struct Walk<'a> {
    folder: &'a Path,
    size: u64,
    checkpoints: Vec<Checkpoint>,
    /// The tree of the leaves, and that of the lowest tiles.
    leaves: Peaks,
    tiles: Peaks,
    tiles_are_whole: bool,
    first_difference: Option<u64>,
    last_good: u64,
    /// Size of the first signed checkpoint that the leaves do not have.
    disputed: Option<u64>,
    missing: Option<u64>,
    /// Tiles that leaves should have, as far as they are not full.
    expected: Vec<Vec<u8>>,
    wrong_tiles: BTreeSet<String>,
    surplus: bool,
}

impl<'a> Walk<'a> {
    fn new(folder: &'a Path, size: u64, checkpoints: Vec<Checkpoint>) -> Self {
        Self {
            folder,
            size,
            checkpoints,
            leaves: Peaks::default(),
            tiles: Peaks::default(),
            tiles_are_whole: true,
            first_difference: None,
            last_good: 0,
            disputed: None,
            missing: None,
            expected: Vec::new(),
            wrong_tiles: BTreeSet::new(),
            surplus: false,
        }
    }

    fn leaves(&mut self, verdict: &mut Verdict) {
        for (number, width) in tiles_of(self.size) {
            let hashes = self.lowest_tile(number, width);
            if self.missing.is_some() {
                // Only the rest of the tiles is of interest: whether they can
                // vouch for what comes before.
                continue;
            }
            let bundle = self.bundle(number, width, verdict);
            let mut commitments = BTreeMap::new();
            for offset in 0..width {
                let position = number * TILE + offset;
                let Some(leaf) = bundle.get(offset as usize) else {
                    self.missing = Some(position);
                    break;
                };
                let hash = record_hash(leaf).0;
                if hashes.get(offset as usize).is_some_and(|tile| *tile != hash) {
                    self.first_difference.get_or_insert(position);
                }
                self.grow(hash);
                read_commitments(leaf, position, &mut commitments);
            }
            if self.missing.is_none() {
                check_texts(self.folder, number, commitments, verdict);
            }
        }
        self.finish_tiles();
    }

    fn lowest_tile(&mut self, number: u64, width: u64) -> Vec<Hash> {
        let name = tile_path("0", number, width);
        let bytes = read(self.folder, &name, TILE * 32).unwrap_or_default();
        let (hashes, rest) = bytes.as_chunks::<32>();
        if hashes.len() as u64 != width || !rest.is_empty() {
            self.tiles_are_whole = false;
        }
        for hash in hashes {
            self.tiles.push(*hash);
        }
        hashes.to_vec()
    }

    fn bundle(&mut self, number: u64, width: u64, verdict: &mut Verdict) -> Vec<Vec<u8>> {
        let name = tile_path("entries", number, width);
        let bytes = match read(self.folder, &name, BUNDLE) {
            Ok(bytes) => bytes,
            Err(problem) => {
                verdict.say("E-EVIDENCE-ENTRIES", &name, problem);
                return Vec::new();
            }
        };
        let (leaves, rest) = split(&bytes);
        let count = leaves.len() as u64;
        if count > width || (count == width && !rest.is_empty()) {
            self.surplus = true;
        }
        leaves
    }

    fn grow(&mut self, hash: Hash) {
        self.leaves.push(hash);
        self.check_checkpoints();
        let (mut level, mut hash, mut number) = (0, hash, self.leaves.size - 1);
        loop {
            if self.expected.len() <= level {
                self.expected.push(Vec::new());
            }
            let Some(tile) = self.expected.get_mut(level) else { return };
            tile.extend_from_slice(&hash);
            if (tile.len() as u64) < TILE * 32 {
                return;
            }
            let tile = std::mem::take(tile);
            number /= TILE;
            self.check_tile(level, number, &tile);
            hash = tlog_tiles::Tile::subtree_hash(&tile).0;
            level += 1;
        }
    }

    fn finish_tiles(&mut self) {
        let mut hashes = self.size;
        for (level, tile) in std::mem::take(&mut self.expected).into_iter().enumerate() {
            if !tile.is_empty() {
                self.check_tile(level, hashes / TILE, &tile);
            }
            hashes /= TILE;
        }
    }

    fn check_tile(&mut self, level: usize, number: u64, expected: &[u8]) {
        let name = tile_path(&level.to_string(), number, expected.len() as u64 / 32);
        if read(self.folder, &name, TILE * 32).is_ok_and(|bytes| bytes == expected) {
            return;
        }
        self.wrong_tiles.insert(name);
    }

    fn check_checkpoints(&mut self) {
        let size = self.leaves.size;
        if self.checkpoints.iter().any(|checkpoint| checkpoint.size == size) {
            let root = self.leaves.root();
            let mut all = self.checkpoints.iter().filter(|checkpoint| checkpoint.size == size);
            if !all.all(|checkpoint| checkpoint.root == root) {
                self.disputed.get_or_insert(size);
            } else if self.disputed.is_none() {
                self.last_good = size;
            }
        }
    }

    fn judge(self, newest: &Checkpoint, kept: Option<&Checkpoint>, verdict: &mut Verdict) {
        let whole = self.missing.is_none() && self.leaves.root() == newest.root;
        let tiles_vouch = self.tiles_are_whole && self.tiles.root() == newest.root;
        if let Some(missing) = self.missing {
            verdict.say("E-EVIDENCE-TRUNCATED", "entries", format!("Leaf {missing} of {} is missing.", newest.size));
            verdict.bad_from(missing);
        }
        if self.surplus {
            verdict.say("E-EVIDENCE-ENTRIES", "entries", "There are more leaves than the checkpoint covers.");
            verdict.bad_from(newest.size);
        }
        if !whole {
            let first = match self.first_difference {
                Some(first) if tiles_vouch => first,
                _ if self.missing.is_some() && tiles_vouch => self.missing.unwrap_or(0),
                _ => self.last_good,
            };
            verdict.say("E-EVIDENCE-ROOT", "entries", format!("The leaves do not have the signed root, from leaf {first} on."));
            verdict.bad_from(first);
        } else if !self.wrong_tiles.is_empty() {
            let names: Vec<String> = self.wrong_tiles.into_iter().take(5).collect();
            verdict.say("E-EVIDENCE-TILE", &names.join(" "), "Tiles do not have the hashes of the leaves; the leaves are sound.");
        }
        if let Some(kept) = kept.filter(|kept| kept.size > newest.size) {
            let text = format!("The log has {} leaves, it had {} before.", newest.size, kept.size);
            verdict.say("E-EVIDENCE-REWRITTEN", "checkpoint", text);
            verdict.bad_from(newest.size);
        }
        if let Some(disputed) = self.disputed.filter(|_| whole) {
            let text = format!("The first {disputed} leaves are not those of another checkpoint that the log signed.");
            verdict.say("E-EVIDENCE-REWRITTEN", "checkpoint", text);
            verdict.bad_from(self.last_good);
        }
    }
}

/// Collects what a leaf commits to, by position and field.
fn read_commitments(leaf: &[u8], position: u64, all: &mut BTreeMap<(u64, String), String>) {
    let Ok(leaf) = serde_json::from_slice::<serde_json::Value>(leaf) else { return };
    let commitments = leaf.get("commitments").and_then(serde_json::Value::as_object);
    for (field, value) in commitments.into_iter().flatten() {
        if let Some(value) = value.as_str() {
            all.insert((position, field.clone()), value.to_owned());
        }
    }
}

fn check_texts(folder: &Path, number: u64, mut commitments: BTreeMap<(u64, String), String>, verdict: &mut Verdict) {
    let name = format!("texts/{number}.jsonl");
    let bytes = if folder.join(&name).exists() { read(folder, &name, TEXTS) } else { Ok(Vec::new()) };
    let lines = match bytes.and_then(|bytes| text(&bytes)) {
        Ok(lines) => lines,
        Err(problem) => return verdict.say("E-EVIDENCE-TEXT", &name, problem),
    };
    for (line, text) in lines.lines().enumerate() {
        let place = format!("{name}:{}", line + 1);
        let Ok(text) = serde_json::from_str::<Disclosed>(text) else {
            verdict.say("E-EVIDENCE-TEXT", &place, "The line is no text of a leaf.");
            continue;
        };
        let salt = HEXLOWER_PERMISSIVE.decode(text.salt.as_bytes()).unwrap_or_default();
        let committed = commitments.remove(&(text.position, text.field.clone()));
        if committed.is_some_and(|committed| committed == commitment(&salt, &text.content)) {
            verdict.texts += 1;
        } else {
            let problem = format!("The {} of leaf {} is not what the leaf commits to.", text.field, text.position);
            verdict.say("E-EVIDENCE-TEXT", &place, problem);
            verdict.bad_from(text.position);
        }
    }
    verdict.withheld += commitments.len() as u64;
}
