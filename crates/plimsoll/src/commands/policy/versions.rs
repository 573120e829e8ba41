//! `plimsoll policy versions|version|propose|comment|withdraw|apply`: the life
//! of a server's policy. Signing off is done in the console, with a fresh proof
//! of who one is.

use super::difference;
use crate::arguments::{PlainFormat, Remote};
use crate::client::Client;
use crate::commands::basis;
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::policy::{load, preset};
use plimsoll_formats::protocol::digest;
use plimsoll_server::policy::PolicyFile;
use plimsoll_server::policy::versions::VersionAnswer;
use serde::Serialize;
use serde_json::json;
use std::path::Path;

const VERSIONS: &str = "/api/v1/policy/versions";

/// Lists versions.
pub fn list(remote: &Remote, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let versions: Vec<VersionAnswer> = Client::new(remote)?.get(VERSIONS, &[])?;
    match format {
        PlainFormat::Json => super::super::json(printer, &versions)?,
        PlainFormat::Text if versions.is_empty() => printer.data("nobody has proposed a policy or put one in force on this server\n")?,
        PlainFormat::Text => printer.data(&versions.iter().map(line).collect::<String>())?,
    }
    Ok(Outcome::Clean)
}

fn line(version: &VersionAnswer) -> String {
    let VersionAnswer { number, state, title, proposed, author, approvals, needed, effective, longer, .. } = version;
    let mut line = format!("{number:>4}  {state:<10} {}, proposed {}", printable(title), proposed.strftime("%Y-%m-%d"));
    if !author.is_empty() {
        line.push_str(&format!(" by {}", printable(author)));
    }
    if ["proposed", "outlined", "approved"].contains(&state.as_str()) {
        line.push_str(&format!("; {approvals} of {needed} sign-offs"));
        if *longer > 0 {
            line.push_str(&format!("; {longer} combinations come due later"));
        }
    }
    if let Some(day) = effective {
        line.push_str(&format!("; from {}", day.strftime("%Y-%m-%d %H:%M UTC")));
    }
    line + "\n"
}

/// Shows one version with what was said of it.
pub fn one(number: u64, remote: &Remote, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let version: VersionAnswer = Client::new(remote)?.get(&format!("{VERSIONS}/{number}"), &[])?;
    shown(&version, format, printer)
}

fn shown(version: &VersionAnswer, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    match format {
        PlainFormat::Json => super::super::json(printer, version)?,
        PlainFormat::Text => {
            let mut text = line(version);
            text.push_str(&format!("      because: {}\n      SHA-256 {}\n", printable(&version.reason), version.digest));
            for word in &version.said {
                let by = if word.by.is_empty() { "somebody" } else { word.by.as_str() };
                let words = if word.text.is_empty() { String::new() } else { format!(": {}", printable(&word.text)) };
                text.push_str(&format!("      {} {} by {}{words}\n", word.at.strftime("%Y-%m-%d %H:%M"), word.kind, printable(by)));
            }
            if let Some(file) = &version.text {
                text.push_str(&format!("\n{file}"));
            }
            printer.data(&text)?;
        }
    }
    Ok(Outcome::Clean)
}

/// Proposes a policy.
pub fn propose(file: &Path, reason: &str, remote: &Remote, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let wish = json!({ "text": basis::read_policy(file)?, "reason": reason });
    let version: VersionAnswer = super::read(Client::new(remote)?.change("POST", VERSIONS, &[], &wish)?)?;
    shown(&VersionAnswer { text: None, ..version }, format, printer)
}

/// Says something of a version, or takes it back.
pub fn say(number: u64, what: &str, text: &str, remote: &Remote, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let path = format!("{VERSIONS}/{number}/{what}");
    let version: VersionAnswer = super::read(Client::new(remote)?.change("POST", &path, &[], &json!({ "text": text }))?)?;
    shown(&version, format, printer)
}

