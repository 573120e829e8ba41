//! What an answer rests on: database, policy, memory and the present.

use crate::arguments::Basis;
use crate::places;
use crate::printer::Failure;
use jiff::Timestamp;
use plimsoll_core::assessment::Memory;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::policy::{Exposure, HostFacts, PolicySet};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::Database as Named;
use plimsoll_feeds::open::Mapped;
use plimsoll_formats::advisory_db::read::Database;
use plimsoll_formats::protocol::decode_hex;
use std::path::Path;

/// Everything an answer rests on beside the host itself.
pub struct Ground {
    /// The present.
    pub now: Timestamp,
    /// The database; none when there is none and nobody named one.
    pub database: Option<Database<Mapped>>,
    /// The database as answers name it.
    pub named: Option<Named>,
    /// The policies in force.
    pub policies: PolicySet,
    /// What is said of the host.
    pub host: HostFacts,
    /// What is remembered.
    pub memory: Memory,
}

/// Largest policy file: the whole of a written policy is some kilobytes.
const POLICY_LIMIT: u64 = 4 << 20;

impl Ground {
    /// Opens everything that the command line names.
    pub fn open(basis: &Basis) -> Result<Self, Failure> {
        let database = open_database(basis)?;
        let named = database.as_ref().map(|(database, path)| Named {
            path: path.clone(),
            built: database.built(),
            digest: database.digest(),
            signed_by: database.signed_by(),
            sources: database.sources().to_vec(),
        });
        Ok(Self {
            now: basis.as_of.unwrap_or_else(Timestamp::now),
            database: database.map(|(database, _)| database),
            named,
            policies: policies(basis.policy.as_deref())?,
            host: host_facts(basis)?,
            memory: basis.state.as_deref().map_or_else(|| Ok(Memory::default()), crate::state::read)?,
        })
    }
}

fn open_database(basis: &Basis) -> Result<Option<(Database<Mapped>, String)>, Failure> {
    let trusted = basis.db_key.as_deref().map(trusted_key).transpose()?;
    let path = match &basis.db {
        Some(path) => path.clone(),
        // Nobody named one, so its absence is an answer and no error.
        None => match places::database() {
            path if path.exists() => path,
            _ => return Ok(None),
        },
    };
    let database = open_file(&path, trusted.as_ref())?;
    Ok(Some((database, path.display().to_string())))
}

/// Maps a database; what is no file is refused before it is opened, because
/// opening a pipe would wait for ever.
pub fn open_file(path: &Path, trusted: Option<&[u8; 32]>) -> Result<Database<Mapped>, Failure> {
    crate::input::replaceable(path).map_err(|_| {
        Failure::input(Problem::new(
            "E-DB",
            path.display().to_string(),
            "is not a file",
            "name a file made by `plimsoll db update` or `plimsoll db build`",
        ))
    })?;
    Ok(plimsoll_feeds::open::open(path, trusted)?)
}

/// Reads 32 bytes of an Ed25519 key in hex.
pub fn key(text: &str) -> Result<[u8; 32], Failure> {
    decode_hex(text).ok_or_else(|| {
        Failure::input(Problem::new(
            "E-KEY",
            "--db-key",
            format!("has {} characters; a public key is 64 lower-case hexadecimal digits", text.len()),
            "copy the public key that `plimsoll db key` printed",
        ))
    })
}

/// Reads the public key that a database must be signed by.
///
/// The key of zeros is refused: it stands for “signed by nobody” in a header,
/// so to trust it would be to accept every unsigned file.
pub fn trusted_key(text: &str) -> Result<[u8; 32], Failure> {
    let trusted = key(text)?;
    if trusted == [0; 32] {
        return Err(Failure::input(Problem::new(
            "E-KEY",
            "--db-key",
            "is the key of zeros, which nobody can sign with",
            "copy the public key that `plimsoll db key` printed",
        )));
    }
    Ok(trusted)
}

/// Loads a policy file, or a preset by its name.
pub fn policies(word: Option<&str>) -> Result<PolicySet, Failure> {
    named_policies(word.unwrap_or("samm")).map(|(set, ..)| set)
}

/// The same, with where it comes from and its text.
pub fn named_policies(word: &str) -> Result<(PolicySet, String, String), Failure> {
    let (place, text) = match plimsoll_formats::policy::preset(word) {
        Some(text) => (format!("preset {word}"), text.to_owned()),
        None => (word.to_owned(), read_policy(Path::new(word))?),
    };
    let set = plimsoll_formats::policy::load(&place, &text, &beside(word)).map_err(|problems| {
        let more = problems.len().saturating_sub(1);
        let mut first = problems.into_iter().next().unwrap_or_else(|| {
            Problem::new("E-POLICY", &place, "cannot be used", "run `plimsoll policy lint` on it")
        });
        if more > 0 {
            first.text.push_str(&format!(" (and {more} more; `plimsoll policy lint {word}` lists them)"));
        }
        Failure::input(first)
    })?;
    Ok((set, place, text))
}

/// Finds policies and tables that a policy file names beside that file.
///
/// Only plain names are looked up: a policy is read by people who review it,
/// and a path in it could lead anywhere.
pub fn beside(word: &str) -> impl Fn(&str) -> Option<String> + use<> {
    let folder = Path::new(word).parent().map(Path::to_path_buf).unwrap_or_default();
    move |name: &str| {
        let plain = !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign));
        let candidates = [format!("{name}.toml"), format!("{name}.json"), name.to_owned()];
        let found = candidates.into_iter().map(|file| folder.join(file)).find(|path| path.is_file());
        found.filter(|_| plain && !name.starts_with('.')).and_then(|path| read_policy(&path).ok())
    }
}

/// Reads a policy file within its limit.
pub fn read_policy(path: &Path) -> Result<String, Failure> {
    let place = path.display().to_string();
    let bad = |text: String| {
        Failure::input(Problem::new(
            "E-POLICY",
            &place,
            text,
            "name a policy file or one of the presets that `plimsoll policy presets` lists",
        ))
    };
    if let Err(error) = std::fs::metadata(path) {
        return Err(bad(format!("is no preset, and no file: {error}")));
    }
    crate::input::read_text(path, POLICY_LIMIT).map_err(bad)
}

fn host_facts(basis: &Basis) -> Result<HostFacts, Failure> {
    let exposure = basis.exposure.as_deref().map(|word| {
        Exposure::parse(word).ok_or_else(|| {
            Failure::input(Problem::new(
                "E-USAGE",
                format!("--exposure {word}"),
                "is none of open, controlled, small",
                "use the word that says how far the host can be reached",
            ))
        })
    });
    Ok(HostFacts {
        exposure: exposure.transpose()?,
        environment: basis.environment.clone(),
        tier: basis.tier.clone(),
        ..HostFacts::default()
    })
}
