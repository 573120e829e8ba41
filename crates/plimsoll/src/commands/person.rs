//! `plimsoll person`: people, from the server's own machine. Whoever may read
//! the server's data may let somebody in; there is no other way to the first
//! administrator, and none back for one who lost every proof.

use super::evidence::open;
use super::runtime;
use crate::arguments::{Kept, PersonCommand, PlainFormat};
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_server::setup::{Door, Invitation};
use serde_json::json;

/// Runs a person command.
pub fn run(command: PersonCommand, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        PersonCommand::Invite { kept, name, email, role, public_url, format } => {
            let roles: Vec<_> = role.into_iter().map(|role| role.0).collect();
            let invitation = with_door(&kept, &public_url, async |door| door.invite(&name, email, &roles).await)?;
            show(&invitation, format, printer)
        }
        PersonCommand::Reset { kept, name, public_url, format } => {
            let invitation = with_door(&kept, &public_url, async |door| door.reset(&name).await)?;
            show(&invitation, format, printer)
        }
    }
}

fn with_door(
    kept: &Kept,
    url: &str,
    act: impl AsyncFnOnce(Door) -> Result<Invitation, plimsoll_core::model::problem::Problem>,
) -> Result<Invitation, Failure> {
    runtime()?.block_on(async {
        let store = open(kept).await?;
        let done = match Door::open(&store, url) {
            Ok(door) => act(door).await,
            Err(problem) => Err(problem),
        };
        store.close().await;
        done.map_err(Failure::input)
    })
}

fn show(invitation: &Invitation, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let Invitation { account, link, expires, is_new } = invitation;
    if format == PlainFormat::Json {
        super::json(printer, &json!({ "account": account, "sign_in": link, "expires": expires, "new": is_new }))?;
        return Ok(Outcome::Clean);
    }
    printer.data(&format!("{link}\n"))?;
    printer.say(&format!("The link signs {account} in once, until {expires}. Hand it over by a way that nobody else reads."));
    Ok(Outcome::Clean)
}
