//! The words of running a server, and of what outlives one.

use super::PlainFormat;
use clap::{Args, Subcommand, ValueEnum};
use plimsoll_server::identity::role::Role;
use plimsoll_server::phases::document::Form;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Commands on root keys.
#[derive(Subcommand, Debug)]
pub enum RootCommand {
    /// Make a key for each person and the root document that names them
    Init(RootInit),
    /// Check a root document and show its digest, to compare out of band
    Show {
        /// The root document
        file: PathBuf,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
}

/// Arguments of `root init`.
#[derive(Args, Debug)]
pub struct RootInit {
    /// Folder to make, with root.json, keys/ and online.pem
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Who holds a key; once for each person. A key file is made for NAME; NAME=pkcs11:token=…;object=… is a key that the person's token has
    #[arg(long, value_name = "NAME[=URI]", required = true)]
    pub person: Vec<String>,
    /// How many of them must sign
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub threshold: usize,
    /// Days until the document expires
    #[arg(long, value_name = "NUMBER", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Read the passphrase for the keys from this file instead of asking
    #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the PIN of tokens from this file instead of asking
    #[arg(long, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
    /// Leave the keys unprotected; for an evaluation only
    #[arg(long)]
    pub no_passphrase: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub format: PlainFormat,
}

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// Folder for everything the server keeps [default: server/ in the data folder]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen at
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7557")]
    pub listen: SocketAddr,
    /// Certificate of this server with its chain (PEM), where no proxy in front ends TLS; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Let hosts in only with a certificate of these authorities (PEM), beside their own key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_client_ca: Option<PathBuf>,
    /// Settings file: identity providers [default: settings.toml in the data folder, where there is one]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SETTINGS")]
    pub settings: Option<PathBuf>,
    /// PostgreSQL to use instead of the embedded database
    #[arg(long, value_name = "URL", env = "PLIMSOLL_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Address that hosts and people use, where a proxy stands in front
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Believe the Forwarded headers of this proxy
    #[arg(long, value_name = "ADDRESS")]
    pub trusted_proxy: Vec<IpAddr>,
    /// Root document that hosts pin (see `plimsoll root init`)
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The root's online key, which signs assignments [default: online.pem beside the root document, where it is]
    #[arg(long, value_name = "FILE")]
    pub online_key: Option<PathBuf>,
    /// Folder that keeps artefacts by their SHA-256, as `plimsoll acquire` fills it [default: artefacts/ in the data folder]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_ARTEFACTS")]
    pub artefacts: Option<PathBuf>,
    /// Advisory database, watched for newer ones [default: in the data folder]
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_DB")]
    pub db: Option<PathBuf>,
    /// Accept only a database signed by this Ed25519 public key (hex)
    #[arg(long, value_name = "HEX", env = "PLIMSOLL_DB_KEY")]
    pub db_key: Option<String>,
    /// Policy file, or the name of a preset; the console then only shows it [default: what people put in force there, else samm]
    #[arg(long, value_name = "FILE|PRESET", env = "PLIMSOLL_POLICY")]
    pub policy: Option<String>,
    /// Seconds between two check-ins of a host
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=86400))]
    pub check_in: u32,
    /// Seconds without a word after which a host counts as silent [default: eleven check-ins, 660 at least]; never fewer than three check-ins
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(15..=2_592_000))]
    pub silence: Option<u32>,
    /// Fetch the advisory sources here, every six hours
    #[arg(long)]
    pub update: bool,
    /// Let webhooks go to this host and port inside, over http as well
    #[arg(long, value_name = "HOST:PORT")]
    pub allow_inward: Vec<String>,
    /// Certificate authority of webhooks and the mail server, beside the system's (PEM)
    #[arg(long, value_name = "FILE")]
    pub outward_ca: Vec<PathBuf>,
    /// Mail server: smtp://HOST (STARTTLS), smtps://HOST, or smtp+plain://127.0.0.1 on this machine
    #[arg(long, value_name = "URL", requires = "mail_from")]
    pub smtp: Option<String>,
    /// Account at the mail server; its password is in a file or in PLIMSOLL_SMTP_PASSWORD
    #[arg(long, value_name = "NAME", requires = "smtp")]
    pub smtp_user: Option<String>,
    /// File with that password
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    pub smtp_password_file: Option<PathBuf>,
    /// Address that mail comes from
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    pub mail_from: Option<String>,
}

