//! Every route of the API with who may use it.

use super::{accreditations, acts, alerts, applications, calendar, clients, deployment_packages, exceptions, findings, forensics, groups, history, hosts, knowledge, mitigations, notices, packages, questions, reports, rollouts, scanners, teams, watches, webhooks, work};
use crate::app::Shared;
use crate::http::json::Json;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plimsoll_formats::protocol::Limits;
use serde_json::json;

/// Largest request with a policy: a mebibyte of text, written as JSON.
const POLICY: usize = 4 << 20;

/// Largest list of what was acquired: five thousand entries of some 300 bytes.
const ACQUIRED: usize = 4 << 20;

/// The routes.
pub fn routes() -> Routes<Shared> {
    use Access::{Needs, Public};
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    deploying()
        .merge(accepting())
        .merge(teams::routes())
        .merge(questions::routes())
        .merge(notices::routes())
        .merge(working())
        .route(get.clone(), "/healthz", Public, health)
        .route(get.clone(), "/readyz", Public, ready)
        .route(get.clone(), "/metrics", Needs(Permission::ReadMetrics), metrics)
        .route(get.clone(), "/openapi.json", Public, super::openapi::show)
        .route(get.clone(), "/api/v1/standings", Needs(Permission::ReadFleet), findings::standings)
        .route(get.clone(), "/api/v1/alerts", Needs(Permission::ReadAlerts), alerts::list)
        .route(post.clone(), "/api/v1/alerts/{alert}/close", Needs(Permission::CloseAlerts), alerts::close)
        .route(get.clone(), "/api/v1/hosts", Needs(Permission::ReadFleet), hosts::list)
        .route(get.clone(), "/api/v1/hosts/{host}", Needs(Permission::ReadFleet), hosts::show)
        .route(get.clone(), "/api/v1/hosts/{host}/history", Needs(Permission::ReadFleet), history::host)
        .route(get.clone(), "/api/v1/findings", Needs(Permission::ReadFleet), findings::list)
        .route(get.clone(), "/api/v1/advisories", Needs(Permission::ReadFleet), findings::advisories)
        .route(get.clone(), "/api/v1/advisories/{advisory}", Needs(Permission::ReadFleet), findings::advisory)
        .route(get.clone(), "/api/v1/packages", Needs(Permission::ReadFleet), packages::list)
        .route(get.clone(), "/api/v1/packages/{stream}/{name}", Needs(Permission::ReadFleet), packages::show)
        .route(get.clone(), "/api/v1/sources", Needs(Permission::ReadKnowledge), knowledge::sources)
        .route(get.clone(), "/api/v1/sources/watches", Needs(Permission::ReadKnowledge), watches::list)
        .route(Method::POST, "/api/v1/sources/looks", Needs(Permission::EditExceptions), watches::look)
        .route(get.clone(), "/api/v1/exposure", Needs(Permission::ReadFleet), knowledge::exposure)
        .route(get.clone(), "/api/v1/policy", Needs(Permission::ReadPolicy), knowledge::policies)
        .route(get.clone(), "/api/v1/policy/file", Needs(Permission::ReadPolicy), knowledge::policy_file)
        .route_up_to(POLICY, post.clone(), "/api/v1/policy/check", Needs(Permission::EditPolicy), knowledge::check_policy)
        .route_up_to(POLICY, post.clone(), "/api/v1/policy/simulate", Needs(Permission::EditPolicy), knowledge::simulate_policy)
        .route_up_to(POLICY, Method::PUT, "/api/v1/policy/file", Needs(Permission::EditPolicy), knowledge::set_policy)
        .route(post.clone(), "/api/v1/policy/review", Needs(Permission::EditPolicy), knowledge::review_policy)
        .route(get.clone(), "/api/v1/policy/versions", Needs(Permission::ReadPolicy), knowledge::policy_versions)
        .route_up_to(POLICY, post.clone(), "/api/v1/policy/versions", Needs(Permission::EditPolicy), knowledge::propose_policy)
        .route(get.clone(), "/api/v1/policy/versions/{number}", Needs(Permission::ReadPolicy), knowledge::policy_version)
        .route(post.clone(), "/api/v1/policy/versions/{number}/comment", Needs(Permission::CommentPolicy), knowledge::comment_policy)
        .route(post.clone(), "/api/v1/policy/versions/{number}/outline", Needs(Permission::ApprovePolicy), knowledge::outline_policy)
        .route(post.clone(), "/api/v1/policy/versions/{number}/approve", Needs(Permission::ApprovePolicy), knowledge::approve_policy)
        .route(post.clone(), "/api/v1/policy/versions/{number}/refuse", Needs(Permission::ApprovePolicy), knowledge::refuse_policy)
        .route(post.clone(), "/api/v1/policy/versions/{number}/withdraw", Needs(Permission::EditPolicy), knowledge::withdraw_policy)
        .route(get.clone(), "/api/v1/applications", Needs(Permission::ReadFleet), applications::list)
        .route(get.clone(), "/api/v1/applications/{application}", Needs(Permission::ReadFleet), applications::show)
        .route(get.clone(), "/api/v1/applications/{application}/findings", Needs(Permission::ReadFleet), applications::findings)
        .route(get.clone(), "/api/v1/clients", Needs(Permission::ReadFleet), clients::list)
        .route(post.clone(), "/api/v1/clients", Needs(Permission::EditClients), clients::make)
        .route(patch.clone(), "/api/v1/clients/{client}", Needs(Permission::EditClients), clients::edit)
        .route(get.clone(), "/api/v1/groups", Needs(Permission::ReadFleet), groups::list)
        .route(get.clone(), "/api/v1/groups/{group}", Needs(Permission::ReadFleet), groups::show)
        .route(get.clone(), "/api/v1/groups/{group}/hosts", Needs(Permission::ReadFleet), groups::members)
        .route(get, "/api/v1/evidence", Needs(Permission::ReadEvidence), history::evidence)
        .route(patch.clone(), "/api/v1/hosts/{host}", Needs(Permission::EditHosts), acts::edit)
        .route(post.clone(), "/api/v1/applications", Needs(Permission::EditApplications), applications::make)
        .route(patch.clone(), "/api/v1/applications/{application}", Needs(Permission::EditApplications), applications::edit)
        .route(Method::DELETE, "/api/v1/applications/{application}", Needs(Permission::EditApplications), applications::delete)
        .route_up_to(
            Limits::REPORT.compressed,
            Method::PUT,
            "/api/v1/applications/{application}/sbom",
            Needs(Permission::EditApplications),
            applications::put_sbom,
        )
        .route(post.clone(), "/api/v1/groups", Needs(Permission::EditGroups), groups::make)
        .route(patch, "/api/v1/groups/{group}", Needs(Permission::EditGroups), groups::edit)
        .route(Method::PUT, "/api/v1/groups/{group}/hosts", Needs(Permission::EditGroups), groups::name_members)
        .route(Method::DELETE, "/api/v1/groups/{group}", Needs(Permission::EditGroups), groups::delete)
        .route(post.clone(), "/api/v1/hosts/{host}/accept", Needs(Permission::EditHosts), acts::accept)
        .route(post.clone(), "/api/v1/hosts/{host}/retire", Needs(Permission::EditHosts), acts::retire)
        .route(post.clone(), "/api/v1/hosts/{host}/unflag", Needs(Permission::EditHosts), acts::unflag)
        .route(post.clone(), "/api/v1/hosts", Needs(Permission::ImportHosts), acts::enter)
        .route(Method::GET, "/api/v1/scanner-results", Needs(Permission::ReadFleet), scanners::list)
        .route_up_to(
            crate::scanners::FILE,
            post.clone(),
            "/api/v1/hosts/{host}/scanner-results",
            Needs(Permission::ImportHosts),
            scanners::bring,
        )
        .route_up_to(
            Limits::REPORT.compressed,
            post.clone(),
            "/api/v1/imports",
            Needs(Permission::ImportHosts),
            acts::import,
        )
        .route(post.clone(), "/api/v1/enrolment-tokens", Needs(Permission::EnrolHosts), acts::make_token)
        .route(Method::GET, "/api/v1/webhooks", Needs(Permission::ReadNotifications), webhooks::list)
        .route(post.clone(), "/api/v1/webhooks", Needs(Permission::EditNotifications), webhooks::make)
        .route(Method::PATCH, "/api/v1/webhooks/{webhook}", Needs(Permission::EditNotifications), webhooks::edit)
        .route(Method::DELETE, "/api/v1/webhooks/{webhook}", Needs(Permission::EditNotifications), webhooks::delete)
        .route(post.clone(), "/api/v1/webhooks/{webhook}/secret", Needs(Permission::EditNotifications), webhooks::renew_secret)
        .route(post.clone(), "/api/v1/webhooks/{webhook}/test", Needs(Permission::EditNotifications), webhooks::test)
        .route(Method::GET, "/api/v1/webhooks/{webhook}/deliveries", Needs(Permission::ReadNotifications), webhooks::deliveries)
        .route(post, "/api/v1/deliveries/{delivery}/send-again", Needs(Permission::EditNotifications), webhooks::send_again)
}