/// How a server's policy stands to a file.
#[derive(Serialize)]
struct Applied {
    schema: &'static str,
    /// `in-force`, `waiting`, `proposed`, `set` or `differs`.
    state: &'static str,
    /// SHA-256 of the file.
    digest: String,
    /// SHA-256 of the policy in force before.
    in_force: String,
    /// Combinations that come due later under the file's.
    longer: usize,
    /// Combinations whose due date changes.
    changed: usize,
    /// The version that proposes the file's text.
    version: Option<u64>,
}

/// What is to be applied.
pub struct Wish<'a> {
    pub file: &'a Path,
    pub reason: &'a str,
    pub accept_longer: bool,
    pub check: bool,
    pub remote: &'a Remote,
    pub format: PlainFormat,
}

/// Brings a server's policy to what a file says: nothing where it is in force,
/// put in force where the one in force lets it, else proposed, once. With
/// `check` only the drift is shown, and 1 says that there is some.
pub fn apply(wish: &Wish<'_>, printer: &Printer) -> Result<Outcome, Failure> {
    let text = basis::read_policy(wish.file)?;
    let client = Client::new(wish.remote)?;
    let held: PolicyFile = client.get("/api/v1/policy/file", &[])?;
    let mut applied = Applied { schema: "plimsoll-policy-apply/1", state: "in-force", digest: digest(text.as_bytes()), in_force: held.digest.clone(), longer: 0, changed: 0, version: None };
    if applied.digest == held.digest {
        return told(&applied, None, wish, printer);
    }
    let parsed = |place: &str, text: &str| {
        load(place, text, &|name| preset(name).map(str::to_owned)).map_err(|problems| {
            let first = problems.into_iter().next();
            Failure::input(first.unwrap_or_else(|| Problem::new("E-POLICY", place, "cannot be used", "check it with `plimsoll policy lint`")))
        })
    };
    let (before, after) = (parsed("the policy in force", &held.text)?, parsed(&wish.file.display().to_string(), &text)?);
    let found = plimsoll_core::phases::prioritize::difference(&before, &after);
    (applied.longer, applied.changed) = (found.longer, found.changed);
    let known: Vec<VersionAnswer> = client.get(VERSIONS, &[])?;
    let waiting = known.iter().find(|version| version.digest == applied.digest && ["proposed", "outlined", "approved"].contains(&version.state.as_str()));
    applied.version = waiting.map(|version| version.number);
    applied.state = match waiting {
        Some(_) => "waiting",
        None if wish.check => "differs",
        None if held.sign_offs > 0 => {
            let version: VersionAnswer = super::read(client.change("POST", VERSIONS, &[], &json!({ "text": text, "reason": wish.reason }))?)?;
            applied.version = Some(version.number);
            "proposed"
        }
        None => {
            let asked = json!({ "text": text, "reason": wish.reason, "replaces": held.digest, "accept_longer": wish.accept_longer });
            let _: PolicyFile = super::read(client.change("PUT", "/api/v1/policy/file", &[], &asked)?)?;
            "set"
        }
    };
    let difference = difference::told(&found, None);
    told(&applied, Some(&difference), wish, printer)
}

fn told(applied: &Applied, difference: Option<&str>, wish: &Wish<'_>, printer: &Printer) -> Result<Outcome, Failure> {
    match wish.format {
        PlainFormat::Json => super::super::json(printer, applied)?,
        PlainFormat::Text => {
            let version = applied.version.unwrap_or_default();
            let state = match applied.state {
                "in-force" => "this policy is in force".to_owned(),
                "waiting" => format!("version {version} proposes this policy and waits to be signed off in the console, or for its day"),
                "proposed" => format!("proposed as version {version}: people with the role approver sign it off in the console"),
                "set" => "in force from now on".to_owned(),
                _ => "the policy in force is another one".to_owned(),
            };
            printer.data(&format!("{}{state}\n", difference.unwrap_or_default()))?;
        }
    }
    let drift = wish.check && applied.state != "in-force";
    Ok(if drift { Outcome::No } else { Outcome::Clean })
}
