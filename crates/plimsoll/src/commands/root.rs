//! `plimsoll root`: the keys that everything hangs from, made by people and
//! outside the server.

use crate::arguments::{PlainFormat, RootCommand, RootInit};
use crate::printer::{Failure, Outcome, Printer};
use crate::token::Key;
use jiff::{Timestamp, ToSpan};
use jiff::tz::TimeZone;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::trust::{KeyFile, Role, RootKeys, SignedRoot};
use serde_json::json;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Largest file read: a root document is bounded at this.
const LIMIT: u64 = 1 << 20;
/// Shortest passphrase for a key that can approve changes of a whole fleet.
const PASSPHRASE_LENGTH: usize = 12;

/// Runs the command.
pub fn run(command: RootCommand, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        RootCommand::Init(arguments) => init(&arguments, printer),
        RootCommand::Show { file, format } => show(&file, format, printer),
    }
}

fn init(arguments: &RootInit, printer: &Printer) -> Result<Outcome, Failure> {
    let mut people = Vec::with_capacity(arguments.person.len());
    for person in &arguments.person {
        people.push(match person.split_once('=') {
            Some((name, uri)) if Key::is_token(uri) => (name.to_owned(), Source::There(Box::new(Key::open(Path::new(uri), arguments.pin_file.as_deref())?))),
            _ if arguments.no_passphrase => (person.clone(), Source::Made(None)),
            _ => (person.clone(), Source::Made(Some(passphrase(person, arguments.passphrase_file.as_deref())?))),
        });
    }
    let made = make(&arguments.to, people, arguments.threshold, arguments.days)?;
    match arguments.format {
        PlainFormat::Json => super::json(printer, &describe(&made))?,
        PlainFormat::Text => {
            printer.data(&format!("{}\n", made.digest()))?;
            printer.say(&format!(
                "The root document is {}; its digest is above.\n\
                 Give each key file in {} to its person and keep no copy. Put online.pem on the server.\n\
                 Compare the digest out of band before the first host joins.",
                arguments.to.join("root.json").display(),
                arguments.to.join("keys").display(),
            ));
        }
    }
    Ok(Outcome::Clean)
}

/// Where a person's key comes from.
pub enum Source {
    /// A key file made here, under this passphrase or, for an evaluation, none.
    Made(Option<String>),
    /// A key that the person has.
    There(Box<Key>),
}

/// Makes keys and the first root document in a folder that must not exist yet.
///
/// The document is written last, so that a folder without one is unfinished
/// and never used.
pub fn make(folder: &Path, people: Vec<(String, Source)>, threshold: usize, days: u32) -> Result<SignedRoot, Failure> {
    for (person, _) in &people {
        let plain = !person.is_empty() && person.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.@".contains(sign));
        if !plain || person.starts_with('.') {
            return Err(Failure::input(Problem::new(
                "E-USAGE",
                format!("--person {person}"),
                "is no name for a key file",
                "use letters, digits, `-`, `_`, `.` and `@`",
            )));
        }
    }
    let keys = folder.join("keys");
    std::fs::DirBuilder::new().mode(0o700).recursive(false).create(folder).map_err(|error| failed(folder, &error))?;
    std::fs::DirBuilder::new().mode(0o700).create(&keys).map_err(|error| failed(&keys, &error))?;
    let mut made = Vec::with_capacity(people.len());
    for (person, source) in people {
        let key = match source {
            Source::There(key) => *key,
            Source::Made(passphrase) => {
                let key = KeyFile::from_seed(&random()?);
                let pem = key.to_pem(passphrase.as_deref().map(str::as_bytes), &random()?, &random()?)?;
                write(&keys.join(format!("{person}.pem")), pem.as_bytes())?;
                Key::File(key)
            }
        };
        made.push((person, key));
    }
    let online = KeyFile::from_seed(&random()?);
    write(&folder.join("online.pem"), online.to_pem(None, &[0; 16], &[0; 16])?.as_bytes())?;
    let expires = Timestamp::now().to_zoned(TimeZone::UTC).saturating_add(i64::from(days).days()).timestamp();
    let root = SignedRoot::first(&RootKeys { people: &made, threshold, online: online.public() }, expires)?;
    write(&folder.join("root.json"), root.bytes())?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, &error))?;
    Ok(root)
}

