//! `plimsoll webhooks`: where a server's events go.

use super::{Remote, Rows, body, client, pages, patch, post, remove, segment, several, shown, text, whole};
use crate::answer::sheet::Kind::{Count, List, Mark, Seen, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand, ValueEnum};
use plimsoll_store::webhooks::Channel;
use serde_json::Value;

const PATH: &str = "/api/v1/webhooks";

/// Commands on webhooks and mail.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List webhooks and mail
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Make one; its signing secret is shown once
    Create {
        #[command(flatten)]
        remote: Remote,
        /// Name
        name: String,
        /// Address, or mail addresses with commas between them
        address: String,
        /// Send mail
        #[arg(long, conflicts_with = "chat")]
        mail: bool,
        /// The address is the incoming webhook of a chat
        #[arg(long, value_enum)]
        chat: Option<Chat>,
        /// Kind of event; may be given several times, all without
        #[arg(long)]
        event: Vec<String>,
        /// Client whose events it gets; all without
        #[arg(long)]
        client: Option<String>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Change one; what is left out stays
    Change {
        #[command(flatten)]
        one: One,
        /// Name
        #[arg(long)]
        name: Option<String>,
        /// Address, or mail addresses with commas between them
        #[arg(long)]
        address: Option<String>,
        /// Kind of event; all of them, may be given several times
        #[arg(long)]
        event: Vec<String>,
        /// Whether events are sent
        #[arg(long, value_name = "true|false")]
        enabled: Option<bool>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Send a test event
    Test(One),
    /// List deliveries, newest first
    Deliveries {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: Rows,
    },
    /// Send a delivery again that ended
    SendAgain {
        #[command(flatten)]
        remote: Remote,
        /// Id of the delivery
        delivery: String,
    },
    /// Remove one; what waits for it is given up
    Remove {
        #[command(flatten)]
        one: One,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Chats with an incoming webhook.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Chat {
    /// Slack
    Slack,
    /// Microsoft Teams, by a workflow
    Teams,
    /// Matrix, by hookshot's generic webhook
    Matrix,
}

impl Chat {
    fn channel(self) -> Channel {
        match self {
            Self::Slack => Channel::Slack,
            Self::Teams => Channel::Teams,
            Self::Matrix => Channel::Matrix,
        }
    }
}

/// Which webhook.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the webhook
    pub webhook: String,
}

impl One {
    fn path(&self) -> String {
        format!("{PATH}/{}", segment(&self.webhook))
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [("webhook", "/id", Text), ("name", "/name", Text), ("way", "/channel", Text), ("address", "/address", Text), ("events", "/events", List), ("on", "/enabled", Mark), ("waiting", "/waiting", Count), ("last arrived", "/last_arrived", Seen)];
            shown(printer, rows, &found, &columns)
        }
        Command::Create { remote, name, address, mail, chat, event, client, reason } => {
            let wish = body([
                ("name", Some(name.as_str().into())),
                ("address", Some(address.as_str().into())),
                ("channel", chat.map(|chat| chat.channel().word().into()).or(mail.then(|| Channel::Mail.word().into()))),
                ("events", several(event)),
                ("client", text(client)),
                ("reason", text(reason)),
            ]);
            post(remote, PATH, &wish, printer)
        }
        Command::Change { one, name, address, event, enabled, reason } => {
            let wish = body([("name", text(name)), ("address", text(address)), ("events", several(event)), ("enabled", enabled.map(Value::from)), ("reason", text(reason))]);
            patch(&one.remote, &one.path(), &wish, printer)
        }
        Command::Test(one) => post(&one.remote, &format!("{}/test", one.path()), &body([]), printer),
        Command::Deliveries { one, rows } => {
            let next = |found: &[Value]| Some(found.last().and_then(|last| last["id"].as_str()).map(|id| ("before", id.to_owned())).into_iter().collect());
            let found = pages(&client(&one.remote)?, &format!("{}/deliveries", one.path()), &Vec::new(), rows.limit, next)?;
            let columns = [("delivery", "/id", Text), ("event", "/event", Text), ("state", "/state", Text), ("tries", "/attempts", Count), ("made", "/created", Time), ("answer", "/answer", Text)];
            shown(printer, rows, &found, &columns)
        }
        Command::SendAgain { remote, delivery } => post(remote, &format!("/api/v1/deliveries/{}/send-again", segment(delivery)), &body([]), printer),
        Command::Remove { one, reason } => remove(&one.remote, &one.path(), reason, printer),
    }
}
