//! Answers as YOURLS writes them: JSON, JSONP, XML, or one plain text.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::http::Problem;
use serde_json::{Map, Value, json};

use super::Parameters;
use crate::model::ShortenError;

/// A status, the fields, and what `format=simple` shows.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    fields: Map<String, Value>,
    simple: String,
    retry_after_s: Option<u32>,
}

impl Answer {
    /// `fields` is an object; its `statusCode` is set from `status`.
    pub(super) fn new(status: StatusCode, simple: impl Into<String>, fields: Value) -> Self {
        let mut fields = match fields {
            Value::Object(fields) => fields,
            other => Map::from_iter([("message".to_owned(), other)]),
        };
        // YOURLS writes both, the one as a number and the other as a text.
        fields.insert("statusCode".to_owned(), json!(status.as_u16()));
        if !status.is_success() {
            fields.insert("errorCode".to_owned(), json!(status.as_str()));
        }
        Self { status, fields, simple: simple.into(), retry_after_s: None }
    }

    /// A failed `shorturl`: `code` is what programs branch on.
    pub(super) fn failed(status: StatusCode, code: &str, message: &str) -> Self {
        let fields = json!({ "status": "fail", "code": code, "message": message });
        Self::new(status, "", fields)
    }

    /// A short URL that is not there, or not any more.
    pub(super) fn not_found(keyword: &str) -> Self {
        let message = "Error: short URL not found";
        let fields = json!({ "keyword": keyword, "message": message });
        Self::new(StatusCode::NOT_FOUND, "not found", fields)
    }

    /// In the format that was asked for; XML unless told, as YOURLS does.
    pub(super) fn written(mut self, parameters: &Parameters) -> Response {
        let callback = parameters.get("callback");
        let (media, text) = match parameters.get("format") {
            "json" => ("application/json", Value::Object(self.fields).to_string()),
            "jsonp" => {
                self.fields.insert("callback".to_owned(), callback.into());
                let name = safe_callback(callback);
                ("application/javascript", format!("{name}({})", Value::Object(self.fields)))
            }
            "" | "xml" => ("application/xml", xml(&self.fields)),
            _ => ("text/plain; charset=utf-8", self.simple),
        };
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        // No browser is to take a callback's text for a page.
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        if let Some(inside) = problem.inside() {
            tracing::error!(kind = problem.kind, reason = inside, "a request failed inside");
        }
        // YOURLS has no 401.
        let (status, message) = match problem.status {
            StatusCode::UNAUTHORIZED => (StatusCode::FORBIDDEN, "Please log in".to_owned()),
            status => (status, problem.detail),
        };
        let answer = Self::new(status, message.clone(), json!({ "message": message }));
        Self { retry_after_s: problem.retry_after_s, ..answer }
    }
}

impl From<ShortenError> for Answer {
    fn from(error: ShortenError) -> Self {
        match error {
            ShortenError::NotFound(keyword) => Self::not_found(&keyword),
            ShortenError::Gone(_) | ShortenError::NotYet(_) => Self::not_found(""),
            other => Problem::from(other).into(),
        }
    }
}

/// A name that a script can call and nothing more, so that the answer cannot be made to say
/// something else.
fn safe_callback(callback: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.');
    if !callback.is_empty() && callback.chars().all(plain) { callback } else { "callback" }
}

fn xml(fields: &Map<String, Value>) -> String {
    let mut text = r#"<?xml version="1.0" encoding="UTF-8"?><result>"#.to_owned();
    elements(&mut text, fields);
    text.push_str("</result>");
    text
}

fn elements(text: &mut String, fields: &Map<String, Value>) {
    for (name, value) in fields {
        text.push_str(&format!("<{name}>"));
        match value {
            Value::Object(fields) => elements(text, fields),
            Value::String(value) => text.push_str(&escaped(value)),
            Value::Null => {}
            other => text.push_str(&escaped(&other.to_string())),
        }
        text.push_str(&format!("</{name}>"));
    }
}

/// Also leaves out what XML 1.0 has no way to write.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\t' | '\n' | '\r' => text.push(character),
            control if control.is_control() => {}
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_are_names() {
        assert_eq!(safe_callback("app.done_1"), "app.done_1");
        for bad in ["", "alert(1)//", "a b", "<script>"] {
            assert_eq!(safe_callback(bad), "callback", "{bad}");
        }
    }

    #[test]
    fn xml_nests_and_escapes() {
        let fields = json!({ "link": { "url": "https://e.com/?a=1&b=<2>" }, "n": 1 });
        let text = xml(fields.as_object().unwrap());
        assert!(text.ends_with(
            "<result><link><url>https://e.com/?a=1&amp;b=&lt;2&gt;</url></link><n>1</n></result>"
        ));
    }
}
