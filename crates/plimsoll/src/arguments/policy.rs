//! The words of `plimsoll policy`.

use super::{PlainFormat, Remote};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use std::path::PathBuf;

/// Commands on the policy.
#[derive(Subcommand, Debug)]
pub enum Policy {
    /// List the presets with their sources
    Presets {
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Print a preset's file, to start one's own from
    Show {
        /// Name of a preset
        preset: String,
    },
    /// Print the policy in force on a server
    InForce {
        #[command(flatten)]
        remote: Remote,
        /// The file alone, or JSON with its digest and who put it in force
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Check a policy against a server's hosts: which findings would get another due date
    Check {
        /// Policy file
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Play a policy through the past of a server's hosts beside the one in force: what would have been late, week by week
    Simulate {
        /// Policy file or preset
        policy: String,
        #[command(flatten)]
        remote: Remote,
        /// Days that are played, up to now
        #[arg(long, value_name = "NUMBER", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=400))]
        days: u16,
        /// Hosts of one client only, by its id or name
        #[arg(long, value_name = "CLIENT")]
        client: Option<String>,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Put a policy in force on a server; a bad one leaves the one in force
    Set {
        /// Policy file
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Why; it stands in the evidence log
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Refuse where another policy came into force since this digest (`policy in-force --format json` gives it)
        #[arg(long, value_name = "HEX")]
        replaces: Option<String>,
        /// Accept that deadlines get longer; needed where they do
        #[arg(long)]
        accept_longer: bool,
    },
    /// Bring a server's policy to what a file says: put it in force, or propose it where the one in force names approvers
    Apply {
        /// Policy file
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Why; it stands in the evidence log
        #[arg(long, value_name = "TEXT", default_value = "applied from a file")]
        reason: String,
        /// Accept that deadlines get longer; needed where they do
        #[arg(long)]
        accept_longer: bool,
        /// Only say what differs: 1 when anything does
        #[arg(long)]
        check: bool,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// List the versions of a server's policy: proposed, in force, past
    Versions {
        #[command(flatten)]
        remote: Remote,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Show a version of a server's policy, with what was said of it
    Version {
        /// Its number
        number: u64,
        #[command(flatten)]
        remote: Remote,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Propose a policy to a server; people sign it off in the console, in outline and then in detail
    Propose {
        /// Policy file
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
        /// Why; it stands in the evidence log
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Say something of a proposed version
    Comment {
        /// Its number
        number: u64,
        /// The words
        text: String,
        #[command(flatten)]
        remote: Remote,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Take a proposed version back
    Withdraw {
        /// Its number
        number: u64,
        #[command(flatten)]
        remote: Remote,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Note that the policy in force on a server was looked at anew, and what came of it
    Review {
        #[command(flatten)]
        remote: Remote,
        /// What came of it; it stands in the evidence log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Write the first draft of a policy file; what no flag answers is asked on a terminal
    Init(PolicyDraft),
    /// Check a policy file: gaps, contradictions, deadlines that cannot be kept; 1 when anything is wrong
    Lint {
        /// Policy file or preset
        policy: String,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Show every combination of inputs with the deadline it leads to
    Table(PolicyTable),
    /// Say which combinations change their due date from one policy to another; 1 when any comes later
    Diff(PolicyDifference),
    /// Say which rules bind a finding of these inputs, by when it is due, and why
    Explain(PolicyExplain),
    /// Make of the policy the document that people sign
    Render(PolicyRender),
}

/// Arguments of `policy render`.
#[derive(Args, Debug)]
pub struct PolicyRender {
    /// Policy file or preset
    pub policy: String,
    /// Form of the document
    #[arg(long, value_enum)]
    pub format: PaperFormat,
    /// File to write, or - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Day that the document bears where the policy names no effective date [default: today]
    #[arg(long, value_name = "DAY")]
    pub dated: Option<Date>,
}

/// Forms of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PaperFormat {
    /// One page for a browser, which prints well
    Html,
    /// Text with marks
    Markdown,
    /// For printing and signing
    Pdf,
    /// For Word and other office programs
    Docx,
}

/// Arguments of `policy init`.
#[derive(Args, Debug)]
pub struct PolicyDraft {
    /// Presets whose obligations it takes over (`plimsoll policy presets` lists them)
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub preset: Vec<String>,
    /// File to write, or - for standard output
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    /// Ask nothing: take the defaults for whatever no flag answers
    #[arg(long)]
    pub yes: bool,
    /// Id of the policy [default: the file's name]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// One line for people [default: Patch policy]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Who answers for it, a name or address [default: owner]
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Who signs it and approves changes; may be given several times [default: the owner]
    #[arg(long, value_name = "NAME")]
    pub approver: Vec<String>,
    /// IANA time zone of its calendar [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// First day on which it binds [default: today]
    #[arg(long, value_name = "DAY")]
    pub effective: Option<Date>,
    /// Days of the maintenance window, or `any` for no window [default: MO,TU,WE,TH]
    #[arg(long, value_name = "DAYS")]
    pub window_days: Option<String>,
    /// When the window opens, on the zone's clock
    #[arg(long, value_name = "HH:MM", default_value = "22:00")]
    pub window_start: String,
    /// How long it lasts
    #[arg(long, value_name = "DURATION", default_value = "PT4H")]
    pub window_duration: String,
    /// How clients take part [default: internal]
    #[arg(long, value_enum)]
    pub clients: Option<Clients>,
    /// Clause of the clients' contract that allows it
    #[arg(long, value_name = "TEXT")]
    pub clause: Option<String>,
}

/// How clients take part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Clients {
    /// There are none but the organisation itself
    Internal,
    /// They use a hosted service; its machines are the provider's own affair
    Asp,
    /// Their machines are run for them
    ManagedInfrastructure,
}

/// Arguments of `policy table`.
#[derive(Args, Debug)]
pub struct PolicyTable {
    /// Policy file or preset
    pub policy: String,
    /// How far a priority is taken apart
    #[arg(long, value_enum, default_value_t = TableDepth::Inputs)]
    pub depth: TableDepth,
    /// Every row of the text by itself, not those that lead to the same thing together
    #[arg(long)]
    pub all: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = TableFormat::Text)]
    pub format: TableFormat,
}

/// How far a priority is taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TableDepth {
    /// The decision table's outcomes
    Outcome,
    /// Its inputs
    Inputs,
    /// The inputs of the tables that feed it as well
    Facts,
}

/// Forms of a decision table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TableFormat {
    /// For reading
    Text,
    /// For machines
    Json,
    /// For spreadsheets
    Csv,
}

/// Arguments of `policy diff`.
#[derive(Args, Debug)]
pub struct PolicyDifference {
    /// The earlier policy file or preset
    pub before: String,
    /// The later one
    pub after: String,
    /// Say also which findings of this scan (`scan --format json`) change their due date
    #[arg(long, value_name = "FILE")]
    pub scan: Option<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Arguments of `policy explain`; what is not said is not known.
#[derive(Args, Debug)]
pub struct PolicyExplain {
    /// Policy file or preset
    pub policy: String,
    /// Severity by the vendor: low, medium, high, critical
    #[arg(long, value_name = "WORD")]
    pub severity: Option<String>,
    /// Day of the listing as known exploited
    #[arg(long, value_name = "DAY")]
    pub kev: Option<Date>,
    /// Exploitation: none, public-poc, active
    #[arg(long, value_name = "WORD")]
    pub exploitation: Option<String>,
    /// Whether exploitation can be automated: yes, no
    #[arg(long, value_name = "YES|NO")]
    pub automatable: Option<String>,
    /// Technical impact: partial, total
    #[arg(long, value_name = "WORD")]
    pub technical_impact: Option<String>,
    /// CVSS 3 base score
    #[arg(long, value_name = "SCORE")]
    pub cvss3: Option<f32>,
    /// Class of the component: operating-system, kernel, online-service, office, …
    #[arg(long, value_name = "WORD")]
    pub class: Option<String>,
    /// How far the host can be reached: open, controlled, small
    #[arg(long, value_name = "WORD")]
    pub exposure: Option<String>,
    /// Environment of the host
    #[arg(long, value_name = "WORD")]
    pub environment: Option<String>,
    /// Tier of the host
    #[arg(long, value_name = "WORD")]
    pub tier: Option<String>,
    /// A label of the host
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    /// When the fix was released [default: the present]
    #[arg(long, value_name = "RFC3339")]
    pub released: Option<Timestamp>,
    /// There is no fix
    #[arg(long, conflicts_with = "released")]
    pub no_fix: bool,
    /// When it was first seen here [default: the present]
    #[arg(long, value_name = "RFC3339")]
    pub seen: Option<Timestamp>,
    /// Read every clock at this instant
    #[arg(long, value_name = "RFC3339")]
    pub as_of: Option<Timestamp>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}
