//! The front door that speaks as YOURLS: `/yourls-api.php`, by GET or a form.
//!
//! A `signature` is a token of ours as it is; signatures hashed with a `timestamp` cannot be
//! checked, since only a digest of a token is stored.
//!
//! Source: <https://yourls.org/docs/guide/advanced/api>.

mod actions;
mod answer;

use std::collections::HashMap;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use kit::door::Door;
use kit::http::{Problem, body};

use crate::Shorteners;
use crate::doors::set_bearer;
use crate::http::Asking;
use answer::Answer;

/// The one route.
pub fn router(door: Door<Shorteners>) -> Router {
    Router::new().route("/yourls-api.php", get(api).post(api)).with_state(door)
}

async fn api(State(door): State<Door<Shorteners>>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (mut parts, body) = request.into_parts();
    let limits = parts.extensions.get::<kit::http::BodyLimit>().copied();
    let mut whole = Request::new(body);
    if let Some(limits) = limits {
        whole.extensions_mut().insert(limits);
    }
    let form = match body::read(whole).await {
        Ok(form) => form,
        Err(problem) => return Answer::from(problem).written(&Parameters::of(&query, b"")),
    };
    let parameters = Parameters::of(&query, &form);
    let answer = match credential(&parameters, &mut parts.headers) {
        Ok(()) => match Asking::from_request_parts(&mut parts, &door).await {
            Ok(asking) => actions::act(&asking, &parameters).await,
            Err(problem) => Answer::from(problem),
        },
        Err(refusal) => refusal,
    };
    answer.written(&parameters)
}

/// What PHP calls a request: the form's values over those of the query.
struct Parameters(HashMap<String, String>);

impl Parameters {
    fn of(query: &str, form: &[u8]) -> Self {
        let query = url::form_urlencoded::parse(query.as_bytes());
        let form = url::form_urlencoded::parse(form);
        // PostgreSQL stores no NUL, and no name or URL has one.
        let clean = |text: std::borrow::Cow<'_, str>| text.replace('\0', "");
        Self(query.chain(form).map(|(name, value)| (clean(name), clean(value))).collect())
    }

    /// Empty when it is absent.
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.as_str())
    }
}

/// Puts the credential where every door of ours reads it.
fn credential(parameters: &Parameters, headers: &mut HeaderMap) -> Result<(), Answer> {
    let (user, password) = (parameters.get("username"), parameters.get("password"));
    let signature = parameters.get("signature");
    if !signature.is_empty() && !parameters.get("timestamp").is_empty() {
        let what = "a signature with a timestamp cannot be checked here: send the token itself";
        return Err(Answer::from(Problem::forbidden(what)));
    }
    let sent = match (signature.is_empty(), user.is_empty() && password.is_empty()) {
        (false, _) => set_bearer(headers, signature),
        (true, false) => set_basic(headers, &format!("{user}:{password}")),
        (true, true) => true,
    };
    match sent {
        true => Ok(()),
        false => Err(Answer::from(Problem::unauthorized("Invalid username or password"))),
    }
}

fn set_basic(headers: &mut HeaderMap, user_and_password: &str) -> bool {
    let text = format!("Basic {}", STANDARD.encode(user_and_password));
    let Ok(mut value) = HeaderValue::from_str(&text) else { return false };
    value.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, value);
    true
}