/// Arguments of `up`.
#[derive(Args, Debug)]
pub struct Up {
    #[command(flatten)]
    pub serve: Serve,
    /// Authority of the server's certificate (PEM), for this machine's own agent
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub ca: Option<PathBuf>,
    /// Print one line of JSON when ready: url, sign_in, token
    #[arg(long)]
    pub json: bool,
}

/// Where a server keeps what it keeps.
#[derive(Args, Debug)]
pub struct Kept {
    /// The server's folder [default: server/ in the data folder]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Its PostgreSQL, where it uses one
    #[arg(long, value_name = "URL", env = "PLIMSOLL_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
}

/// A role, by its word.
#[derive(Clone, Copy, Debug)]
pub struct RoleWord(pub Role);

impl std::str::FromStr for RoleWord {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let words = || Role::ALL.map(Role::word).join(", ");
        Role::parse(word).map(Self).ok_or_else(|| format!("is no role; there are {}", words()))
    }
}

/// Commands on people, for the server's own machine.
#[derive(Subcommand, Debug)]
pub enum PersonCommand {
    /// Make an account, unless it is there, and a link that signs its person in once
    Invite {
        #[command(flatten)]
        kept: Kept,
        /// Account name
        name: String,
        /// Mail address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Role of a new account, everywhere; may be given several times
        #[arg(long, value_name = "ROLE", default_value = "administrator")]
        role: Vec<RoleWord>,
        /// Address of the server, for the link
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7557")]
        public_url: String,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Take somebody's second proofs and sessions away, who lost them, and make a link
    Reset {
        #[command(flatten)]
        kept: Kept,
        /// Account name
        name: String,
        /// Address of the server, for the link
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7557")]
        public_url: String,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
}

/// Commands on the evidence log.
#[derive(Subcommand, Debug)]
pub enum EvidenceCommand {
    /// Write the log into a folder that can be verified without the server
    Export {
        #[command(flatten)]
        kept: Kept,
        /// New folder
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Verify an exported log: every entry, hash and signature; needs no server and no network
    Verify {
        /// Exported folder
        folder: PathBuf,
        /// Verifier key of the log, as `evidence export` printed it
        #[arg(long, value_name = "KEY")]
        key: String,
        /// Checkpoint kept from an earlier export; the log must continue it
        #[arg(long, value_name = "FILE")]
        older: Option<PathBuf>,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Make the record of a change from an exported log, which is verified first; needs no server
    Record {
        /// Exported folder
        folder: PathBuf,
        /// Digest of the package that was rolled out
        #[arg(long, value_name = "DIGEST")]
        rollout: String,
        /// Verifier key of the log; left out, the folder's own is believed, and that is said
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        #[command(flatten)]
        written: Written,
    },
}

/// How a record is written, and where.
#[derive(Args, Debug)]
pub struct Written {
    /// Form of the record
    #[arg(long, value_enum, default_value_t = RecordFormat::Json)]
    pub format: RecordFormat,
    /// The short release notes instead of the record
    #[arg(long)]
    pub notes: bool,
    /// File; left out, standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Forms of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum RecordFormat {
    /// For machines; holds everything
    Json,
    /// One file for a browser; prints well
    Html,
    /// PDF/A
    Pdf,
    /// For other people's pages
    Markdown,
    /// For those who edit
    Docx,
}

impl RecordFormat {
    /// The word that the API takes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Markdown => "markdown",
            Self::Docx => "docx",
        }
    }

    /// The form.
    pub fn form(self) -> Form {
        match self {
            Self::Json => Form::Json,
            Self::Html => Form::Html,
            Self::Pdf => Form::Pdf,
            Self::Markdown => Form::Markdown,
            Self::Docx => Form::Docx,
        }
    }
}

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub struct Backup {
    #[command(flatten)]
    pub kept: Kept,
    /// New file
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Put the server's keys into it too, so that it restores on an empty machine
    #[arg(long)]
    pub keys: bool,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// The backup
    pub from: PathBuf,
    #[command(flatten)]
    pub kept: Kept,
}
