//! What the thief of a server wants of its hosts, and what each host has to
//! say to it.

use super::super::unfinished;
use super::attacker::Attacker;
use super::stolen::{Package, broken};
use crate::printer::Failure;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::assignment::{Assignment, Go};
use plimsoll_core::model::deployment_package::{Place, Step};
use plimsoll_core::model::identifier::HostId;
use plimsoll_formats::protocol::digest;
use plimsoll_formats::trust::{HostTree, KeyFile, Signature, SignedAssignment, SignedPackage};
use serde_json::json;
use std::sync::Arc;

/// File that a host would have where a goal was reached.
pub const OWNED: &str = "/etc/plimsoll-owned";
/// Life and plan of the store that the thief writes.
const EPOCH: u64 = 1;
const GENERATION: u64 = 2;

/// What shows that a host met a goal and did not give way.
#[derive(Clone, Copy, Debug)]
pub enum Met {
    /// It logged one of these codes, or told it as what came of the attempt.
    Codes(&'static [&'static str]),
    /// There is no such message: it went on checking in.
    Ignored,
}

/// One goal.
pub struct Goal {
    /// What is wanted.
    pub name: &'static str,
    /// What the hosts must answer.
    pub met: Met,
}

const fn goal(name: &'static str, codes: &'static [&'static str]) -> Goal {
    Goal { name, met: Met::Codes(codes) }
}

/// Every goal, in the order in which they are tried.
pub const GOALS: [Goal; 20] = [
    goal("slip other bytes in as a signed artefact", &["E-ARTEFACT"]),
    goal("start a signed package before its window", &["W-WINDOW", "E-RING-LOCKED"]),
    goal("write a file as root with a package that nobody signed", &["E-SIG-THRESHOLD"]),
    goal("sign a package with the online key", &["E-SIG-THRESHOLD"]),
    goal("sign a package in the name of its people", &["E-SIG-THRESHOLD"]),
    goal("alter the version that people signed", &["E-SIG-THRESHOLD"]),
    goal("take the windows out of a signed package", &["E-SIG-THRESHOLD"]),
    goal("add checks to a signed package that run a command", &["E-SIG-THRESHOLD"]),
    goal("move every host to the first ring", &["E-ASSIGN-PLACE"]),
    goal("hand one host what is another's", &["E-ASSIGN-HOST"]),
    goal("sign assignments with a key of one's own", &["E-ASSIGN-SIG"]),
    goal("replay an older plan", &["E-ASSIGN-GENERATION"]),
    goal("replay an assignment that has ended", &["E-ASSIGN-EXPIRED"]),
    goal("go back to an older package that people once signed", &["E-ROLLBACK"]),
    goal("date an assignment into the window", &["E-CLOCK"]),
    goal("keep a package out of the evidence log", &["E-LOG-PROOF"]),
    Goal { name: "order hosts about with words that no message has: run, update, files, root", met: Met::Ignored },
    goal("silence hosts for a year", &["E-FORMAT"]),
    goal("show a package in a log of its own", &["E-LOG-FORK"]),
    goal("delete history", &["E-LOG-FORK"]),
];

/// Packages that the thief has to work with.
pub struct Loot {
    /// Signed by enough people, accepted, for a window of tomorrow.
    pub signed: Package,
    /// Signed by enough people once, and withdrawn for a newer one.
    pub former: Package,
    /// The log's checkpoint when the server was taken.
    pub beginning: String,
}

/// An assignment as the thief writes one.
struct Forged<'a> {
    package: &'a str,
    tree: &'a HostTree,
    generation: u64,
    issued: Timestamp,
    expires: Timestamp,
    go: Go,
}

impl<'a> Forged<'a> {
    fn of(package: &'a str, tree: &'a HostTree) -> Self {
        let now = Timestamp::now();
        Self { package, tree, generation: GENERATION, issued: now, expires: now + SignedDuration::from_hours(24), go: Go::Apply }
    }

