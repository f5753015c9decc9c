//! Devices without a browser (RFC 8628): what the device is told, and the page for its person.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use kit::auth::oauth::{Decision, DeviceAsked, OAuthError};
use kit::http::{Json, Peer};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::super::Platform;
use super::authorize::{again, login};
use super::fields::{Form, Parameters};
use super::page::Page;
use super::refusal::{OAuthErrorAnswer, Refusal, told};
use super::{Issuer, NEVER_KEPT, client};

/// What a device sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form; `Fields` reads it")]
pub(in super::super) struct DeviceForm {
    /// Unless the client shows itself by `Authorization: Basic`.
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
}

/// What a device is told.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct DeviceStartAnswer {
    /// For the token endpoint.
    device_code: String,
    /// For the person.
    user_code: String,
    verification_uri: String,
    /// With the code in it, for a QR code.
    verification_uri_complete: String,
    /// In seconds.
    expires_in: u64,
    /// Seconds between two questions.
    interval: u64,
}

/// Begin a device's wait for its person.
#[utoipa::path(post, path = "/oauth/device_authorization", tag = "oauth",
    operation_id = "oauth_device_authorization",
    request_body(content = DeviceForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The codes", body = DeviceStartAnswer),
        (status = 400, description = "Why there are none", body = OAuthErrorAnswer),
        (status = 401, description = "The client is unknown", body = OAuthErrorAnswer),
        (status = 503, description = "Not now", body = OAuthErrorAnswer)))]
pub(in super::super) async fn begin(
    State(platform): State<Platform>,
    Issuer(issuer): Issuer,
    headers: HeaderMap,
    Form(fields): Form,
) -> Result<impl IntoResponse, Refusal> {
    let credential = client(&headers, &fields)?;
    let start = platform.auth.begin_device(credential, fields.text("scope")).await?;
    let uri = format!("{issuer}/oauth/device");
    let answer = DeviceStartAnswer {
        device_code: start.device_code.expose().to_owned(),
        verification_uri_complete: format!("{uri}?user_code={}", start.user_code),
        verification_uri: uri,
        user_code: start.user_code,
        expires_in: start.expires_in.as_secs(),
        interval: start.interval.as_secs(),
    };
    Ok((NEVER_KEPT, Json(answer)))
}

/// Where a person is.
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters; `Fields` reads them")]
pub(in super::super) struct DevicePageForm {
    /// As the device shows it; none to be asked for it.
    user_code: Option<String>,
}

/// The page on which a person types a device's code, then sees who asks.
#[utoipa::path(get, path = "/oauth/device", tag = "oauth",
    operation_id = "oauth_device_page", params(DevicePageForm),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 403, description = "No such code: the page again", body = String,
            content_type = "text/html"),
        (status = 429, description = "Too many wrong codes: the page again", body = String,
            content_type = "text/html")))]
pub(in super::super) async fn show(
    State(platform): State<Platform>,
    Extension(peer): Extension<Peer>,
    Parameters(fields): Parameters,
) -> Response {
    let Some(code) = fields.ok().and_then(|fields| fields.text("user_code")) else {
        return code_page(StatusCode::OK, None).into_response();
    };
    match platform.auth.device_asked(&code, Some(peer.address.ip())).await {
        Ok(asked) => consent(StatusCode::OK, &asked, None).into_response(),
        Err(error) => code_again(&error),
    }
}

/// The person's answer.
#[utoipa::path(post, path = "/oauth/device", tag = "oauth",
    operation_id = "oauth_device_decision",
    request_body(content = DevicePageForm, content_type = "application/x-www-form-urlencoded",
        description = "With user, password and decision (`allow`, `deny`)"),
    responses(
        (status = 200, description = "The device is told", body = String,
            content_type = "text/html"),
        (status = 400, description = "What is wrong with the form", body = OAuthErrorAnswer),
        (status = 403, description = "Wrong code, name or password: the page again",
            body = String, content_type = "text/html"),
        (status = 429, description = "Too many wrong ones: the page again", body = String,
            content_type = "text/html")))]
pub(in super::super) async fn decide(
    State(platform): State<Platform>,
    Extension(peer): Extension<Peer>,
    Form(fields): Form,
) -> Result<Response, Refusal> {
    let (code, source) = (fields.text("user_code").unwrap_or_default(), Some(peer.address.ip()));
    let asked = match platform.auth.device_asked(&code, source).await {
        Ok(asked) => asked,
        Err(error) => return Ok(code_again(&error)),
    };
    let is_allowed = fields.text("decision").as_deref() == Some("allow");
    let decision = if is_allowed { Decision::Allow(login(&fields, &peer)) } else { Decision::Deny };
    Ok(match platform.auth.decide_device(&code, decision, source).await {
        Ok(()) if is_allowed => done("The device may go on. You can close this page."),
        Ok(()) => done("The device has been refused. You can close this page."),
        Err(OAuthError::Auth(error)) => {
            let (status, remark, wait) = again(&error);
            consent(status, &asked, Some(&remark)).retry_after(wait).into_response()
        }
        Err(OAuthError::AccessDenied) => {
            let remark = "You may do nothing of this yourself, so you cannot allow it.";
            consent(StatusCode::FORBIDDEN, &asked, Some(remark)).into_response()
        }
        Err(error) => code_again(&error),
    })
}

fn code_page(status: StatusCode, remark: Option<&str>) -> Page {
    Page::new(status, "Connect a device")
        .text("Type the code that your device shows.")
        .remark(remark)
        .ask_code("device")
}

fn code_again(error: &OAuthError) -> Response {
    let (remark, wait) = told(error);
    let status = match error {
        OAuthError::Auth(error) => error.status(),
        _ => StatusCode::FORBIDDEN,
    };
    code_page(status, Some(&remark)).retry_after(wait).into_response()
}

fn consent(status: StatusCode, asked: &DeviceAsked, remark: Option<&str>) -> Page {
    let warning = "Go on only if you began this yourself, and the device shows the code";
    Page::new(status, "Connect a device")
        .consent(&asked.client_name, &asked.scopes)
        .text(&format!("{warning} {}.", asked.user_code))
        .remark(remark)
        .sign_in("device", &[("user_code", &asked.user_code)])
}

fn done(text: &str) -> Response {
    Page::new(StatusCode::OK, "Done").text(text).into_response()
}
