//! The **console**: pages for people.
//!
//! A page is a view struct ([`views`]: plain data that the server fills), a
//! template that writes it down, and a function of [`pages`] that joins the
//! two. Nothing in here reads a clock, a database or a request, so every page
//! is drawn and looked at from sample values in the tests.
//!
//! **Escaping.** askama escapes everything in `.html` templates; no template
//! may say `safe`, which a test refuses. Under [`CONTENT_SECURITY_POLICY`] no
//! inline script or style runs, so a mistake there would show as text.
//!
//! **Live without reloading.** `GET /console/live` is a stream of server-sent
//! events; at `event: changed` the page in view fetches itself and swaps the
//! element `#live` (each page's own part) and `#answer` (as of, database,
//! coverage). No second set of templates exists for fragments. The swap waits
//! while somebody reads or types in that part.

mod account;
mod accreditations;
mod alerts;
mod applications;
pub mod assets;
mod exceptions;
pub mod export;
mod entrance;
mod fill;
mod clients;
mod groups;
pub mod handlers;
pub mod lists;
mod mitigations;
mod notices;
pub mod pages;
mod people;
mod policy;
pub mod query;
mod questions;
mod reports;
mod rollouts;
mod teams;
mod triage;
mod watches;
pub mod views;
mod webhooks;
mod work;
pub mod why;
mod wording;

/// The console's routes.
pub fn routes() -> crate::http::routes::Routes<crate::app::Shared> {
    handlers::routes()
        .merge(entrance::routes())
        .merge(account::routes())
        .merge(accreditations::routes())
        .merge(alerts::routes())
        .merge(applications::routes())
        .merge(clients::routes())
        .merge(exceptions::routes())
        .merge(groups::routes())
        .merge(mitigations::routes())
        .merge(notices::routes())
        .merge(triage::routes())
        .merge(watches::routes())
        .merge(people::routes())
        .merge(policy::routes())
        .merge(questions::routes())
        .merge(reports::routes())
        .merge(rollouts::routes())
        .merge(teams::routes())
        .merge(webhooks::routes())
        .merge(work::routes())
}

#[cfg(test)]
mod flows;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;


/// What a browser may do with a page of the console; every answer under
/// `/console` carries it.
///
/// `default-src 'none'` refuses whatever is not named; scripts and styles come
/// from our own files only, and no frame may show us. Charts draw on canvas and
/// set styles through the object model, which the policy allows.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Headers that every page carries, beside its type.
///
/// Pages show what only the reader may see: no cache keeps them, and no other
/// site learns their addresses.
pub const PAGE_HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), publickey-credentials-get=(self), publickey-credentials-create=(self)"),
    // Without it a shared cache might answer a page to a request for its part.
    ("vary", "HX-Request, Cookie"),
];
