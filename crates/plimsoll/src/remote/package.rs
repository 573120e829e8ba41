//! `plimsoll package`: deployment packages, drafted on a server and signed
//! here.
//!
//! What is shown and signed is worked out from the signed bytes and the list of
//! hosts themselves, never from what a server says of them.

mod render;

use super::{Remote, Rows, body, client, get, post, segment, several, shown, text, told, whole};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::arguments::PlainFormat;
use crate::commands::root;
use crate::printer::{Failure, Outcome, Printer};
use crate::token::Key;
use clap::{Args, Subcommand};
use plimsoll_core::model::deployment_package::Place;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::trust::{HostTree, SignedPackage, SignedRoot};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PATH: &str = "/api/v1/deployment-packages";
/// Largest file of a key, of checks or of steps.
const LIMIT: usize = 1 << 20;

/// Commands on deployment packages.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List packages, newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Draft a package from what hosts have pending and what was acquired
    Draft {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        wish: Box<Wish>,
    },
    /// Show exactly what a package does on which hosts, worked out from its bytes
    Show {
        #[command(flatten)]
        one: One,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
        format: PlainFormat,
    },
    /// Say why a package is as it is, and what is missing before it is accepted, as JSON
    Explain(One),
    /// Show a package, sign it here with your own key, and hand in the signature
    Sign {
        #[command(flatten)]
        one: One,
        /// The root document that names your key; your own copy
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// Your key file, which is never sent anywhere, or pkcs11:token=…;object=… for a key in a token
        #[arg(long, value_name = "FILE|URI")]
        key: PathBuf,
        /// Read the key's passphrase, or the token's PIN, from this file instead of asking
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
        /// Write the signature to standard output and hand in nothing
        #[arg(long)]
        no_submit: bool,
    },
    /// Hand in a signature that `sign --no-submit` wrote
    Submit {
        #[command(flatten)]
        one: One,
        /// File with the signature
        file: PathBuf,
    },
    /// Refuse a change as one whom the policy asks: nothing more of it starts
    Refuse(Saying),
    /// Close the review that the policy asks for after a change
    Review(Saying),
    /// Withdraw a package that was not rolled out
    Withdraw {
        #[command(flatten)]
        one: One,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Tell a server which bytes among its artefacts are which version
    Acquired {
        #[command(flatten)]
        remote: Remote,
        /// What `plimsoll acquire fetch --format json` says, or any JSON with an `acquired` array of {stream, name, arch, version, sha256, size, repository}
        file: PathBuf,
    },
}

/// Which package.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Digest of the package
    pub package: String,
}

/// What is said of a package, and why.
#[derive(Args, Debug)]
pub struct Saying {
    #[command(flatten)]
    one: One,
    /// Why; for a review, what came of it
    #[arg(long)]
    reason: String,
}

impl Saying {
    fn send(&self, kind: &str, printer: &Printer) -> Result<Outcome, Failure> {
        let said = body([("kind", Some(kind.into())), ("reason", Some(self.reason.as_str().into()))]);
        post(&self.one.remote, &self.one.path("/remarks"), &said, printer)
    }
}

impl One {
    fn path(&self, more: &str) -> String {
        format!("{PATH}/{}{more}", segment(&self.package))
    }
}

