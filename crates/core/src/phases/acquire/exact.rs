//! One package, named exactly: which file is it?

use super::{Offer, Offers, is_every};
use crate::model::artefact::Artefact;
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::problem::Problem;

/// A package that somebody names exactly: a host's plan, a deployment package.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Exact<'a> {
    /// Package name.
    pub name: &'a str,
    /// Version; for rpm `epoch:version-release`, the epoch where it is not 0.
    pub version: &'a str,
    /// Architecture; `all` and `noarch` fit every other.
    pub arch: &'a str,
    /// The repository that must offer it, as [`Offering::name`](super::Offering)
    /// writes it; none takes any.
    pub repository: Option<&'a str>,
    /// SHA-256 that its file must have, hex; none takes what is offered, as long
    /// as all repositories offer the same bytes.
    pub sha256: Option<&'a str>,
}

/// Finds the one file that is meant.
///
/// # Errors
///
/// `E-NOT-OFFERED`, by nobody or not by the repository that was named;
/// `E-OTHER-BYTES` where one version is offered with several contents, whichever
/// repository was named: one of them is not what it says.
pub fn exactly(offers: &Offers<'_>, wanted: &Exact<'_>) -> Result<Explained<Artefact>, Problem> {
    let (offer, why) = find(offers, wanted)?;
    Ok(Explained { decision: offers.artefact(offer), because: vec![why] })
}

/// The one offer of exactly this package, and why it is the one.
pub(super) fn find<'o, 'a>(offers: &'o Offers<'a>, wanted: &Exact<'_>) -> Result<(&'o Offer<'a>, Because), Problem> {
    let place = format!("{} {} [{}]", wanted.name, wanted.version, wanted.arch);
    let fits = |offer: &Offer<'_>| offer.version == wanted.version && (offer.arch == wanted.arch || is_every(offer.arch) || is_every(wanted.arch));
    let found: Vec<&'o Offer<'a>> = offers.named(wanted.name).map(|(_, offer)| offer).filter(|offer| fits(offer)).collect();
    let Some(first) = found.first() else {
        return Err(Problem::new(
            "E-NOT-OFFERED",
            &place,
            "is wanted exactly so, and no repository given here offers it",
            "add its repository, or scan the host again: archives drop versions when newer ones appear",
        ));
    };
    let stated = wanted.sha256.map(str::to_ascii_lowercase);
    let chosen = match &stated {
        Some(digest) => found.iter().find(|offer| offer.sha256 == digest),
        None => Some(first),
    };
    let Some(chosen) = chosen else {
        return Err(Problem::new(
            "E-OTHER-BYTES",
            &place,
            format!(
                "is wanted with SHA-256 {} and has {} in {}: the same version with other bytes",
                stated.unwrap_or_default(),
                first.sha256,
                offers.repository(first)
            ),
            "find out which of the two is right before either is installed anywhere",
        ));
    };
    let others = found.iter().filter(|offer| offer.sha256 != chosen.sha256).count();
    if stated.is_none() && others > 0 {
        return Err(Problem::new(
            "E-OTHER-BYTES",
            &place,
            format!("is offered with {} different contents, and nobody says which is meant", others + 1),
            "leave out the repository that is not meant",
        ));
    }
    let offer = match wanted.repository {
        None => chosen,
        Some(name) => found.iter().find(|offer| offer.sha256 == chosen.sha256 && offers.repository(offer) == name).ok_or_else(|| {
            let text = format!("is offered by {} and not by {}, which was named", offers.repository(chosen), crate::model::problem::printable(name));
            Problem::new("E-NOT-OFFERED", &place, text, "name the repository that offers it")
        })?,
    };
    let proof = if stated.is_some() { "with the digest that was named" } else { "" };
    let text = format!("{} offers version {} {proof}", offers.repository(offer), wanted.version);
    Ok((offer, Because::new(BecauseKind::Origin, text.trim_end())))
}
