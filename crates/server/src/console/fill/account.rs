//! One's own account, API tokens, and the question for a fresh proof.

use super::super::views::{Account, ApiTokenRow, Choice, FactorRow, FreshProof, SecondFactorSetup, SessionRow, SquareCode, Tokens};
use super::people::{Places, factor_words, role_words, write_grant};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::factor::NewApp;
use crate::identity::role::{Grant, Role, excess};
use crate::identity::token::TokenView;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// Light squares around a code, which a camera needs to find it (ISO 18004).
const QUIET: usize = 4;

/// Fills the page of one's own account.
///
/// # Errors
///
/// 401 for anybody but a person in a session, and what the directory meets.
pub async fn account(app: &Shared, allowed: &Allowed) -> Result<Account, Refusal> {
    let person = app.identity.own_person(&allowed.principal).await?;
    let proofs = app.identity.own_proofs(&allowed.principal).await?;
    let sessions = app.identity.own_sessions(&allowed.principal).await?;
    let places = Places::read(app).await?;
    let factors: Vec<FactorRow> = proofs
        .factors
        .into_iter()
        .map(|factor| FactorRow {
            id: factor.id,
            kind: factor_words(factor.kind).to_owned(),
            name: factor.label,
            added: factor.created,
            used: factor.last_used,
        })
        .collect();
    let sessions = sessions.into_iter().map(|session| SessionRow {
        id: session.id,
        browser: session.browser.unwrap_or_else(|| "unknown program".to_owned()),
        address: session.address.unwrap_or_default(),
        began: session.created,
        used: session.last_used,
        own: session.current,
    });
    Ok(Account {
        account: person.account,
        name: person.name,
        mail: person.email,
        roles: person.grants.iter().map(|grant| places.held(grant)).collect(),
        password: proofs.password,
        recovery_codes: (!factors.is_empty()).then_some(u64::from(proofs.recovery_codes)),
        factors,
        setup: None,
        new_recovery_codes: Vec::new(),
        passkeys_possible: proofs.passkeys_possible,
        sessions: sessions.collect(),
    })
}

/// An authenticator program's key, as text and as a code to photograph.
pub fn square_code(new: NewApp) -> SecondFactorSetup {
    let groups: Vec<_> = new.seed.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    SecondFactorSetup { ticket: new.ticket, secret: groups.join(" "), picture: draw(&new.url), address: new.url }
}

/// Draws a code: one unit square for each dark module. None for an address
/// that is too long for any code; it can be typed then.
fn draw(address: &str) -> Option<SquareCode> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (place, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            let _ = write!(path, "M{} {}h1v1h-1z", place % width + QUIET, place / width + QUIET);
        }
    }
    Some(SquareCode { side: width + 2 * QUIET, path })
}

/// Asks the person for a fresh proof.
///
/// # Errors
///
/// 409 `E-NO-PROOF`, and what the directory meets.
pub async fn fresh_proof(app: &Shared, allowed: &Allowed, next: &str, trouble: Option<&Refusal>) -> Result<FreshProof, Refusal> {
    let question = app.identity.ask_fresh(&allowed.principal).await?;
    Ok(FreshProof {
        ticket: question.ticket,
        code: question.code,
        recovery_code: question.recovery_code,
        password: question.password,
        passkey: question.passkey.map(|options| options.to_string()),
        next: next.to_owned(),
        trouble: trouble.map(|refusal| format!("{}; {}", refusal.detail(), refusal.next())),
    })
}

/// Fills the page of one's own API tokens.
///
/// # Errors
///
/// 401 for anybody but a person in a session, and what the directory meets.
pub async fn tokens(app: &Shared, allowed: &Allowed) -> Result<Tokens, Refusal> {
    let places = Places::read(app).await?;
    let row = |token: TokenView| ApiTokenRow {
        id: token.id.to_string(),
        name: token.name,
        scopes: token.grants.iter().map(|grant| places.held(grant)).collect(),
        made: token.created,
        expires: token.expires,
        used: token.last_used,
        revoked: token.revoked.is_some(),
    };
    let tokens = app.identity.own_tokens(&allowed.principal).await?;
    let scopes = givable(allowed.principal.grants()).into_iter().map(|grant| {
        let held = places.held(&grant);
        Choice { value: write_grant(&grant), text: format!("{}, {}", role_words(grant.role), held.scope), count: None }
    });
    Ok(Tokens {
        rows: tokens.into_iter().map(row).collect(),
        scopes: scopes.collect(),
        days: app.identity.longest_token_days(),
        created: None,
    })
}

/// Every role that gives no more than what is held where it is held.
fn givable(held: &[Grant]) -> Vec<Grant> {
    let mut out: Vec<Grant> = held
        .iter()
        .flat_map(|grant| Role::ALL.map(|role| Grant { role, ..*grant }))
        .filter(|grant| excess(&[*grant], held).is_none())
        .collect();
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::model::identifier::ClientId;

    #[test]
    fn a_form_offers_no_more_than_its_reader_holds() {
        let client = ClientId::from_bits(1);
        let operator = [Grant::at(Role::Operator, client)];
        let author = Grant::at(Role::PolicyAuthor, client);
        assert_eq!(givable(&operator), [Grant::at(Role::Viewer, client), operator[0], author, Grant::at(Role::Auditor, client)]);
        // The auditor of one client may there what a viewer may, and reads no
        // log; its policy author may record exceptions, and changes no policy.
        assert_eq!(excess(&[Grant::everywhere(Role::Auditor)], &operator), Some(crate::identity::role::Permission::ReadFleet));
        assert_eq!(givable(&[]), []);
    }

    #[test]
    fn a_code_is_drawn_in_unit_squares() {
        let code = draw("otpauth://totp/Plimsoll:ingrid?secret=JBSWY3DPEHPK3PXP&issuer=Plimsoll").unwrap();
        assert!(code.path.starts_with("M4 4h1v1h-1z") && code.side >= 29 + 2 * QUIET, "{}", code.side);
        assert!(draw(&"x".repeat(5_000)).is_none());
    }
}
