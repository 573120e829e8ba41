//! What whoever takes a server holds: its data folder with the database and the
//! key of the evidence log, its online key, its certificate, the artefacts.

use super::super::{failed, unfinished};
use crate::printer::Failure;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::deployment_package::{DeploymentPackage, Place};
use plimsoll_formats::protocol::{PackageAnswer, Remembered};
use plimsoll_formats::trust::{HostTree, KeyFile, Signature, SignedPackage, SignedRoot};
use plimsoll_server::evidence::proven;
use plimsoll_store::artefacts::Artefacts;
use plimsoll_store::deployment_packages::{PackageContent, PackageRow, PackageState};
use plimsoll_store::engine::sqlite_url;
use plimsoll_store::evidence::integrate::LEASE;
use plimsoll_store::{Actor, Intent, Opener, Options, Store, StoreError};
use std::path::Path;

/// Everything that lies on the server.
pub struct Stolen {
    /// The database, with the log's own key.
    pub store: Store,
    /// Every package file.
    pub artefacts: Artefacts,
    /// The key that signs assignments.
    pub online: KeyFile,
    /// Whose keys count; its people's keys are not on the server.
    pub root: SignedRoot,
}

/// A package as it lies in the database.
pub struct Package {
    /// What is signed.
    pub package: DeploymentPackage,
    /// Signatures of people.
    pub signatures: Vec<Signature>,
    /// Its list of hosts.
    pub places: Vec<Place>,
}

impl Package {
    /// The document as hosts get it.
    pub fn document(&self) -> SignedPackage {
        let mut document = SignedPackage::unsigned(self.package.clone());
        self.signatures.iter().cloned().for_each(|signature| document.add(signature));
        document
    }

    /// Proofs of its hosts' places.
    pub fn tree(&self) -> Result<HostTree, Failure> {
        Ok(HostTree::new(self.places.clone())?)
    }
}

/// What the store says went wrong.
pub fn broken(error: StoreError) -> Failure {
    Failure::unfinished(*error.problem)
}

impl Stolen {
    /// Opens a copy of a data folder as its thief would.
    pub async fn open(data: &Path, keys: &Path) -> Result<Self, Failure> {
        let url = sqlite_url(&plimsoll_server::run::database_file(data));
        let options = Options { keys: Some(data.to_owned()), opener: Opener::Command, ..Options::new(url) };
        let read = |name: &str| {
            let path = keys.join(name);
            std::fs::read(&path).map_err(|error| failed(&path, &error))
        };
        Ok(Self {
            store: Store::open_with(options).await.map_err(broken)?,
            artefacts: Artefacts::in_folder(&data.join("artefacts")).map_err(broken)?,
            online: KeyFile::from_pem("online.pem", &String::from_utf8_lossy(&read("online.pem")?), None)?,
            root: SignedRoot::read("root.json", &read("root.json")?)?,
        })
    }

    /// A package with all that people signed of it.
    pub async fn package(&self, digest: &str) -> Result<Package, Failure> {
        let content = self.store.package_content(digest).await.map_err(broken)?;
        let signatures = self.store.package_signatures(digest).await.map_err(broken)?;
        let unread = |error: serde_json::Error| unfinished("a package", &error.to_string());
        Ok(Package {
            package: SignedPackage::read("a package", &content.document)?.package().clone(),
            signatures: signatures.into_iter().map(|one| Signature { keyid: one.keyid, sig: one.signature }).collect(),
            places: serde_json::from_slice(&content.hosts).map_err(unread)?,
        })
    }

    /// Writes a package into the database as accepted, whoever signed it, and
    /// into the evidence log, which is the thief's to sign.
    pub async fn accept(&self, package: &Package) -> Result<String, Failure> {
        let document = package.document();
        let digest = document.digest();
        let now = Timestamp::now();
        let said = &package.package;
        // Its number is its own only in what is handed out.
        let version = self.store.next_package_version(said.client).await.map_err(broken)?;
        let row = PackageRow {
            digest: digest.clone(),
            client: said.client,
            name: said.name.clone(),
            version,
            title: said.title.clone(),
            author: said.author.clone(),
            state: PackageState::Signed,
            created: now,
            expires: said.expires,
            accepted: None,
        };
        let content = PackageContent { document: SignedPackage::unsigned(said.clone()).bytes(), hosts: b"[]".to_vec(), notes: b"{}".to_vec() };
        let actor = Actor { id: "system".to_owned(), name: None, strength: "none".to_owned(), request: None };
        let mut change = self.store.begin(Intent::new(actor, now, "package.accept", format!("package:{digest}"))).await.map_err(broken)?;
        change.add_package(&row, &content).await.map_err(broken)?;
        change.accept_package(&digest).await.map_err(broken)?;
        change.commit(None).await.map_err(broken)?;
        self.integrate().await?;
        Ok(digest)
    }

    /// Integrates what is pending. The lease of the server that was taken is
    /// waited for by setting the clock.
    pub async fn integrate(&self) -> Result<(), Failure> {
        let later = Timestamp::now() + SignedDuration::from_hours(1);
        let lease = self.store.take_lease(LEASE, "thief", later, SignedDuration::from_hours(1)).await.map_err(broken)?;
        let lease = lease.ok_or_else(|| unfinished("the evidence log", "is held by somebody else"))?;
        self.store.integrate_all(&lease, later).await.map_err(broken)?;
        Ok(())
    }

    /// An answer with a package, and every proof that the log can give.
    pub async fn answer(&self, digest: &str, document: String, remembered: Option<&Remembered>) -> Result<PackageAnswer, StoreError> {
        proven(&self.store, digest, document, remembered).await?.ok_or_else(|| StoreError::not_found(digest))
    }
}
