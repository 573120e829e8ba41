//! Signed **deployment packages** and **assignments**.

use super::envelope::{Envelope, Signature, canonical};
use super::key_file::{KeyFile, Signs};
use super::root::{Role, Root};
use jiff::Timestamp;
use plimsoll_core::model::assignment::Assignment;
use plimsoll_core::model::deployment_package::DeploymentPackage;
use plimsoll_core::model::problem::Problem;
use std::collections::BTreeMap;

/// Largest package: a release upgrade of five streams has some 2 MiB.
const PACKAGE_LIMIT: usize = 8 << 20;
/// Largest assignment: a proof in a tree of a million hosts has 20 hashes.
const ASSIGNMENT_LIMIT: usize = 16 << 10;

/// A deployment package with signatures, which [`Self::approved`] checks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedPackage {
    envelope: Envelope<DeploymentPackage>,
}

impl SignedPackage {
    /// Takes a package that nobody has signed yet.
    pub fn unsigned(package: DeploymentPackage) -> Self {
        Self { envelope: Envelope { signatures: Vec::new(), signed: package } }
    }

    /// Reads a package, whoever signed it.
    ///
    /// # Errors
    ///
    /// `E-FORMAT` for what is no package in its one spelling and within bounds.
    pub fn read(place: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let envelope: Envelope<DeploymentPackage> = Envelope::read(place, bytes, PACKAGE_LIMIT)?;
        if envelope.signed.schema != DeploymentPackage::SCHEMA {
            let text = format!("is of the schema {:?}, {:?} is needed", envelope.signed.schema, DeploymentPackage::SCHEMA);
            return Err(Problem::new("E-FORMAT", place, text, "update whichever side is older"));
        }
        Ok(Self { envelope })
    }

    /// What it says. Nothing of it may be acted on before [`Self::approved`].
    pub fn package(&self) -> &DeploymentPackage {
        &self.envelope.signed
    }

    /// SHA-256 of what is signed, hex; the same before and after signing.
    pub fn digest(&self) -> String {
        self.envelope.digest()
    }

    /// Its signatures, unchecked.
    pub fn signatures(&self) -> &[Signature] {
        &self.envelope.signatures
    }

    /// The whole document.
    pub fn bytes(&self) -> Vec<u8> {
        canonical(&self.envelope)
    }

    /// Signs it; a second signature with the same key replaces the first.
    ///
    /// # Errors
    ///
    /// `E-KEY` where the root does not name the key, or it does not sign.
    pub fn sign(&mut self, key: &impl Signs, root: &Root) -> Result<(), Problem> {
        let id = known(key, root)?;
        let message = self.envelope.message();
        self.add(Signature::new(id, key, &message)?);
        Ok(())
    }

    /// Takes over a signature made elsewhere, unchecked.
    pub fn add(&mut self, signature: Signature) {
        self.envelope.signatures.retain(|other| other.keyid != signature.keyid);
        self.envelope.signatures.push(signature);
        self.envelope.signatures.sort();
    }

    /// Whose signatures hold, by key: people of the root's `targets` role, the
    /// author among them where they signed.
    pub fn signed_by(&self, root: &Root) -> BTreeMap<String, String> {
        let message = self.envelope.message();
        let signers = root.signers(Role::Targets, &message, &self.envelope.signatures);
        signers.into_iter().map(|id| (id.to_owned(), root.person_of(id).unwrap_or(id).to_owned())).collect()
    }

    /// Checks that enough distinct people of the root's `targets` role signed
    /// it, its author not among them.
    ///
    /// # Errors
    ///
    /// `E-SIG-THRESHOLD` where too few signed, `E-SOD` where they would be
    /// enough but for its author.
    pub fn approved(&self, place: &str, root: &Root) -> Result<(), Problem> {
        root.approves(place, &self.envelope.message(), &self.envelope.signatures, &self.envelope.signed.author)
    }
}

fn known(key: &impl Signs, root: &Root) -> Result<String, Problem> {
    root.id_of(key.public()).map(str::to_owned).ok_or_else(|| {
        let text = "belongs to nobody whom the root document names";
        Problem::new("E-KEY", "key file", text, "use a key of the root document in force, see `plimsoll root show`")
    })
}

/// An assignment whose signature was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedAssignment {
    /// What it says.
    pub assignment: Assignment,
    bytes: Vec<u8>,
}

impl SignedAssignment {
    /// Signs an assignment with the server's online key.
    ///
    /// # Errors
    ///
    /// `E-KEY` where the root does not name the key.
    pub fn sign(assignment: Assignment, online: &KeyFile, root: &Root) -> Result<Self, Problem> {
        let message = canonical(&assignment);
        let signatures = vec![Signature::new(known(online, root)?, online, &message)?];
        let envelope = Envelope { signatures, signed: assignment };
        let bytes = canonical(&envelope);
        Ok(Self { assignment: envelope.signed, bytes })
    }

    /// Reads an assignment that the root's online key signed and that still
    /// means something.
    ///
    /// # Errors
    ///
    /// `E-FORMAT`; `E-ASSIGN-SIG` where the online key did not sign it;
    /// `E-ASSIGN-EXPIRED`.
    pub fn read(place: &str, bytes: &[u8], root: &Root, now: Timestamp) -> Result<Self, Problem> {
        let envelope: Envelope<Assignment> = Envelope::read(place, bytes, ASSIGNMENT_LIMIT)?;
        let refused = |code: &str, text: String| Problem::new(code, place, text, "nothing was done; look at the server if this repeats");
        if envelope.signed.schema != Assignment::SCHEMA {
            return Err(refused("E-FORMAT", format!("is of the schema {:?}, {:?} is needed", envelope.signed.schema, Assignment::SCHEMA)));
        }
        let signed = root.signers(Role::Timestamp, &envelope.message(), &envelope.signatures).len();
        let (_, threshold) = root.keys(Role::Timestamp);
        if signed < threshold {
            return Err(refused("E-ASSIGN-SIG", format!("is signed by {signed} of the root's online keys, {threshold} are needed")));
        }
        if now >= envelope.signed.expires {
            return Err(refused("E-ASSIGN-EXPIRED", format!("ended at {}, now is {now}", envelope.signed.expires)));
        }
        Ok(Self { assignment: envelope.signed, bytes: bytes.to_vec() })
    }

    /// The whole document.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
