//! `plimsoll policy init`: a few answers, and a first draft is written.

use super::lint;
use crate::arguments::{Clients, PolicyDraft};
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::policy::governance::ClientModel;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::policy::draft::{Wish, draft};
use plimsoll_formats::policy::{self, PRESETS};
use std::io::{IsTerminal, Write};
use std::path::Path;

/// Writes a draft; what no flag answers is asked where somebody can answer.
pub fn run(arguments: &PolicyDraft, printer: &Printer) -> Result<Outcome, Failure> {
    let to_stdout = arguments.output.as_os_str() == "-";
    let place = arguments.output.display().to_string();
    if !to_stdout && !arguments.force && std::fs::symlink_metadata(&arguments.output).is_ok() {
        return Err(Failure::input(Problem::new("E-EXISTS", &place, "is there already", "name another file, or give --force to replace it")));
    }
    let asks = !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let wish = wish(arguments, asks)?;
    let text = draft(&wish).map_err(|problems| {
        let first = problems.into_iter().next();
        Failure::input(first.unwrap_or_else(|| Problem::new("E-POLICY", &place, "cannot be made of these answers", "give other answers")))
    })?;
    if to_stdout {
        printer.data(&text)?;
        return Ok(Outcome::Clean);
    }
    write(&arguments.output, text.as_bytes(), arguments.force)?;
    if let Ok(set) = policy::load(&place, &text, &|_| None) {
        let found = policy::lint(&set);
        if !found.clean() {
            printer.say(&lint::told(&found, &[]));
        }
    }
    printer.say(&format!("{place} is written; next: `plimsoll policy lint {place}`, `plimsoll policy table {place}`"));
    Ok(Outcome::Clean)
}

fn wish(arguments: &PolicyDraft, asks: bool) -> Result<Wish, Failure> {
    let stem = arguments.output.file_stem().and_then(|stem| stem.to_str()).unwrap_or("policy");
    let plain: String = stem.chars().map(|sign| if sign.is_ascii_alphanumeric() || ".-_".contains(sign) { sign } else { '-' }).take(64).collect();
    let id = if plain.is_empty() || plain == "-" { "policy".to_owned() } else { plain };
    let ask = |given: Option<String>, question: &str, default: &str| match given {
        Some(given) => Ok(given),
        None if asks => answer(question, default),
        None => Ok(default.to_owned()),
    };
    let presets = presets(arguments, asks)?;
    let owner = ask(arguments.owner.clone(), "Who answers for the policy (name or address)", "owner")?;
    let approvers = match arguments.approver.as_slice() {
        [] if asks => answer("Who signs it and approves changes, separated by commas", &owner)?.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
        given => given.to_vec(),
    };
    let timezone = ask(arguments.timezone.clone(), "Time zone of its calendar (Europe/Oslo, UTC)", "UTC")?;
    let days = ask(arguments.window_days.clone(), "Days of the maintenance window (any for no window)", "MO,TU,WE,TH")?;
    let start = if asks && arguments.window_days.is_none() && days != "any" { answer("When it opens", &arguments.window_start)? } else { arguments.window_start.clone() };
    let client = match arguments.clients {
        Some(clients) => model(clients),
        None if asks => loop {
            match answer("Clients: internal (none), asp (a hosted service), managed-infrastructure", "internal")?.as_str() {
                "internal" => break ClientModel::Internal,
                "asp" => break ClientModel::Asp,
                "managed-infrastructure" => break ClientModel::ManagedInfrastructure,
                _ => continue,
            }
        },
        None => ClientModel::Internal,
    };
    let clause = match &arguments.clause {
        None if asks && client != ClientModel::Internal => Some(answer("Clause of the contract that allows it", "")?).filter(|clause| !clause.is_empty()),
        given => given.clone(),
    };
    Ok(Wish {
        title: arguments.title.clone().unwrap_or_else(|| "Patch policy".to_owned()),
        id: arguments.id.clone().unwrap_or(id),
        presets,
        owner,
        approvers,
        timezone,
        effective: arguments.effective.unwrap_or_else(|| jiff::Zoned::now().date()),
        window_days: (days != "any").then_some(days),
        window_start: start,
        window_duration: arguments.window_duration.clone(),
        client,
        clause,
    })
}

fn model(clients: Clients) -> ClientModel {
    match clients {
        Clients::Internal => ClientModel::Internal,
        Clients::Asp => ClientModel::Asp,
        Clients::ManagedInfrastructure => ClientModel::ManagedInfrastructure,
    }
}

fn presets(arguments: &PolicyDraft, asks: bool) -> Result<Vec<String>, Failure> {
    let mut chosen = arguments.preset.clone();
    if chosen.is_empty() && asks {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let told = answer(&format!("Presets, separated by commas ({})", names.join(", ")), "samm")?;
        chosen = told.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    }
    chosen.dedup();
    if chosen.is_empty() {
        return Err(Failure::input(Problem::new("E-USAGE", "--preset", "names no preset", "`plimsoll policy presets` lists them: `--preset samm`")));
    }
    Ok(chosen)
}

/// Asks on the terminal; an empty line takes the default.
fn answer(question: &str, default: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::unfinished(Problem::new("E-READ", "the terminal", error.to_string(), "give the answers as flags"));
    let mut err = std::io::stderr().lock();
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    write!(err, "{question}{shown}: ").and_then(|()| err.flush()).map_err(failed)?;
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).map_err(failed)? == 0 {
        return Err(Failure::input(Problem::new("E-USAGE", "the terminal", "ended before all was answered", "give the answers as flags")));
    }
    let line = line.trim();
    Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
}

/// Writes beside the place and moves it there, so that no half file is seen
/// and none is replaced that nobody meant to.
pub(super) fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let place = path.display().to_string();
    let failed = |error: std::io::Error| Failure::unfinished(Problem::new("E-WRITE", &place, error.to_string(), "check the folder's owner and mode"));
    crate::input::replaceable(path).map_err(|wrong| Failure::input(Problem::new("E-EXISTS", &place, wrong, "name a file")))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644)).tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map(|_| ()).map_err(|error| failed(error.error))
}
