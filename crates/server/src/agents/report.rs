//! Reports, whole and as the difference from the last one.

use super::check_in::host;
use super::{actor, answer, refuse};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::phases::evaluate;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{self, CanonicalReport, ReportAnswer, code};

/// Takes a whole report.
pub async fn whole(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Result<Response, Refusal> {
    let id = host(&allowed)?;
    let name = name(&app, id);
    let report = app.compute(move || protocol::read_report(&name, &body)).await;
    take(&app, &allowed, id, report).await
}

/// Takes the difference from the report that the server has.
pub async fn delta(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Result<Response, Refusal> {
    let id = host(&allowed)?;
    let name = name(&app, id);
    let delta = app.compute(move || protocol::read_delta(&name, &body)).await;
    let delta = match delta {
        Ok(delta) => delta,
        Err(problem) => return take(&app, &allowed, id, Err(problem)).await,
    };
    let known = app.fleet.read().host(id).and_then(|managed| {
        let digest = managed.registration.report.clone()?;
        Some((managed.registration.client, digest))
    });
    let lost = || {
        refuse(Problem::new(code::BASE, "delta", "starts from a report that this server does not have", "send the whole report"))
    };
    let (client, digest) = known.filter(|(_, digest)| *digest == delta.base).ok_or_else(lost)?;
    let base = evaluate::stored_report(&app, client, &digest).await?;
    let report = app.compute(move || protocol::apply_delta(&base, &digest, delta)).await;
    take(&app, &allowed, id, report).await
}

fn name(app: &Shared, id: HostId) -> String {
    app.fleet.read().host(id).map(|managed| managed.registration.name.clone()).unwrap_or_default()
}

async fn take(
    app: &Shared,
    allowed: &Allowed,
    id: HostId,
    report: Result<CanonicalReport, Problem>,
) -> Result<Response, Refusal> {
    let report = match report {
        Ok(report) => report,
        Err(problem) => {
            if problem.code != code::BASE {
                // What a host sends in vain is worth a look at that host.
                let words = format!("its report was refused: {} {}", problem.code, problem.text);
                super::check_in::raise(app, allowed, id, &words).await?;
            }
            return Err(refuse(problem));
        }
    };
    let digest = report.digest.clone();
    let counts = evaluate::take(app, id, report, actor(id, allowed)).await?;
    app.metrics.reports.inc();
    answer(&ReportAnswer {
        report: digest,
        findings: u64::from(counts.findings.unwrap_or(0)),
        overdue: u64::from(counts.overdue),
        next_seconds: app.configuration.check_in_seconds,
    })
}