/// Draws random bytes for a key.
pub fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Failure> {
    let mut out = [0; LENGTH];
    getrandom::fill(&mut out).map_err(|error| {
        Failure::unfinished(Problem::new("E-RANDOM", "the system's random source", error.to_string(), "make keys on another machine"))
    })?;
    Ok(out)
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    let next = match error.kind() {
        std::io::ErrorKind::AlreadyExists => "name a new folder with `--to`; keys are never overwritten",
        _ => "name a folder that can be made, with `--to`",
    };
    Failure::unfinished(Problem::new("E-WRITE", path.display().to_string(), format!("cannot be written: {error}"), next))
}

/// Writes a new file that only its owner reads.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let put = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    put().map_err(|error| failed(path, &error))
}

/// A new passphrase, from a file or asked for twice.
pub fn passphrase(person: &str, file: Option<&Path>) -> Result<String, Failure> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| {
                Failure::input(Problem::new("E-READ", path.display().to_string(), error.to_string(), "name a file that can be read"))
            })?,
        None => ask(person)?,
    };
    let length = text.chars().count();
    if length < PASSPHRASE_LENGTH {
        return Err(Failure::input(Problem::new(
            "E-PASSPHRASE",
            format!("the passphrase of {person}"),
            format!("has {length} characters, at least {PASSPHRASE_LENGTH} are needed"),
            "choose a longer one; four random words are good",
        )));
    }
    Ok(text)
}

fn ask(person: &str) -> Result<String, Failure> {
    let unasked = |error: std::io::Error| {
        Failure::input(Problem::new(
            "E-PASSPHRASE",
            "the terminal",
            format!("the passphrase of {person} cannot be asked for: {error}"),
            "run on a terminal, or give `--passphrase-file FILE`; for an evaluation, `--no-passphrase`",
        ))
    };
    let first = rpassword::prompt_password(format!("Passphrase for {person}'s key: ")).map_err(unasked)?;
    let again = rpassword::prompt_password("Again: ").map_err(unasked)?;
    if first != again {
        return Err(Failure::input(Problem::new("E-PASSPHRASE", "the terminal", "the two passphrases differ", "type it again")));
    }
    Ok(first)
}

/// Reads and checks a root document.
pub fn read(file: &Path) -> Result<SignedRoot, Failure> {
    let place = file.display().to_string();
    let bad = |text: String| Failure::input(Problem::new("E-READ", &place, text, "name the root.json that `plimsoll root init` made"));
    let length = std::fs::metadata(file).map_err(|error| bad(error.to_string()))?.len();
    if length > LIMIT {
        return Err(bad(format!("is {length} bytes long, the limit is {LIMIT}")));
    }
    let bytes = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
    Ok(SignedRoot::read(&place, &bytes)?)
}

fn describe(root: &SignedRoot) -> serde_json::Value {
    let (people, threshold) = root.root.keys(Role::Root);
    let (online, _) = root.root.keys(Role::Timestamp);
    json!({
        "digest": root.digest(),
        "version": root.root.version,
        "expires": root.root.expires,
        "threshold": threshold,
        "people": people.iter().map(|key| key.hex()).collect::<Vec<_>>(),
        "online": online.iter().map(|key| key.hex()).collect::<Vec<_>>(),
    })
}

fn show(file: &Path, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let root = read(file)?;
    if format == PlainFormat::Json {
        super::json(printer, &describe(&root))?;
        return Ok(Outcome::Clean);
    }
    let (people, threshold) = root.root.keys(Role::Root);
    let mut text = format!(
        "digest     {}\nversion    {}\nexpires    {}\nthreshold  {threshold} of {} people\n",
        root.digest(),
        root.root.version,
        root.root.expires,
        people.len(),
    );
    for key in people {
        text.push_str(&format!("person     {}\n", key.hex()));
    }
    for key in root.root.keys(Role::Timestamp).0 {
        text.push_str(&format!("online     {}\n", key.hex()));
    }
    printer.data(&text)?;
    Ok(Outcome::Clean)
}
