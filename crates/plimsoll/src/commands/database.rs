//! `plimsoll db`: fetching, building, showing and verifying the advisory
//! database.

use super::{basis, gather};
use crate::answer::words;
use crate::arguments::{Db, DbBuild, DbInfo, DbUpdate, PlainFormat, Target};
use crate::places;
use crate::printer::{Failure, Outcome, Printer};
use crate::progress::{Fetching, Step};
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::stream::Stream;
use plimsoll_feeds::build::{self, Built};
use plimsoll_feeds::cache::{self, Cache};
use plimsoll_feeds::catalogue::{Catalogue, SourceEntry};
use plimsoll_feeds::fetch::additions::Additions;
use plimsoll_feeds::fetch::{self, ProxySettings, UpdateOptions, UpdateReport};
use plimsoll_feeds::open::Mapped;
use plimsoll_formats::advisory_db::read::Database;
use plimsoll_formats::advisory_db::write::Signer;
use plimsoll_formats::protocol::encode_hex;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Largest sources file or key file: people write them.
const WRITTEN_LIMIT: u64 = 4 << 20;
/// Unreachable sources named one by one.
const UNREACHABLE: usize = 4;

/// Runs the command.
pub fn run(command: Db, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Db::Update(arguments) => update(&arguments, printer),
        Db::Build(arguments) => build_from(&arguments, printer),
        Db::Info(arguments) => info(&arguments, printer),
        Db::Verify(arguments) => verify(&arguments, printer),
        Db::Key { file } => make_key(&file, printer),
        Db::Sources { format } => sources(format, printer),
    }
}

fn update(arguments: &DbUpdate, printer: &Printer) -> Result<Outcome, Failure> {
    let to = arguments.to.clone().unwrap_or_else(places::database);
    let folder = arguments.cache.clone().unwrap_or_else(places::cache);
    writable(&to)?;
    let signer = arguments.sign.as_deref().map(read_key).transpose()?;
    let mut cache = Cache::open(&folder)?;
    let report = if arguments.offline {
        UpdateReport::default()
    } else {
        let report = fetch_into(&mut cache, arguments, printer)?;
        tell_all(&report, printer);
        report
    };
    let step = Step::start(printer, "building the database");
    let options = build::Options {
        signer: signer.as_ref().map(|key| key as &dyn Signer),
        fetched: cache::status(&cache),
        progress: Some(&|name, done, total| step.now(&format!("building: {done} of {total} files, {name}"))),
    };
    let built = build::build(&folder, &options).map_err(|problem| blame(problem, &report))?;
    plimsoll_feeds::open::replace(&to, &built.bytes)?;
    drop(step);
    finish(&to, &built, arguments.format, Some(&report), printer)?;
    let complete = arguments.offline || report.complete();
    Ok(if complete { Outcome::Clean } else { Outcome::No })
}

fn fetch_into(cache: &mut Cache, arguments: &DbUpdate, printer: &Printer) -> Result<UpdateReport, Failure> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let mut catalogue = Catalogue::built_in(today)?;
    let cancel = AtomicBool::new(false);
    let mut options = UpdateOptions::new(&cancel);
    options.accept_shrunk = arguments.accept.iter().cloned().collect();
    options.network.ca_files = arguments.ca.iter().cloned().collect();
    options.network.mirror.clone_from(&arguments.mirror);
    if let Some(proxy) = &arguments.proxy {
        let known = std::mem::take(&mut options.network.proxy);
        options.network.proxy =
            ProxySettings { https: Some(proxy.clone()), http: Some(proxy.clone()), no_proxy: known.no_proxy };
    }
    if let Some(path) = &arguments.sources {
        let place = path.display().to_string();
        let text = crate::input::read_text(path, WRITTEN_LIMIT)
            .map_err(|text| Failure::input(Problem::new("E-INPUT", &place, text, "name a sources file")))?;
        Additions::parse(&place, &text)?.apply(&place, &mut catalogue, &mut options.network)?;
    }
    if let Some(name) = arguments.accept.iter().find(|name| catalogue.named(name).is_empty()) {
        return Err(no_source(name));
    }
    let entries = wanted(&catalogue, arguments, printer)?;
    printer.say(&format!("fetching {} into {}", words::count(entries.len(), "source", "sources"), cache.root().display()));
    let progress = Fetching::new(printer);
    Ok(fetch::update(cache, &entries, &options, &plimsoll_feeds::measure::check, &progress)?)
}

