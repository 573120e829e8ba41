//! Asking a **server**: one room a noun, each thin over the API.

pub mod activity;
pub mod advisories;
pub mod alerts;
pub mod applications;
pub mod briefings;
pub mod clients;
pub mod exceptions;
pub mod findings;
pub mod groups;
pub mod hosts;
pub mod meetings;
pub mod accreditations;
pub mod mitigations;
pub mod notices;
pub mod package;
pub mod packages;
pub mod people;
pub mod questions;
pub mod report;
pub mod rollout;
pub mod scanners;
pub mod sources;
pub mod tokens;
pub mod triage;
pub mod webhooks;
pub mod work;

use crate::answer::sheet::{self, Column};
use crate::arguments::{Remote, Rows};
use crate::client::Client;
use crate::printer::{Failure, Outcome, Printer};
use serde_json::{Map, Value};
use std::path::Path;

/// Rows asked for at a time.
const PAGE: usize = 1000;

type Query = Vec<(&'static str, String)>;

fn client(remote: &Remote) -> Result<Client, Failure> {
    Client::new(remote)
}

/// One segment of a path, in the one spelling that the server takes.
fn segment(name: &str) -> String {
    plimsoll_server::console::query::segment(name)
}

/// The parts of a query that were given.
fn given<const N: usize>(parts: [(&'static str, Option<String>); N]) -> Query {
    parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn flag(on: bool) -> Option<String> {
    on.then(|| "true".to_owned())
}

/// The members that were given, as a body: what is left out stays.
fn body<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

fn text(value: &Option<String>) -> Option<Value> {
    value.clone().map(Value::from)
}

/// Several of one option; none of it leaves what there is.
fn several(values: &[String]) -> Option<Value> {
    (!values.is_empty()).then(|| Value::from(values.to_vec()))
}

/// Asks page by page, so that no list is cut without a word; `next` names the
/// page after the rows that are there.
fn pages(
    client: &Client,
    path: &str,
    query: &Query,
    limit: Option<usize>,
    next: impl Fn(&[Value]) -> Option<Query>,
) -> Result<Vec<Value>, Failure> {
    let mut rows: Vec<Value> = Vec::new();
    loop {
        let wanted = limit.map_or(PAGE, |limit| limit.saturating_sub(rows.len()).min(PAGE));
        let Some(more) = next(&rows).filter(|_| wanted > 0) else { return Ok(rows) };
        let mut query = query.clone();
        query.extend(more);
        query.push(("take", wanted.to_string()));
        let page = match client.get::<Value>(path, &query)? {
            Value::Array(page) => page,
            mut page => match page["rows"].take() {
                Value::Array(page) => page,
                _ => Vec::new(),
            },
        };
        let done = page.len() < wanted;
        rows.extend(page);
        if done {
            return Ok(rows);
        }
    }
}

/// As [`pages`] where rows are counted from the front.
fn all(client: &Client, path: &str, query: &Query, limit: Option<usize>) -> Result<Vec<Value>, Failure> {
    pages(client, path, query, limit, |rows| Some(vec![("skip", rows.len().to_string())]))
}

/// A list that the server gives whole.
fn whole(client: &Client, path: &str, limit: Option<usize>) -> Result<Vec<Value>, Failure> {
    let mut rows: Vec<Value> = client.get(path, &[])?;
    rows.truncate(limit.unwrap_or(usize::MAX));
    Ok(rows)
}

fn shown(printer: &Printer, rows: &Rows, found: &[Value], columns: &[Column]) -> Result<Outcome, Failure> {
    sheet::show(printer, rows.format, found, columns)?;
    Ok(Outcome::Clean)
}

/// Shows an answer as JSON; says `done` where there is none.
fn told(printer: &Printer, answer: &Value, done: &str) -> Result<Outcome, Failure> {
    if answer.is_null() {
        printer.say(done);
    } else {
        crate::commands::json(printer, answer)?;
    }
    Ok(Outcome::Clean)
}

fn get(remote: &Remote, path: &str, printer: &Printer) -> Result<Outcome, Failure> {
    told(printer, &client(remote)?.get(path, &[])?, "")
}

fn post(remote: &Remote, path: &str, body: &Value, printer: &Printer) -> Result<Outcome, Failure> {
    told(printer, &client(remote)?.change("POST", path, &[], body)?, "done")
}

fn patch(remote: &Remote, path: &str, body: &Value, printer: &Printer) -> Result<Outcome, Failure> {
    told(printer, &client(remote)?.change("PATCH", path, &[], body)?, "done")
}

fn remove(remote: &Remote, path: &str, reason: &Option<String>, printer: &Printer) -> Result<Outcome, Failure> {
    let query = given([("reason", reason.clone())]);
    told(printer, &client(remote)?.change("DELETE", path, &query, &Value::Null)?, "removed")
}

/// Reads a file that is sent on.
fn file(path: &Path, limit: usize, next: &str) -> Result<Vec<u8>, Failure> {
    crate::input::read(path, limit as u64).map_err(|text| {
        Failure::input(plimsoll_core::model::problem::Problem::new("E-READ", path.display().to_string(), text, next))
    })
}
