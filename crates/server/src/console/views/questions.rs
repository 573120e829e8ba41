//! **Questions** to clients, and what a client sees first.

use jiff::Timestamp;

/// The page of questions.
#[derive(Clone, Debug)]
pub struct Questions {
    /// Those that wait, then the newest first.
    pub rows: Vec<QuestionItem>,
    /// How many there are in all.
    pub total: u64,
}

/// One question as a list shows it.
#[derive(Clone, Debug)]
pub struct QuestionItem {
    /// Id.
    pub id: String,
    /// Client, where the reader sees several.
    pub client: Option<String>,
    /// Short name and number of the package.
    pub name: String,
    /// One line.
    pub title: String,
    /// What became of it, as a word and as a class.
    pub state: (&'static str, &'static str),
    /// The same in words.
    pub words: &'static str,
    /// Whether it waits for an answer.
    pub open: bool,
    /// When it was asked.
    pub asked: Timestamp,
    /// First moment that is too late; none where nothing is asked.
    pub answer_by: Option<Timestamp>,
    /// Hosts that change.
    pub hosts: u64,
}

/// One question.
#[derive(Clone, Debug)]
pub struct QuestionPage {
    /// What lists show.
    pub item: QuestionItem,
    /// Digest of the package.
    pub package: String,
    /// State's word, which an answer names as what it saw.
    pub word: &'static str,
    /// Why the change is wanted.
    pub reason: String,
    /// What kind of change it is.
    pub change: String,
    /// Why the client is asked, by the policy.
    pub because: String,
    /// What is changed.
    pub patches: Vec<String>,
    /// What it answers.
    pub answers: Vec<String>,
    /// Why it is of high risk.
    pub risks: Vec<String>,
    /// Names of hosts, the first of them.
    pub host_names: Vec<String>,
    /// When hosts change.
    pub windows: Vec<String>,
    /// What is down meanwhile.
    pub downtime: String,
    /// What silence leads to.
    pub silence: String,
    /// What a refusal means.
    pub refusal: String,
    /// The words of a waiver; empty where a refusal records none.
    pub waiver_text: String,
    /// The clause of the contract.
    pub clause: String,
    /// How it was decided, in a sentence.
    pub decided: Option<(String, Timestamp)>,
    /// The exception that records the waiver.
    pub waiver: Option<String>,
    /// What was said of it.
    pub said: Vec<QuestionSaid>,
    /// Whether the reader may answer, and it may be answered still.
    pub answers_it: bool,
    /// Whether the reader may say something of it.
    pub discusses: bool,
}

/// Something that was said.
#[derive(Clone, Debug)]
pub struct QuestionSaid {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What kind of word it is.
    pub kind: String,
    /// The words.
    pub text: String,
}

/// What whoever speaks for a client sees first.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Clients that the reader speaks for, by name.
    pub clients: String,
    /// Open findings against their due dates.
    pub board: SlaBoard,
    /// Questions that wait for an answer.
    pub open: Vec<QuestionItem>,
    /// Changes that are planned or under way: digest, name, title, how they
    /// stand, and why.
    pub planned: Vec<(String, String, String, String, Vec<String>)>,
    /// Waivers in force: id, advisories, reason, and until when.
    pub waivers: Vec<(String, Vec<String>, String, Timestamp)>,
    /// Reports, one a client.
    pub reports: Vec<PortalReport>,
}

/// A client's own report.
#[derive(Clone, Debug)]
pub struct PortalReport {
    /// Id of the client.
    pub client: String,
    /// Its name.
    pub name: String,
}

/// Open findings against their due dates.
#[derive(Clone, Debug, Default)]
pub struct SlaBoard {
    /// Hosts.
    pub hosts: u64,
    /// Of those, hosts that nobody could judge.
    pub unknown: u64,
    /// In time.
    pub within: u64,
    /// In time, most of it used.
    pub approaching: u64,
    /// Past due.
    pub exceeded: u64,
    /// Without a due date.
    pub undated: u64,
    /// Under an exception; counted nowhere else.
    pub excepted: u64,
    /// The next due date: advisory, and when.
    pub next: Option<(String, Timestamp)>,
}
