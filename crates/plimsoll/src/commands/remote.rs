//! `plimsoll hosts | findings | advisories`: what a server knows, as it shows
//! it to whoever holds the token.

use crate::answer::words;
use crate::arguments::{AdvisoriesCommand, FindingsCommand, HostsCommand, HostsList, PlainFormat, Remote, Rows};
use crate::client::Client;
use crate::printer::{Failure, Outcome, Printer};
use comfy_table::{Table, presets};
use plimsoll_server::fleet::question::{AdvisoryRow, FindingRow, HostRow, Page};
use serde_json::{Value, json};

/// Rows asked for at a time.
const PAGE: usize = 1000;

fn client(remote: &Remote) -> Result<Client, Failure> {
    Client::new(remote)
}

/// Asks page by page, so that no list is cut without a word.
fn all<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
    query: &[(&str, String)],
    limit: Option<usize>,
) -> Result<Vec<T>, Failure> {
    let mut rows: Vec<T> = Vec::new();
    loop {
        let wanted = limit.map_or(PAGE, |limit| limit.saturating_sub(rows.len()).min(PAGE));
        if wanted == 0 {
            return Ok(rows);
        }
        let mut query = query.to_vec();
        query.push(("skip", rows.len().to_string()));
        query.push(("take", wanted.to_string()));
        let page: Page<T> = client.get(path, &query)?;
        let done = page.rows.len() < wanted;
        rows.extend(page.rows);
        if done || rows.len() >= page.total {
            return Ok(rows);
        }
    }
}

fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(heads);
    table
}

fn number(count: Option<u32>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

/// Hosts.
pub fn hosts(command: &HostsCommand, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        HostsCommand::List(arguments) => list_hosts(arguments, printer),
        HostsCommand::Show { remote, host } => {
            let answer: Value = client(remote)?.get(&format!("/api/v1/hosts/{host}"), &[])?;
            super::json(printer, &answer)?;
            Ok(Outcome::Clean)
        }
        HostsCommand::Accept { remote, host } => act(remote, host, "accept", printer),
        HostsCommand::Retire { remote, host } => act(remote, host, "retire", printer),
    }
}

fn act(remote: &Remote, host: &str, verb: &str, printer: &Printer) -> Result<Outcome, Failure> {
    let answer: Value = client(remote)?.post(&format!("/api/v1/hosts/{host}/{verb}"), &json!({}))?;
    super::json(printer, &answer)?;
    Ok(Outcome::Clean)
}

fn list_hosts(arguments: &HostsList, printer: &Printer) -> Result<Outcome, Failure> {
    let mut query = Vec::new();
    if let Some(name) = &arguments.name {
        query.push(("name", name.clone()));
    }
    if let Some(state) = &arguments.state {
        query.push(("state", state.clone()));
    }
    if arguments.overdue {
        query.push(("overdue", "true".to_owned()));
    }
    if let Some(order) = &arguments.order {
        query.push(("order", order.clone()));
    }
    let rows: Vec<HostRow> = all(&client(&arguments.remote)?, "/api/v1/hosts", &query, arguments.rows.limit)?;
    let overdue = rows.iter().any(|row| row.overdue > 0);
    if arguments.rows.format == PlainFormat::Json {
        super::json(printer, &rows)?;
    } else {
        let mut table = table(&["host", "state", "last seen", "updates", "security", "findings", "overdue", "next due"]);
        for row in &rows {
            table.add_row([
                row.name.clone(),
                row.state.word().to_owned(),
                row.last_seen.map_or_else(|| "never".to_owned(), words::instant),
                number(row.updates),
                number(row.security_updates),
                number(row.findings),
                row.overdue.to_string(),
                row.next_due.map_or_else(String::new, words::instant),
            ]);
        }
        printer.data(&format!("{table}\n"))?;
    }
    Ok(if overdue { Outcome::No } else { Outcome::Clean })
}

fn filters(rows: &Rows, which: &[(&'static str, Option<String>)]) -> (Option<usize>, Vec<(&'static str, String)>) {
    let query = which.iter().filter_map(|(name, value)| Some((*name, value.clone()?))).collect();
    (rows.limit, query)
}

/// Findings.
pub fn findings(command: &FindingsCommand, printer: &Printer) -> Result<Outcome, Failure> {
    let FindingsCommand::List { remote, rows, severity, overdue, text } = command;
    let which = [("severity", severity.clone()), ("overdue", overdue.then(|| "true".to_owned())), ("text", text.clone())];
    let (limit, query) = filters(rows, &which);
    let found: Vec<FindingRow> = all(&client(remote)?, "/api/v1/findings", &query, limit)?;
    let late = found.iter().any(|row| row.overdue);
    if rows.format == PlainFormat::Json {
        super::json(printer, &found)?;
    } else {
        let mut table = table(&["due", "severity", "advisory", "package", "installed", "fixed in", "host"]);
        for row in &found {
            let due = row.due.map_or_else(String::new, words::instant);
            table.add_row([
                if row.overdue { format!("OVERDUE {due}") } else { due },
                row.severity.as_str().to_owned(),
                row.advisory.clone(),
                row.component.clone(),
                row.version.clone(),
                row.fixed_version.clone().unwrap_or_default(),
                row.host_name.clone(),
            ]);
        }
        printer.data(&format!("{table}\n"))?;
    }
    Ok(if late { Outcome::No } else { Outcome::Clean })
}

/// Advisories.
pub fn advisories(command: &AdvisoriesCommand, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        AdvisoriesCommand::List { remote, rows, severity, text } => {
            let (limit, query) = filters(rows, &[("severity", severity.clone()), ("text", text.clone())]);
            let found: Vec<AdvisoryRow> = all(&client(remote)?, "/api/v1/advisories", &query, limit)?;
            if rows.format == PlainFormat::Json {
                super::json(printer, &found)?;
                return Ok(Outcome::Clean);
            }
            let mut table = table(&["advisory", "severity", "exploited", "hosts", "overdue", "fix on offer", "due"]);
            for row in &found {
                table.add_row([
                    row.advisory.clone(),
                    row.severity.as_str().to_owned(),
                    if row.exploited { "yes" } else { "" }.to_owned(),
                    row.hosts.to_string(),
                    row.overdue.to_string(),
                    row.fix_available.to_string(),
                    row.due.map_or_else(String::new, words::instant),
                ]);
            }
            printer.data(&format!("{table}\n"))?;
        }
        AdvisoriesCommand::Show { remote, advisory } => {
            let answer: Value = client(remote)?.get(&format!("/api/v1/advisories/{advisory}"), &[])?;
            super::json(printer, &answer)?;
        }
    }
    Ok(Outcome::Clean)
}