    fn write(&self, attacker: &Attacker, host: HostId, alter: impl Fn(&mut Assignment)) -> Result<String, Failure> {
        let (place, position, proof) = self.tree.prove(host).ok_or_else(|| unfinished("a host", "is not in the package"))?;
        let mut assignment = Assignment {
            schema: Assignment::SCHEMA.to_owned(),
            host,
            package: self.package.to_owned(),
            epoch: EPOCH,
            generation: self.generation,
            place: place.clone(),
            position,
            proof,
            go: self.go,
            issued: self.issued,
            expires: self.expires,
        };
        alter(&mut assignment);
        let signed = SignedAssignment::sign(assignment, &attacker.stolen.online, &attacker.stolen.root.root)?;
        Ok(String::from_utf8_lossy(signed.bytes()).into_owned())
    }
}

/// Sets out a goal; hosts meet it at their next check-in.
pub async fn set_out(number: usize, attacker: &Arc<Attacker>, loot: &Loot, hosts: &[HostId]) -> Result<(), Failure> {
    {
        let mut play = attacker.play();
        *play = super::attacker::Play { packages: std::mem::take(&mut play.packages), check_ins: std::mem::take(&mut play.check_ins), ..Default::default() };
    }
    let (signed, tree) = (loot.signed.document(), loot.signed.tree()?);
    let digest_signed = signed.digest();
    let legitimate = Forged::of(&digest_signed, &tree);
    let text = |document: &SignedPackage| String::from_utf8_lossy(&document.bytes()).into_owned();
    attacker.play().packages.insert(digest_signed.clone(), text(&signed));
    let assign = |forged: &Forged<'_>, alter: &dyn Fn(&mut Assignment)| -> Result<(), Failure> {
        for host in hosts {
            let document = forged.write(attacker, *host, alter)?;
            attacker.play().assignments.insert(*host, vec![document]);
        }
        Ok(())
    };
    let as_is = |_: &mut Assignment| {};
    match number {
        0 => {
            attacker.play().spoiled = true;
            assign(&Forged { go: Go::Stage, ..legitimate }, &as_is)
        }
        1 => assign(&legitimate, &as_is),
        2..=7 => {
            let made = altered(number, attacker, loot, hosts).await?;
            let digest = attacker.stolen.accept(&made).await?;
            attacker.play().packages.insert(digest.clone(), text(&made.document()));
            let tree = made.tree()?;
            assign(&Forged::of(&digest, &tree), &as_is)
        }
        // A digest of its own for each, so that no earlier answer stands.
        8 => assign(&legitimate, &|assignment| {
            assignment.generation += 1;
            assignment.place = Place { host: assignment.host, ring: if assignment.place.ring == 0 { 1 } else { 0 }, window: None };
        }),
        9 => {
            for (place, host) in hosts.iter().enumerate() {
                let other = hosts.get((place + 1) % hosts.len()).unwrap_or(host);
                let document = legitimate.write(attacker, *other, as_is)?;
                attacker.play().assignments.insert(*host, vec![document]);
            }
            Ok(())
        }
        10 => {
            let own = KeyFile::from_seed(&[7; 32]);
            for host in hosts {
                let document = legitimate.write(attacker, *host, as_is)?;
                attacker.play().assignments.insert(*host, vec![resigned(&document, &own)?]);
            }
            Ok(())
        }
        11 => assign(&Forged { generation: GENERATION - 1, ..legitimate }, &as_is),
        12 => {
            let now = Timestamp::now();
            assign(&Forged { issued: now - SignedDuration::from_hours(30), expires: now - SignedDuration::from_secs(1), ..legitimate }, &as_is)
        }
        13 => {
            let (former, tree) = (loot.former.document(), loot.former.tree()?);
            attacker.play().packages.insert(former.digest(), text(&former));
            assign(&Forged::of(&former.digest(), &tree), &as_is)
        }
        14 => {
            let later = Timestamp::now() + SignedDuration::from_hours(12);
            assign(&Forged { issued: later, expires: later + SignedDuration::from_hours(24), generation: GENERATION + 2, ..legitimate }, &as_is)
        }
        15 => {
            let made = altered(15, attacker, loot, hosts).await?;
            let (document, tree) = (made.document(), made.tree()?);
            let mut play = attacker.play();
            play.packages.insert(document.digest(), text(&document));
            play.instead = Some(digest_signed.clone());
            drop(play);
            assign(&Forged::of(&document.digest(), &tree), &as_is)
        }
        16 => {
            let words = json!({ "run": format!("touch {OWNED}"), "update_agent": "https://attacker.invalid/agent", "files": ["/var/lib/plimsoll-helper/pin.json"], "root": { "signatures": [], "signed": {} } });
            attacker.play().more = Some(words);
            Ok(())
        }
        17 => {
            attacker.play().more = Some(json!({ "next_seconds": 31_536_000 }));
            Ok(())
        }
        18 => {
            let made = altered(18, attacker, loot, hosts).await?;
            // Longer than the log that hosts have followed, or its length alone
            // would tell.
            let size = attacker.stolen.store.checkpoint().await.map_err(broken)?.map_or(0, |newest| newest.size);
            let mut digest = attacker.fork.accept(&made).await?;
            let mut last = made;
            while attacker.fork.store.checkpoint().await.map_err(broken)?.map_or(0, |newest| newest.size) <= size {
                last.package.title.push('.');
                digest = attacker.fork.accept(&last).await?;
            }
            let tree = last.tree()?;
            let mut play = attacker.play();
            play.packages.insert(digest.clone(), text(&last.document()));
            play.forked = true;
            drop(play);
            assign(&Forged::of(&digest, &tree), &as_is)
        }
        _ => {
            attacker.play().checkpoint = Some(loot.beginning.clone());
            Ok(())
        }
    }
}