/// Routes of what is accepted for a time instead of patched.
fn accepting() -> Routes<Shared> {
    use Access::Needs;
    let (get, post, edit) = (Method::GET, Method::POST, Needs(Permission::EditExceptions));
    Routes::new()
        .route(get.clone(), "/api/v1/exceptions", Needs(Permission::ReadFleet), exceptions::list)
        .route(post.clone(), "/api/v1/exceptions", edit, exceptions::request)
        .route(get.clone(), "/api/v1/exceptions/{exception}", Needs(Permission::ReadFleet), exceptions::show)
        .route(post.clone(), "/api/v1/exceptions/{exception}/renew", edit, exceptions::renew)
        .route(post.clone(), "/api/v1/exceptions/{exception}/review", edit, exceptions::review)
        .route(post.clone(), "/api/v1/exceptions/{exception}/withdraw", edit, exceptions::withdraw)
        .route(post.clone(), "/api/v1/exceptions/{exception}/approve", Needs(Permission::Approve), exceptions::approve)
        .route(post.clone(), "/api/v1/exceptions/{exception}/refuse", Needs(Permission::RefuseExceptions), exceptions::refuse)
        .route(get.clone(), "/api/v1/accreditations", Needs(Permission::ReadFleet), accreditations::list)
        .route(post.clone(), "/api/v1/accreditations", Needs(Permission::Approve), accreditations::give)
        .route(post.clone(), "/api/v1/accreditations/{accreditation}/withdraw", Needs(Permission::StopRollouts), accreditations::withdraw)
        .route(get.clone(), "/api/v1/mitigations", Needs(Permission::ReadFleet), mitigations::list)
        .route(post.clone(), "/api/v1/mitigations", edit, mitigations::add)
        .route(get.clone(), "/api/v1/triages", Needs(Permission::ReadFleet), forensics::list)
        .route(get.clone(), "/api/v1/hosts/{host}/triage", Needs(Permission::ReadFleet), forensics::show)
        .route(post.clone(), "/api/v1/hosts/{host}/triage", edit, forensics::say)
        .route(get, "/api/v1/mitigations/{mitigation}", Needs(Permission::ReadFleet), mitigations::show)
        .route(post.clone(), "/api/v1/mitigations/{mitigation}/verify", edit, mitigations::verify)
        .route(post, "/api/v1/mitigations/{mitigation}/remove", edit, mitigations::remove)
}

