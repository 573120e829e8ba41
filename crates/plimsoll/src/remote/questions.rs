//! `plimsoll questions`: what clients are asked about changes of their hosts.

use super::{Remote, Rows, all, body, client, get, given, post, segment, shown, text};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};

const PATH: &str = "/api/v1/questions";

/// Commands on questions to clients.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List questions, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Only those that stand so: told, open, approved, refused, objected, proceeded, waived or closed
        #[arg(long)]
        state: Option<String>,
        /// Only those to this client, by its id
        #[arg(long)]
        client: Option<String>,
        /// Only the one about the rollout of this package, by its digest
        #[arg(long)]
        package: Option<String>,
    },
    /// Show one with everything that the client is shown, as JSON
    Show(One),
    /// Answer one in the name of its client; the answer may be changed until the change starts
    Answer {
        #[command(flatten)]
        one: One,
        /// The answer: approve or refuse
        #[arg(long, value_parser = ["approve", "refuse"])]
        answer: String,
        /// Why; a refusal needs it
        #[arg(long)]
        reason: Option<String>,
        /// State of the question as it was shown; where it is another by now, nothing is changed
        #[arg(long)]
        seen: Option<String>,
    },
    /// Ask back, or say something of one
    Remark {
        #[command(flatten)]
        one: One,
        /// The words
        #[arg(long)]
        text: String,
    },
}

/// Which question.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the question
    pub question: String,
}

impl One {
    fn path(&self, act: &str) -> String {
        format!("{PATH}/{}{act}", segment(&self.question))
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, state, client: of, package } => {
            let query = given([("state", state.clone()), ("client", of.clone()), ("package", package.clone())]);
            let found = all(&client(remote)?, PATH, &query, rows.limit)?;
            let columns = [
                ("question", "/id", Text),
                ("stands", "/state", Text),
                ("involvement", "/involvement", Text),
                ("change", "/name", Text),
                ("title", "/title", Text),
                ("hosts", "/hosts", Count),
                ("answer before", "/answer_by", Time),
                ("decided by", "/decided_by", Text),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Show(one) => get(&one.remote, &one.path(""), printer),
        Command::Answer { one, answer, reason, seen } => {
            let wish = body([("answer", Some(answer.as_str().into())), ("reason", text(reason)), ("seen", text(seen))]);
            post(&one.remote, &one.path("/answer"), &wish, printer)
        }
        Command::Remark { one, text } => post(&one.remote, &one.path("/remark"), &body([("text", Some(text.as_str().into()))]), printer),
    }
}