fn no_source(name: &str) -> Failure {
    Failure::input(Problem::new("E-SOURCE", name, "is no source that is known", "`plimsoll db sources` lists them"))
}

/// The sources to fetch: those named, those of the streams named, or those
/// that this host's own streams need.
fn wanted(catalogue: &Catalogue, arguments: &DbUpdate, printer: &Printer) -> Result<Vec<SourceEntry>, Failure> {
    if !arguments.only.is_empty() {
        let mut out = Vec::new();
        for name in &arguments.only {
            let found = catalogue.named(name);
            if found.is_empty() {
                return Err(no_source(name));
            }
            out.extend(found);
        }
        return Ok(out);
    }
    let streams: Vec<Stream> = if !arguments.streams.is_empty() {
        arguments.streams.iter().map(|name| Stream::from_stored(&name.to_ascii_lowercase())).collect()
    } else if arguments.all {
        Vec::new()
    } else {
        let step = Step::start(printer, "looking at this host's streams");
        let gathered = gather::gather(&Target::default(), false, &step)?;
        let found: BTreeSet<Stream> =
            gathered.components.into_iter().filter_map(|component| component.stream).collect();
        let names: Vec<&str> = found.iter().map(Stream::as_str).collect();
        printer.say(&format!("this host's streams: {}", if names.is_empty() { "none known".to_owned() } else { names.join(", ") }));
        found.into_iter().collect()
    };
    let entries = catalogue.needed_for(&streams, arguments.all);
    if entries.is_empty() {
        return Err(Failure::input(Problem::new(
            "E-SOURCE",
            "db update",
            "no source speaks of these streams",
            "name streams with `--streams`, or fetch everything with `--all`",
        )));
    }
    Ok(entries)
}

/// Refuses a target that is no file before the work of building.
fn writable(to: &Path) -> Result<(), Failure> {
    crate::input::replaceable(to).map_err(|text| {
        Failure::input(Problem::new("E-INPUT", to.display().to_string(), text, "name the file of a database with `--to`"))
    })
}

/// Says why nothing can be built where the network is to blame and not the
/// folder.
fn blame(problem: Problem, report: &UpdateReport) -> Problem {
    let first = report.sources.iter().find_map(|source| match &source.outcome {
        fetch::Outcome::Failed(problem) => Some(problem),
        _ => None,
    });
    match first {
        Some(first) if problem.code == "E-NO-SOURCES" => Problem::new(
            &first.code,
            &first.place,
            format!("{}; none of {} could be fetched, and nothing was fetched before", first.text, words::count(report.sources.len(), "source", "sources")),
            format!("{}; a database can also be copied from another machine", first.next),
        ),
        _ => problem,
    }
}

/// Says what is not simply good; one network that is away is told once and
/// not for each source.
fn tell_all(report: &UpdateReport, printer: &Printer) {
    let away = |source: &fetch::SourceReport| matches!(&source.outcome, fetch::Outcome::Failed(problem) if problem.code == "E-NETWORK");
    let unreachable: Vec<&fetch::SourceReport> = report.sources.iter().filter(|source| away(source)).collect();
    let fold = unreachable.len() > UNREACHABLE;
    for source in report.sources.iter().filter(|source| !(fold && away(source))) {
        tell(source, printer);
    }
    if fold && let Some(fetch::Outcome::Failed(first)) = unreachable.first().map(|source| &source.outcome) {
        let count = words::count(unreachable.len(), "source", "sources");
        printer.warn(&Problem::new(
            &first.code,
            &first.place,
            format!("{}; {count} could not be reached in all, their last good contents stay in use", first.text),
            first.next.clone(),
        ));
    }
}

/// Says how a source came out where it is not simply good.
fn tell(source: &fetch::SourceReport, printer: &Printer) {
    match &source.outcome {
        fetch::Outcome::Kept(warning) => printer.warn(&Problem::new(
            "W-SOURCE",
            &source.name,
            warning.text.clone(),
            format!("look at what the source says; `--accept {}` takes the new one", source.name),
        )),
        fetch::Outcome::Failed(problem) => printer.warn(problem),
        fetch::Outcome::Updated(_) | fetch::Outcome::Unchanged | fetch::Outcome::NotTried => {}
    }
    for problem in &source.problems {
        printer.warn(problem);
    }
    if source.remaining > 0 {
        printer.say(&format!("{}: {} documents remain; run the update again", source.name, source.remaining));
    }
}

