//! **Certify**: takes signatures that people made elsewhere, and accepts a
//! package once nothing is missing; [`approval`] takes what they say beside.

pub mod approval;

use crate::app::{News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::rollouts;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::authorisation::Remark;
use plimsoll_core::model::because::Explained;
use plimsoll_core::phases::certify::{Decision, Input, decide};
use plimsoll_formats::trust::{Role, Root, Signature, SignedPackage};
use plimsoll_store::Intent;
use plimsoll_store::deployment_packages::{ACCEPT, PackageRow, PackageSignature, PackageState};

/// How often a judgement is made again when people speak meanwhile.
const TRIES: usize = 8;

/// The root document in force, where this server has one.
///
/// # Errors
///
/// 409 `E-ROOT` without one.
pub fn root(app: &Shared) -> Result<&Root, Refusal> {
    app.root.as_ref().map(|root| &root.root).ok_or_else(|| {
        Refusal::new(StatusCode::CONFLICT, "E-ROOT", "this server has no root document, so that it knows nobody's key", "start it with `--root`")
    })
}

/// What is missing before a package may be accepted.
///
/// # Errors
///
/// As [`root`]; what the store meets.
pub async fn judge(app: &Shared, signed: &SignedPackage) -> Result<Explained<Decision>, Refusal> {
    judge_with(app, signed, app.store.remarks(&signed.digest()).await?).await
}

async fn judge_with(app: &Shared, signed: &SignedPackage, remarks: Vec<Remark>) -> Result<Explained<Decision>, Refusal> {
    let root = root(app)?;
    let facts = approval::Facts::gather(app, signed, remarks).await?;
    Ok(decide(&Input {
        question: facts.question(signed.package(), Timestamp::now()),
        policy: &facts.held.digest(),
        threshold: u32::try_from(root.keys(Role::Targets).1).unwrap_or(u32::MAX),
    }))
}

/// Takes a signature, and accepts the package where it was the last that was
/// missing.
///
/// # Errors
///
/// 403 `E-SOD` for the author's own; 400 `E-SIGNATURE` where it is not one of the root's people over this
/// package; 409 `E-STATE` where the package takes none any more.
pub async fn submit(app: &Shared, allowed: &Allowed, package: &PackageRow, given: Signature) -> Result<PackageRow, Refusal> {
    let root = root(app)?;
    let mut signed = rollouts::signed(app, &package.digest).await?;
    let (keyid, signature) = (given.keyid.clone(), given.sig.clone());
    signed.add(given);
    let Some(person) = signed.signed_by(root).remove(&keyid) else {
        let text = "the signature is not one of the root document's people over exactly this package";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "E-SIGNATURE", text, "sign it with `plimsoll package sign` and a key of the root document in force").at(format!("package:{}", package.digest)));
    };
    if person == package.author && !root.is_evaluation() {
        let text = format!("author {person} cannot approve {} {}", package.name, package.version);
        return Err(Refusal::new(StatusCode::FORBIDDEN, "E-SOD", text, "have somebody else sign it").at(format!("package:{}", package.digest)));
    }
    let now = Timestamp::now();
    let row = PackageSignature { keyid, person, signature, added: now };
    let actor = crate::api::acts::actor(allowed);
    let intent = Intent::new(actor.clone(), now, "package.sign", format!("package-draft:{}", package.digest));
    let mut change = app.store.begin(intent).await?;
    change.add_package_signature(&package.digest, &row).await?;
    change.commit(None).await?;
    let now_signed = PackageRow { state: PackageState::Signed, ..package.clone() };
    let after = accept_if_certified(app, actor, now_signed, &signed).await?;
    let _ = app.news.send(News::Other);
    Ok(after)
}

/// Accepts a package where nothing is missing any more.
async fn accept_if_certified(app: &Shared, actor: plimsoll_store::Actor, package: PackageRow, signed: &SignedPackage) -> Result<PackageRow, Refusal> {
    for _ in 0..TRIES {
        let remarks = app.store.remarks(&package.digest).await?;
        let certified = judge_with(app, signed, remarks.clone()).await?.decision.certified && signed.approved("package", root(app)?).is_ok();
        if !certified {
            return Ok(package);
        }
        match accept(app, actor.clone(), &package, &remarks).await {
            Err(refusal) if refusal.code() == "E-RACE" => {}
            done => return done,
        }
    }
    Err(raced(&package))
}

/// Writes the leaf that hosts look for, unless somebody said something after
/// `judged` was read: that may have been a refusal.
async fn accept(app: &Shared, actor: plimsoll_store::Actor, package: &PackageRow, judged: &[Remark]) -> Result<PackageRow, Refusal> {
    let intent = Intent::new(actor, Timestamp::now(), ACCEPT, format!("package:{}", package.digest));
    let mut change = app.store.begin(intent).await?;
    if change.hold_remarks(&package.digest).await? != judged {
        return Err(raced(package));
    }
    let row = change.accept_package(&package.digest).await?;
    change.commit(None).await?;
    tracing::info!(package = package.digest, name = package.name, "a package was accepted");
    Ok(row)
}

fn raced(package: &PackageRow) -> Refusal {
    let text = format!("people said something of {} {} while it was judged", package.name, package.version);
    Refusal::new(StatusCode::CONFLICT, "E-RACE", text, "look at it and try again").at(format!("package:{}", package.digest))
}
