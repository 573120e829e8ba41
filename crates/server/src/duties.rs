//! **Duties**: acts that the policy's `[roles]` leave to those whom it names for
//! the phase. A role of the server says what somebody may do at all; this says
//! whose work it is.

use crate::app::App;
use crate::exceptions::person;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use axum::http::StatusCode;

/// Holds who acts against whom the policy in force names for a phase.
///
/// # Errors
///
/// 403 `E-ROLE` for somebody whom it does not name.
pub async fn hold(app: &App, allowed: &Allowed, phase: &'static str) -> Result<(), Refusal> {
    let policy = app.policy();
    let Some(named) = policy.governance.duty(phase) else { return Ok(()) };
    let who = person(app, allowed).await?;
    if policy.governance.stands_for(named, &who.account, who.email.as_deref()) {
        return Ok(());
    }
    let text = format!("the policy in force leaves this to {named} (roles.{phase}), and {} is none of them", who.account);
    Err(Refusal::new(StatusCode::FORBIDDEN, "E-ROLE", text, "have one of them do it, or have the policy changed"))
}