/// Longest work log with what JSON adds to it.
const WORK_LOG: usize = 4 << 20;

/// Routes of hours that people say.
fn working() -> Routes<Shared> {
    use Access::Needs;
    let (get, post, record) = (Method::GET, Method::POST, Needs(Permission::RecordWork));
    Routes::new()
        .route(get, "/api/v1/work", Needs(Permission::ReadWork), work::list)
        .route(post.clone(), "/api/v1/work", record, work::add)
        .route(post.clone(), "/api/v1/work/start", record, work::start)
        .route(post.clone(), "/api/v1/work/stop", record, work::stop)
        .route_up_to(WORK_LOG, post.clone(), "/api/v1/work/import", record, work::import)
        .route(post, "/api/v1/work/{work}/correct", record, work::correct)
}

/// Routes of packages and rollouts.
fn deploying() -> Routes<Shared> {
    use Access::Needs;
    let (get, post) = (Method::GET, Method::POST);
    let read = Needs(Permission::ReadFleet);
    Routes::new()
        .route_up_to(ACQUIRED, post.clone(), "/api/v1/acquired", Needs(Permission::DraftPackages), deployment_packages::acquire)
        .route(get.clone(), "/api/v1/deployment-packages", read, deployment_packages::list)
        .route(post.clone(), "/api/v1/deployment-packages", Needs(Permission::DraftPackages), deployment_packages::draft)
        .route(get.clone(), "/api/v1/deployment-packages/{package}", read, deployment_packages::show)
        .route(get.clone(), "/api/v1/deployment-packages/{package}/document", read, deployment_packages::document)
        .route(get.clone(), "/api/v1/deployment-packages/{package}/hosts", read, deployment_packages::hosts)
        .route(post.clone(), "/api/v1/deployment-packages/{package}/signatures", Needs(Permission::SubmitSignatures), deployment_packages::sign)
        .route(post.clone(), "/api/v1/deployment-packages/{package}/approve", Needs(Permission::Approve), deployment_packages::approve)
        .route(post.clone(), "/api/v1/deployment-packages/{package}/remarks", Needs(Permission::SubmitSignatures), deployment_packages::remark)
        .route(post.clone(), "/api/v1/deployment-packages/{package}/withdraw", Needs(Permission::DraftPackages), deployment_packages::withdraw)
        .route(get.clone(), "/api/v1/rollouts", read, rollouts::list)
        .route(post.clone(), "/api/v1/rollouts", Needs(Permission::RunRollouts), rollouts::start)
        .route(get.clone(), "/api/v1/rollouts/{package}", read, rollouts::show)
        .route(get.clone(), "/api/v1/rollouts/{package}/hosts", read, rollouts::hosts)
        .route(get.clone(), "/api/v1/rollouts/{package}/record", read, rollouts::record)
        .route(get.clone(), "/api/v1/rollouts/{package}/calendar", read, calendar::calendar)
        .route(get.clone(), "/api/v1/reports/events", read, reports::told)
        .route(get.clone(), "/api/v1/reports/made", read, reports::made)
        .route(get.clone(), "/api/v1/reports/made/{report}", read, reports::made_one)
        .route(get, "/api/v1/reports/{report}", read, reports::report)
        .route(post.clone(), "/api/v1/rollouts/{package}/pause", Needs(Permission::StopRollouts), rollouts::pause)
        .route(post.clone(), "/api/v1/rollouts/{package}/resume", Needs(Permission::RunRollouts), rollouts::resume)
        .route(post.clone(), "/api/v1/rollouts/{package}/looks", Needs(Permission::RunRollouts), rollouts::look)
        .route(post.clone(), "/api/v1/rollouts/{package}/tickets", Needs(Permission::StopRollouts), rollouts::ticket)
        .route(post, "/api/v1/rollouts/{package}/abort", Needs(Permission::StopRollouts), rollouts::abort)
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "up" }))
}

/// Ready once the store answers; a load balancer sends nothing before that.
async fn ready(State(app): State<Shared>) -> Response {
    match app.store.ping().await {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(error) => {
            let body = json!({ "status": "not ready", "code": error.problem.code });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State(app): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}
