//! `plimsoll notices`: what people were told, who saw and who acknowledged it.

use super::{Remote, Rows, all, client, flag, get, given, post, segment, shown};
use crate::answer::sheet::Kind::{Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/notices";

/// Commands on notices to people.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List what people were told as the policy says, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Only those about the rollout of this package, by its digest
        #[arg(long)]
        rollout: Option<String>,
        /// Only those that went to yourself
        #[arg(long)]
        mine: bool,
    },
    /// Show one: who was told, and who of them saw and acknowledged it, as JSON
    Show(One),
    /// Acknowledge one that went to yourself; one that another corrects counts no more
    Acknowledge(One),
}

/// Which notice.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the notice
    pub notice: String,
}

impl One {
    fn path(&self, act: &str) -> String {
        format!("{PATH}/{}{act}", segment(&self.notice))
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, rollout, mine } => {
            let query = given([("rollout", rollout.clone()), ("mine", flag(*mine))]);
            let mut found = all(&client(remote)?, PATH, &query, rows.limit)?;
            found.iter_mut().for_each(summed);
            let columns = [
                ("notice", "/id", Text),
                ("told", "/told", Time),
                ("moment", "/moment", Text),
                ("what", "/text", Text),
                ("delivered", "/summary/delivered", Text),
                ("seen", "/summary/seen", Text),
                ("acknowledged", "/summary/acknowledged", Text),
                ("acknowledge by", "/acknowledge_by", Time),
                ("corrected by", "/corrected_by", Text),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Show(one) => get(&one.remote, &one.path(""), printer),
        Command::Acknowledge(one) => post(&one.remote, &one.path("/acknowledge"), &json!({}), printer),
    }
}

/// How many of the people it was delivered to, who saw and who acknowledged it,
/// `1 of 3`.
fn summed(notice: &mut Value) {
    let people = notice["people"].as_array().cloned().unwrap_or_default();
    let of = |key: &str| format!("{} of {}", people.iter().filter(|one| !one[key].is_null()).count(), people.len());
    notice["summary"] = json!({ "delivered": of("delivered"), "seen": of("seen"), "acknowledged": of("acknowledged") });
}