/// What a package is to be.
#[derive(Args, Debug)]
pub struct Wish {
    /// Short name
    name: String,
    /// One line
    #[arg(long)]
    title: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// standard, normal or emergency
    #[arg(long)]
    change: Option<String>,
    /// Hosts: `environment = prod, label.role = web | proxy` [default: all of the client]
    #[arg(long)]
    hosts: Option<String>,
    /// Only hosts of this group
    #[arg(long)]
    group: Option<String>,
    /// security, everything, advisories, packages or nothing
    #[arg(long)]
    updates: Option<String>,
    /// With `--updates advisories` or `packages`: which; may be given several times
    #[arg(long)]
    of: Vec<String>,
    /// The first ring does not open before this instant
    #[arg(long, value_name = "INSTANT")]
    not_before: Option<String>,
    /// Days after which nothing starts any more
    #[arg(long)]
    days: Option<u16>,
    /// JSON array of checks before and after
    #[arg(long, value_name = "FILE")]
    checks: Option<PathBuf>,
    /// JSON array of steps that are no packages
    #[arg(long, value_name = "FILE")]
    steps: Option<PathBuf>,
    /// What goes once everything else holds: orphans, kernels or caches; may be given several times
    #[arg(long, value_name = "REMNANTS", value_parser = ["orphans", "kernels", "caches"])]
    clean_up: Vec<String>,
    /// Most packages that each clean-up may remove from a host
    #[arg(long, default_value_t = 50)]
    clean_up_most: u32,
    /// Hosts with one value of this label never change at the same time; may be given several times
    #[arg(long, value_name = "LABEL")]
    apart_label: Vec<String>,
    /// Hosts of this application never change at the same time; may be given several times
    #[arg(long, value_name = "ID")]
    apart_application: Vec<String>,
    /// Most hosts of a ring at work at a time
    #[arg(long)]
    at_once: Option<u32>,
    /// Replace configuration files that their owner changed
    #[arg(long)]
    replace_configuration_files: bool,
    /// Program of this name in the hosts' /etc/plimsoll/drain.d before the change, and in undrain.d after it
    #[arg(long, value_name = "NAME")]
    drain: Option<String>,
    /// Most seconds that each of the two may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    drain_within: u32,
    /// Client; may be left out where there is one
    #[arg(long)]
    client: Option<String>,
}

impl Wish {
    /// Steps of the file, and what is cleaned up after them.
    fn steps(&self) -> Result<Option<Value>, Failure> {
        let mut steps: Vec<Value> = self.steps.as_deref().map(parsed).transpose()?.unwrap_or_default();
        steps.extend(self.clean_up.iter().map(|remnants| serde_json::json!({ "step": "clean-up", "remnants": remnants, "most": self.clean_up_most })));
        Ok((!steps.is_empty()).then_some(Value::Array(steps)))
    }

    fn body(&self) -> Result<Value, Failure> {
        Ok(body([
            ("name", Some(self.name.as_str().into())),
            ("title", Some(self.title.as_str().into())),
            ("reason", text(&self.reason)),
            ("change", text(&self.change)),
            ("hosts", text(&self.hosts)),
            ("group", text(&self.group)),
            ("updates", text(&self.updates)),
            ("of", several(&self.of)),
            ("not_before", text(&self.not_before)),
            ("days", self.days.map(Value::from)),
            ("checks", self.checks.as_deref().map(parsed).transpose()?),
            ("steps", self.steps()?),
            ("apart_labels", several(&self.apart_label)),
            ("apart_applications", several(&self.apart_application)),
            ("at_once", self.at_once.map(Value::from)),
            ("replace_configuration_files", self.replace_configuration_files.then(|| true.into())),
            ("drain", self.drain.as_ref().map(|program| serde_json::json!({ "program": program, "timeout_seconds": self.drain_within }))),
            ("client", text(&self.client)),
        ]))
    }
}

fn parsed<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let bytes = super::file(path, LIMIT, "name a file with JSON")?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::input(Problem::new("E-READ", path.display().to_string(), format!("does not have the form that is read here: {error}"), "name the file that the command before it printed"))
    })
}

/// What `plimsoll acquire fetch --format json` says that it keeps.
#[derive(Deserialize)]
struct Fetched {
    acquired: Vec<Value>,
}

