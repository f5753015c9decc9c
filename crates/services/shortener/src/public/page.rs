//! The few pages a visitor may see instead of a target. No script, nothing from elsewhere.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::http::Problem;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:15vh auto;\
    padding:0 1rem;color:#1c2024;background:#fff}h1{font-size:1.4rem}input,button{font:inherit;\
    padding:.5rem .75rem;border:1px solid #8b8d98;border-radius:.4rem}button{background:#1f5fbf;\
    color:#fff;border-color:#1f5fbf}.error{color:#b3261e}@media(prefers-color-scheme:dark){body{\
    color:#edeef0;background:#111113}.error{color:#ff9592}}";

/// Asks for a link's password; `wrong` after a failed try.
pub(super) fn ask_password(status: StatusCode, wrong: bool) -> Response {
    let remark = match wrong {
        true => "<p class=\"error\" role=\"alert\">That was not the password. Try again.</p>",
        false => "",
    };
    let body = format!(
        "<h1>This link asks for a password</h1>{remark}<form method=\"post\">\
         <label for=\"password\">Password</label><br>\
         <input id=\"password\" name=\"password\" type=\"password\" required autofocus \
         autocomplete=\"off\"> <button>Open</button></form>"
    );
    page(status, "Password needed", &body)
}

/// Says why a link leads nowhere.
pub(super) fn refusal(problem: Problem) -> Response {
    let status = problem.status;
    let heading = match status {
        StatusCode::NOT_FOUND => "There is no such link",
        StatusCode::GONE => "This link is gone",
        _ => "This link cannot be opened now",
    };
    let text = if status.is_server_error() { "Please try again later." } else { &problem.detail };
    let body = format!("<h1>{heading}</h1><p>{}</p>", escaped(text));
    let mut response = page(status, heading, &body);
    if let Some(seconds) = problem.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style><main>{body}</main></html>"
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=UTF-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, html).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