fn build_from(arguments: &DbBuild, printer: &Printer) -> Result<Outcome, Failure> {
    writable(&arguments.to)?;
    let signer = arguments.sign.as_deref().map(read_key).transpose()?;
    let step = Step::start(printer, "building the database");
    let options = build::Options {
        signer: signer.as_ref().map(|key| key as &dyn Signer),
        progress: Some(&|name, done, total| step.now(&format!("building: {done} of {total} files, {name}"))),
        ..build::Options::default()
    };
    let built = build::build(&arguments.from, &options)?;
    plimsoll_feeds::open::replace(&arguments.to, &built.bytes)?;
    drop(step);
    finish(&arguments.to, &built, arguments.format, None, printer)?;
    Ok(Outcome::Clean)
}

/// Opens what was written and says what it holds.
fn finish(
    to: &Path,
    built: &Built,
    format: PlainFormat,
    report: Option<&UpdateReport>,
    printer: &Printer,
) -> Result<(), Failure> {
    const SHOWN: usize = 8;
    for problem in built.problems.iter().take(SHOWN) {
        printer.warn(problem);
    }
    if built.problems.len() > SHOWN {
        printer.say(&format!("… and {} more records that could not be read", built.problems.len() - SHOWN));
    }
    let database = plimsoll_feeds::open::open(to, None)?;
    match format {
        PlainFormat::Json => {
            let fetched = report.map(|report| {
                json!({ "wire_bytes": report.wire_bytes(), "complete": report.complete(), "sources": report.sources.len() })
            });
            let mut value = described(&database, to)?;
            value["problems"] = json!(built.problems);
            value["passed_over"] = json!(built.passed_over);
            value["fetched"] = json!(fetched);
            super::json(printer, &value)
        }
        PlainFormat::Text => {
            let records: u64 = database.sources().iter().map(|source| source.records).sum();
            printer.data(&format!(
                "{}: {} and {} from {} of {}, {:.1} MiB\n",
                to.display(),
                words::count(database.advisory_count() as usize, "advisory", "advisories"),
                words::count(database.threat_count() as usize, "CVE", "CVEs"),
                words::count(records as usize, "record", "records"),
                words::count(database.sources().len(), "source", "sources"),
                built.bytes.len() as f64 / f64::from(1 << 20)
            ))
        }
    }
}

fn open(arguments: &DbInfo) -> Result<(Database<Mapped>, PathBuf), Failure> {
    let trusted = arguments.db_key.as_deref().map(basis::trusted_key).transpose()?;
    let path = arguments.db.clone().unwrap_or_else(places::database);
    Ok((basis::open_file(&path, trusted.as_ref())?, path))
}

fn described(database: &Database<Mapped>, path: &Path) -> Result<serde_json::Value, Failure> {
    let mut streams = Vec::new();
    for stream in database.streams() {
        let rules = database.rule_count(&stream)?;
        streams.push(json!({ "stream": stream, "rules": rules }));
    }
    Ok(json!({
        "schema": "plimsoll-database/1",
        "path": path.display().to_string(),
        "built": database.built(),
        "digest": database.digest(),
        "signed_by": database.signed_by(),
        "advisories": database.advisory_count(),
        "cves": database.threat_count(),
        "streams": streams,
        "sources": database.sources(),
    }))
}

fn info(arguments: &DbInfo, printer: &Printer) -> Result<Outcome, Failure> {
    let (database, path) = open(arguments)?;
    if arguments.format == PlainFormat::Json {
        super::json(printer, &described(&database, &path)?)?;
        return Ok(Outcome::Clean);
    }
    let mut text = format!(
        "{}\n  newest input  {}\n  digest        {}\n  signed by     {}\n  advisories    {}\n  CVEs          {}\n",
        path.display(),
        database.built().map_or_else(|| "unknown".to_owned(), words::instant),
        database.digest(),
        database.signed_by().unwrap_or_else(|| "nobody".to_owned()),
        words::thousands(database.advisory_count() as usize),
        words::thousands(database.threat_count() as usize),
    );
    text.push_str("\nStreams\n");
    for stream in database.streams() {
        text.push_str(&format!("  {:<24} {:>9} rules\n", stream.as_str(), words::thousands(database.rule_count(&stream)? as usize)));
    }
    text.push_str("\nSources\n");
    for source in database.sources() {
        let newest = source.newest.map_or_else(|| "no date".to_owned(), words::day);
        let fetched = source.fetched.map_or(String::new(), |at| format!(", fetched {}", words::instant(at)));
        text.push_str(&format!(
            "  {:<28} {:>9} records, newest {newest}{fetched}\n",
            printable(&source.name),
            words::thousands(source.records as usize)
        ));
        for warning in &source.warnings {
            text.push_str(&format!("    ! {}\n", printable(&warning.text)));
        }
    }
    printer.data(&text)?;
    Ok(Outcome::Clean)
}

