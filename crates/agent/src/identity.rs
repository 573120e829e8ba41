//! Who this host is: its key, and digests that show a copy of its disk.

use crate::state::State;
use ed25519_dalek::SigningKey;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{decode_hex, digest, encode_hex};
use std::fs;

/// File of the key in force.
pub(crate) const KEY: &str = "key";
/// File of a key that the server may or may not have taken yet.
pub(crate) const NEXT_KEY: &str = "key.next";

/// Reads the key, or makes one.
///
/// A damaged key file is an error: a new key under the old name would be an
/// impostor to the server.
pub(crate) fn key(state: &State) -> Result<SigningKey, Problem> {
    match read_key(state, KEY)? {
        Some(key) => Ok(key),
        None => make_key(state, KEY),
    }
}

/// Reads a key file; none where there is none.
pub(crate) fn read_key(state: &State, file: &str) -> Result<Option<SigningKey>, Problem> {
    let Some(bytes) = state.read(file, 256)? else { return Ok(None) };
    let seed = std::str::from_utf8(&bytes).ok().and_then(|text| decode_hex::<32>(text.trim()));
    seed.map(|seed| Some(SigningKey::from_bytes(&seed))).ok_or_else(|| {
        let place = state.folder().join(file);
        Problem::new("E-KEY", place.to_string_lossy(), "holds no key", "restore the file, or remove it and enrol the host again")
    })
}

/// Makes a key and keeps it before anybody hears of it.
pub(crate) fn make_key(state: &State, file: &str) -> Result<SigningKey, Problem> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Problem::new("E-KEY", "getrandom", format!("the kernel gives no random bytes: {error}"), "try again later"))?;
    state.write(file, format!("{}\n", encode_hex(&seed)).as_bytes())?;
    Ok(SigningKey::from_bytes(&seed))
}

/// A key's public half, hex.
pub(crate) fn public(key: &SigningKey) -> String {
    encode_hex(key.verifying_key().as_bytes())
}

/// The kernel's boot id; empty where there is none.
pub(crate) fn boot_id() -> String {
    word("/proc/sys/kernel/random/boot_id")
}

/// Digest of the machine id, which itself must not leave the host
/// (machine-id(5)); empty where there is none.
pub(crate) fn machine_id_digest() -> String {
    match word("/etc/machine-id") {
        id if id.is_empty() => String::new(),
        id => digest(format!("plimsoll-machine/1\n{id}\n").as_bytes()),
    }
}

/// Digest of what tells this machine from another: DMI identifiers. Root only;
/// empty where there are none (containers, some boards).
pub(crate) fn hardware_digest() -> String {
    let words = ["product_uuid", "product_serial", "board_serial"].map(|name| word(&format!("/sys/class/dmi/id/{name}")));
    if words.iter().all(String::is_empty) {
        return String::new();
    }
    digest(format!("plimsoll-hardware/1\n{}\n", words.join("\n")).as_bytes())
}

/// The host's own name for itself.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn word(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let text = text.trim();
    if text.len() <= 256 { text.to_owned() } else { String::new() }
}
