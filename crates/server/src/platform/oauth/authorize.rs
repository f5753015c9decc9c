//! The authorization endpoint (RFC 6749, 3.1): a page that asks, and the way back.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::auth::oauth::{Asked, AuthorizationRequest, NotAsked, OAuthError};
use kit::auth::{AuthError, Login, Secret};
use kit::http::Peer;
use utoipa::{IntoParams, ToSchema};

use super::super::Platform;
use super::fields::{Fields, Form, Parameters};
use super::page::Page;
use super::refusal::{OAuthErrorAnswer, Refusal, plain, told};
use super::{Issuer, NEVER_KEPT};

/// What a client asks for.
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters; `Fields` reads them")]
pub(in super::super) struct AuthorizationForm {
    /// `code`.
    response_type: String,
    client_id: String,
    /// One that the client has registered.
    redirect_uri: String,
    /// All that the client may ask for unless told.
    scope: Option<String>,
    /// Returned as it came.
    state: Option<String>,
    /// RFC 7636.
    code_challenge: String,
    /// `S256`.
    code_challenge_method: String,
}

/// Ask the user, on a page that takes name and password with the answer.
#[utoipa::path(get, path = "/oauth/authorize", tag = "oauth",
    operation_id = "oauth_authorization", params(AuthorizationForm),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the client with an error"),
        (status = 400, description = "The client or the address cannot be trusted",
            body = String, content_type = "text/html")))]
pub(in super::super) async fn show(
    State(platform): State<Platform>,
    Issuer(issuer): Issuer,
    Parameters(fields): Parameters,
) -> Response {
    let fields = match fields {
        Ok(fields) => fields,
        Err(error) => return untrusted(&error),
    };
    match platform.auth.asked(request(&fields)).await {
        Ok(asked) => page(StatusCode::OK, &asked, &fields, None).into_response(),
        Err(refusal) => not_asked(&refusal, &issuer),
    }
}

/// The user's answer.
#[utoipa::path(post, path = "/oauth/authorize", tag = "oauth",
    operation_id = "oauth_decision",
    request_body(content = AuthorizationForm, content_type = "application/x-www-form-urlencoded",
        description = "With user, password and decision (`allow`, `deny`)"),
    responses(
        (status = 303, description = "Back to the client with a code or an error"),
        (status = 400, description = "The client or the address cannot be trusted",
            content((String = "text/html"), (OAuthErrorAnswer = "application/json"))),
        (status = 403, description = "Wrong name or password: the page again",
            body = String, content_type = "text/html"),
        (status = 429, description = "Too many wrong ones: the page again",
            body = String, content_type = "text/html")))]
pub(in super::super) async fn decide(
    State(platform): State<Platform>,
    Issuer(issuer): Issuer,
    Extension(peer): Extension<Peer>,
    Form(fields): Form,
) -> Result<Response, Refusal> {
    let asked = match platform.auth.asked(request(&fields)).await {
        Ok(asked) => asked,
        Err(refusal) => return Ok(not_asked(&refusal, &issuer)),
    };
    let to = Way { uri: &asked.redirect_uri, state: asked.state.as_deref(), issuer: &issuer };
    if fields.text("decision").as_deref() != Some("allow") {
        return Ok(to.error(&OAuthError::AccessDenied));
    }
    Ok(match platform.auth.allow(&asked, login(&fields, &peer)).await {
        Ok(code) => to.back(&[("code", code.expose())]),
        Err(OAuthError::Auth(error)) => {
            let (status, remark, wait) = again(&error);
            page(status, &asked, &fields, Some(&remark)).retry_after(wait).into_response()
        }
        Err(error) => to.error(&error),
    })
}

/// Name and password, as the page sends them.
pub(super) fn login(fields: &Fields, peer: &Peer) -> Login {
    let field = |name| fields.text(name).unwrap_or_default();
    let (password, source) = (Secret::new(field("password")), Some(peer.address.ip()));
    Login { user: field("user"), password, source }
}

/// The status of a page that is shown again, why, and when a repeat makes sense.
pub(super) fn again(error: &AuthError) -> (StatusCode, String, Option<u32>) {
    if error.status() == StatusCode::UNAUTHORIZED {
        let remark = "That is not a user and their password. Try again.";
        return (StatusCode::FORBIDDEN, remark.to_owned(), None);
    }
    let (remark, wait) = told(&OAuthError::Auth(error.clone()));
    (error.status(), remark, wait)
}

/// The names of a request's parameters, in the order of the page's hidden fields.
const NAMES: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

fn request(fields: &Fields) -> AuthorizationRequest {
    let [response_type, client_id, redirect_uri, scope, state, challenge, method] =
        NAMES.map(|name| fields.text(name));
    AuthorizationRequest {
        client_id: client_id.unwrap_or_default(),
        redirect_uri: redirect_uri.unwrap_or_default(),
        response_type: response_type.unwrap_or_default(),
        scope,
        state,
        code_challenge: challenge.unwrap_or_default(),
        code_challenge_method: method.unwrap_or_default(),
    }
}

fn page(status: StatusCode, asked: &Asked, fields: &Fields, remark: Option<&str>) -> Page {
    let values = NAMES.map(|name| (name, fields.text(name)));
    let hidden: Vec<(&str, &str)> =
        values.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
    Page::new(status, "Allow access?")
        .consent(&asked.client.name, &asked.scopes)
        .remark(remark)
        .sign_in("authorize", &hidden)
        .text(&format!("You will be sent back to {}.", asked.redirect_uri))
        .leading_to(&asked.redirect_uri)
}

fn not_asked(refusal: &NotAsked, issuer: &str) -> Response {
    match refusal {
        NotAsked::Here(error) => untrusted(error),
        NotAsked::There { redirect_uri, state, error } => {
            Way { uri: redirect_uri, state: state.as_deref(), issuer }.error(error)
        }
    }
}

/// Nobody is sent anywhere: the address may be a thief's.
fn untrusted(error: &OAuthError) -> Response {
    let (text, wait) = told(error);
    let status =
        if error.status().is_server_error() { error.status() } else { StatusCode::BAD_REQUEST };
    Page::new(status, "This request cannot be answered")
        .text("The program that sent you here has made a mistake.")
        .text(&text)
        .retry_after(wait)
        .into_response()
}

/// The way back to the client.
struct Way<'w> {
    uri: &'w str,
    state: Option<&'w str>,
    issuer: &'w str,
}

impl Way<'_> {
    fn error(&self, error: &OAuthError) -> Response {
        let text = plain(&told(error).0);
        self.back(&[("error", error.code()), ("error_description", &text)])
    }

    /// A redirect with these parameters, the state, and who answers (RFC 9207).
    fn back(&self, parameters: &[(&str, &str)]) -> Response {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        if let Some(state) = self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", self.issuer);
        let joint = if self.uri.contains('?') { '&' } else { '?' };
        let location = format!("{}{joint}{}", self.uri, query.finish());
        match HeaderValue::from_str(&location) {
            Ok(location) => {
                let to = [(header::LOCATION, location)];
                (StatusCode::SEE_OTHER, NEVER_KEPT, to).into_response()
            }
            // Registered URIs are ASCII, and the query is form-encoded.
            Err(_) => untrusted(&OAuthError::InvalidRequest("redirect_uri cannot be a header")),
        }
    }
}