fn verify(arguments: &DbInfo, printer: &Printer) -> Result<Outcome, Failure> {
    let (database, path) = open(arguments)?;
    let step = Step::start(printer, "verifying");
    let verified = database.verify()?;
    drop(step);
    match arguments.format {
        PlainFormat::Json => super::json(
            printer,
            &json!({
                "schema": "plimsoll-database-verified/1",
                "path": path.display().to_string(),
                "digest": database.digest(),
                "signed_by": verified.signed_by,
                "blocks": verified.blocks,
                "bytes": verified.bytes,
                "advisories": verified.advisories,
                "rules": verified.rules,
            }),
        )?,
        PlainFormat::Text => printer.data(&format!(
            "{}: {} blocks, {} advisories and {} rules are as they were built; {}\n",
            path.display(),
            words::thousands(verified.blocks as usize),
            words::thousands(verified.advisories as usize),
            words::thousands(verified.rules as usize),
            verified.signed_by.map_or_else(
                || "unsigned: this finds damage, not malice".to_owned(),
                |key| format!("signed by {key}")
            )
        ))?,
    }
    Ok(Outcome::Clean)
}

/// Makes a key pair; the private half never leaves its file.
fn make_key(file: &Path, printer: &Printer) -> Result<Outcome, Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let place = file.display().to_string();
    let failed = |error: std::io::Error| {
        Failure::unfinished(Problem::new(
            "E-WRITE",
            &place,
            format!("the key cannot be written: {error}"),
            "name a file that does not exist yet; a key is never overwritten",
        ))
    };
    let seed = super::root::random()?;
    let key = SigningKey::from_bytes(&seed);
    let mut out =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    let written = out.write_all(format!("plimsoll-database-key-1 {}\n", encode_hex(&seed)).as_bytes()).and_then(|()| out.sync_all());
    written.map_err(|error| {
        // Half a key would stand in the way of a whole one.
        let _ = std::fs::remove_file(file);
        failed(error)
    })?;
    printer.data(&format!("{}\n", encode_hex(key.verifying_key().as_bytes())))?;
    printer.say(&format!("the private key is in {place}; give the printed public key to `--db-key`"));
    Ok(Outcome::Clean)
}

fn read_key(file: &Path) -> Result<SigningKey, Failure> {
    let bad = |text: &str| {
        Failure::input(Problem::new(
            "E-KEY",
            file.display().to_string(),
            text.to_owned(),
            "name a file that `plimsoll db key` made",
        ))
    };
    let text = crate::input::read_text(file, WRITTEN_LIMIT).map_err(|text| bad(&text))?;
    let hex = text.trim().strip_prefix("plimsoll-database-key-1 ").ok_or_else(|| bad("is not a database key"))?;
    Ok(SigningKey::from_bytes(&basis::key(hex)?))
}

fn sources(format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let catalogue = Catalogue::built_in(today)?;
    match format {
        PlainFormat::Json => {
            let list: Vec<_> = catalogue
                .entries()
                .iter()
                .map(|entry| {
                    json!({
                        "name": entry.name, "url": entry.url, "path": entry.path, "streams": entry.streams,
                        "licence": entry.licence, "notes": entry.notes,
                    })
                })
                .collect();
            super::json(printer, &list)?;
        }
        PlainFormat::Text => {
            let mut text = String::new();
            for entry in catalogue.entries() {
                text.push_str(&format!("{:<26} {}\n", entry.name, entry.url));
            }
            printer.data(&text)?;
        }
    }
    Ok(Outcome::Clean)
}
