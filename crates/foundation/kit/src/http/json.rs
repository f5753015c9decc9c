//! The extractors of every JSON front door: [`Json`] for bodies, [`Query`] and [`Path`] for the
//! address. All of them turn a caller's mistake into a problem document that says where it is.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{Problem, address, body};

/// A JSON body, as a request's (read under its [`body::BodyLimit`]) or as an answer's.
///
/// As a request's it is refused with 413 over the limit, 415 for another media type (none at all
/// is taken for JSON), 400 where it is not JSON, 422 where it is not a `T`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        refuse_other_media(request.headers())?;
        parse(&body::read(request).await?).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, json)], body).into_response()
            }
            Err(error) => {
                Problem::internal(format!("an answer is not JSON: {error}")).into_response()
            }
        }
    }
}

/// Reads a `T` from JSON text as [`Json`] does, for callers that hold the bytes already.
///
/// # Errors
/// 400 with line and column where it is not JSON, 422 with the field's path where it is not a `T`.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    if text.is_empty() {
        return Err(Problem::bad_request("The body is empty; send a JSON document."));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        told(error.inner(), &path)
    })?;
    reader.end().map_err(|error| told(&error, "."))?;
    if has_nul(text) {
        let detail = "The body has a NUL character (\\u0000) in a string; leave it out.";
        return Err(Problem::unprocessable(detail));
    }
    Ok(value)
}

/// The query of the address as a `T`; anything else is a 400.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        address::refuse_unclean(parts.uri.query().unwrap_or_default(), "query")?;
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        query
            .map(|query| Self(query.0))
            .map_err(|refusal| Problem::bad_request(refusal.body_text()))
    }
}

/// The parameters of the route as a `T`; anything else is a 400.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        address::refuse_unclean(parts.uri.path(), "path")?;
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|refusal| {
            if refusal.status().is_server_error() {
                Problem::internal(refusal.body_text())
            } else {
                Problem::bad_request(refusal.body_text())
            }
        })
    }
}

fn told(error: &serde_json::Error, path: &str) -> Problem {
    match error.classify() {
        Category::Data if path == "." => Problem::unprocessable(format!("The body: {error}.")),
        Category::Data => {
            Problem::unprocessable(format!("Field {path}: {error}.")).with("field", path)
        }
        _ => Problem::bad_request(format!("The body is not JSON: {error}."))
            .with("line", error.line())
            .with("column", error.column()),
    }
}

fn refuse_other_media(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(media) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = media.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    // What `curl -d '{...}'` sends unless it is told: the text itself shows that it is JSON. No
    // front door goes by cookies, so a form of another site gains nothing by it.
    let is_curl = essence == "application/x-www-form-urlencoded";
    if is_json || is_curl {
        return Ok(());
    }
    let detail = "Send the body as application/json.";
    Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).detail(detail))
}

/// PostgreSQL's TEXT cannot hold NUL, so it must not get as far as a store. In JSON it can only be
/// written as an escape, and an escape counts only where its backslash is not itself escaped.
fn has_nul(text: &[u8]) -> bool {
    let unescaped = |at: usize| {
        let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes.is_multiple_of(2)
    };
    text.windows(6).enumerate().any(|(at, window)| window == b"\\u0000" && unescaped(at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape is tested")]
    struct Link {
        url: String,
        tags: Vec<u32>,
    }

    fn refused(text: &str) -> (u16, String) {
        let problem = parse::<Link>(text.as_bytes()).unwrap_err();
        (problem.status.as_u16(), problem.detail)
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let cases = [
            ("", 400, "The body is empty; send a JSON document."),
            ("{", 400, "The body is not JSON: EOF while parsing an object at line 1 column 1."),
            ("{}x", 422, "The body: missing field `url` at line 1 column 2."),
            (
                r#"{"url":"a","tags":[]} x"#,
                400,
                "The body is not JSON: trailing characters at line 1 column 23.",
            ),
            (
                r#"{"url":"a","tags":[1,"b"]}"#,
                422,
                "Field tags[1]: invalid type: string \"b\", expected u32 at line 1 column 24.",
            ),
            (
                r#"{"url":"a","tags":[],"colour":1}"#,
                422,
                "Field colour: unknown field `colour`, expected `url` or `tags` \
                 at line 1 column 29.",
            ),
            (
                r#"{"url":"a\u0000","tags":[]}"#,
                422,
                "The body has a NUL character (\\u0000) in a string; leave it out.",
            ),
        ];
        for (text, status, detail) in cases {
            assert_eq!(refused(text), (status, detail.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_escaped_backslash_before_u0000_is_no_nul() {
        assert!(parse::<Link>(br#"{"url":"a\\u0000","tags":[]}"#).is_ok());
    }

    #[test]
    fn media_types() {
        let refuse = |media: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, media.parse().unwrap());
            refuse_other_media(&headers).is_err()
        };
        assert!(!refuse("application/json"));
        assert!(!refuse("Application/JSON; charset=utf-8"));
        assert!(!refuse("application/merge-patch+json"));
        assert!(refuse("text/plain"));
        assert!(!refuse("application/x-www-form-urlencoded"));
        assert!(refuse_other_media(&HeaderMap::new()).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_is_a_server_fault(text in any::<Vec<u8>>()) {
            if let Err(problem) = parse::<Link>(&text) {
                prop_assert!(problem.status.is_client_error());
            }
        }

        #[test]
        fn a_nul_is_found_where_the_value_has_one(value in "[\\\\u0\0a]{0,12}") {
            let text = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(has_nul(&text), value.contains('\0'));
        }
    }
}