/// A package as its bytes say it.
pub(super) struct Looked {
    pub(super) signed: SignedPackage,
    pub(super) places: Vec<Place>,
    /// What the server calls the hosts; nobody signed that.
    pub(super) names: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Document {
    document: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    place: Place,
    name: String,
}

/// Fetches a package and its list of hosts, and holds one against the other.
fn look(one: &One) -> Result<Looked, Failure> {
    let client = client(&one.remote)?;
    let Document { document } = client.get(&one.path("/document"), &[])?;
    let signed = SignedPackage::read("package", document.as_bytes())?;
    let lying = |text: String| Failure::input(Problem::new("E-PACKAGE", &one.package, text, "sign nothing; the server shows something else than it names: look at that server"));
    if signed.digest() != one.package {
        return Err(lying(format!("the server gave a package with the digest {}", signed.digest())));
    }
    let lines: Vec<Line> = client.get(&one.path("/hosts"), &[])?;
    let names = lines.iter().map(|line| (line.place.host.to_string(), line.name.clone())).collect();
    let tree = HostTree::new(lines.into_iter().map(|line| line.place).collect())?;
    if tree.list() != signed.package().hosts {
        return Err(lying(format!("the list of {} hosts that the server gave is not the one in the package", tree.places().len())));
    }
    Ok(Looked { places: tree.places().to_vec(), names, signed })
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [("name", "/name", Text), ("version", "/version", Count), ("state", "/state", Text), ("title", "/title", Text), ("author", "/author", Text), ("expires", "/expires", Time), ("package", "/digest", Text)];
            shown(printer, rows, &found, &columns)
        }
        Command::Draft { remote, wish } => post(remote, PATH, &wish.body()?, printer),
        Command::Show { one, format } => {
            let looked = look(one)?;
            match format {
                PlainFormat::Json => crate::commands::json(printer, &render::json(&looked))?,
                PlainFormat::Text => printer.data(&render::text(&looked))?,
            }
            Ok(Outcome::Clean)
        }
        Command::Explain(one) => get(&one.remote, &one.path(""), printer),
        Command::Sign { one, root, key, passphrase_file, yes, no_submit } => {
            let root = root::read(root)?;
            let looked = look(one)?;
            printer.say(&render::text(&looked));
            if !yes {
                agree(&one.package)?;
            }
            let signature = signature(&looked, key, passphrase_file.as_deref(), &root)?;
            if *no_submit {
                crate::commands::json(printer, &signature)?;
                return Ok(Outcome::Clean);
            }
            post(&one.remote, &one.path("/signatures"), &signature, printer)
        }
        Command::Submit { one, file } => post(&one.remote, &one.path("/signatures"), &parsed::<Value>(file)?, printer),
        Command::Refuse(saying) => saying.send("refuse", printer),
        Command::Review(saying) => saying.send("review", printer),
        Command::Withdraw { one, reason } => post(&one.remote, &one.path("/withdraw"), &body([("reason", text(reason))]), printer),
        Command::Acquired { remote, file } => {
            let Fetched { acquired } = parsed(file)?;
            told(printer, &client(remote)?.change("POST", "/api/v1/acquired", &[], &json!({ "entries": acquired }))?, "done")
        }
    }
}

/// Signs; what is given is a signature and its key's id.
fn signature(looked: &Looked, key: &Path, passphrase_file: Option<&Path>, root: &SignedRoot) -> Result<Value, Failure> {
    let place = key.display().to_string();
    let key = Key::open(key, passphrase_file)?;
    let mut own = SignedPackage::unsigned(looked.signed.package().clone());
    own.sign(&key, &root.root)?;
    let signature = own.signatures().first().ok_or_else(|| Failure::unfinished(Problem::new("E-KEY", &place, "made no signature", "report this as a bug")))?;
    if root.root.person_of(&signature.keyid) == Some(looked.signed.package().author.as_str()) && !root.root.is_evaluation() {
        let text = format!("belongs to {}, who drafted the package", looked.signed.package().author);
        return Err(Failure::input(Problem::new("E-SOD", &place, text, "have somebody else sign it; hosts would not count this signature")));
    }
    Ok(json!({ "keyid": signature.keyid, "sig": signature.sig }))
}

fn unasked(error: &std::io::Error) -> Failure {
    Failure::input(Problem::new("E-PASSPHRASE", "the terminal", format!("cannot be asked: {error}"), "run on a terminal, or give `--yes`"))
}

/// Asks whoever signs to type what they saw.
fn agree(digest: &str) -> Result<(), Failure> {
    let wanted = digest.get(..8).unwrap_or(digest);
    let typed = rpassword::prompt_password(format!("To sign this package, type the first eight digits of its digest ({wanted}): ")).map_err(|error| unasked(&error))?;
    if typed.trim() == wanted {
        return Ok(());
    }
    Err(Failure::input(Problem::new("E-USAGE", "the terminal", "something else was typed; nothing was signed", "look at the package again")))
}

#[cfg(test)]
mod tests;