/// A package as the thief would like it.
async fn altered(number: usize, attacker: &Attacker, loot: &Loot, hosts: &[HostId]) -> Result<Package, Failure> {
    let Package { package, signatures, places } = &loot.signed;
    let mut made = Package { package: package.clone(), signatures: signatures.clone(), places: places.clone() };
    match number {
        5 => {
            for target in made.package.streams.values_mut().flat_map(|plan| &mut plan.install) {
                target.version.push_str("+evil");
            }
        }
        6 => {
            made.package.windows.clear();
            made.places.iter_mut().for_each(|place| place.window = None);
            made.package.hosts = made.tree()?.list();
        }
        7 => {
            let check = json!([{ "name": "own", "check": "command", "program": "own", "timeout_seconds": 30, "before": true }]);
            made.package.checks = serde_json::from_value(check).map_err(|error| unfinished("a check", &error.to_string()))?;
        }
        _ => {
            let content = format!("owned by goal {number}\n");
            let sha256 = digest(content.as_bytes());
            let file = tempfile::NamedTempFile::new().map_err(|error| unfinished("a file", &error.to_string()))?;
            std::fs::write(file.path(), &content).map_err(|error| unfinished("a file", &error.to_string()))?;
            attacker.stolen.artefacts.keep(&sha256, file.path()).await.map_err(broken)?;
            let step = Step::File { path: OWNED.to_owned(), sha256, size: content.len() as u64, mode: "0644".to_owned() };
            for plan in made.package.streams.values_mut() {
                (plan.install, plan.way_back, plan.steps) = (Vec::new(), Vec::new(), vec![step.clone()]);
            }
            made.package.title = format!("Goal {number}");
            made.package.windows.clear();
            made.package.rings.iter_mut().for_each(|ring| ring.opens = package.created);
            made.places = hosts.iter().map(|host| Place { host: *host, ring: 0, window: None }).collect();
            made.package.hosts = made.tree()?.list();
            made.signatures = match number {
                3 => {
                    let mut document = SignedPackage::unsigned(made.package.clone());
                    document.sign(&attacker.stolen.online, &attacker.stolen.root.root)?;
                    document.signatures().to_vec()
                }
                // Ids of people's keys, with signatures of nobody's.
                4 => signatures.iter().map(|own| Signature { keyid: own.keyid.clone(), sig: "00".repeat(64) }).collect(),
                _ => Vec::new(),
            };
        }
    }
    Ok(made)
}

/// The same document, signed by another key under the online key's name.
fn resigned(document: &str, key: &KeyFile) -> Result<String, Failure> {
    let mut value: serde_json::Value = serde_json::from_str(document).map_err(|error| unfinished("an assignment", &error.to_string()))?;
    let message = value["signed"].to_string();
    value["signatures"][0]["sig"] = json!(plimsoll_formats::protocol::encode_hex(&key.sign(message.as_bytes())));
    Ok(value.to_string())
}
