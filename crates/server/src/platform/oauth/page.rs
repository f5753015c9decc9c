//! The few pages that a person sees. No script, nothing from elsewhere, and in nobody's frame.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::auth::Scopes;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:12vh auto;\
    padding:0 1rem;color:#1c2024;background:#fff}h1{font-size:1.4rem}label{display:block;\
    margin-top:1rem}input,button{font:inherit;padding:.5rem .75rem;border:1px solid #6b6d78;\
    border-radius:.4rem}input{width:100%;box-sizing:border-box}button{margin:1.5rem .5rem 0 0}\
    .yes{background:#1f5fbf;color:#fff;border-color:#1f5fbf}.error{color:#b3261e}\
    @media(prefers-color-scheme:dark){body{color:#edeef0;background:#111113}.error{\
    color:#ff9592}}";

/// A page under way: its text is escaped as it is added.
pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    body: String,
    form_action: String,
    retry_after_s: Option<u32>,
}

impl Page {
    pub(super) fn new(status: StatusCode, title: &'static str) -> Self {
        let (body, form_action) = (format!("<h1>{title}</h1>"), "'self'".to_owned());
        Self { status, title, body, form_action, retry_after_s: None }
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.body.push_str(&format!("<p>{}</p>", escaped(text)));
        self
    }

    /// What went wrong with the last try, read out at once.
    pub(super) fn remark(mut self, remark: Option<&str>) -> Self {
        if let Some(text) = remark {
            let text = escaped(text);
            self.body
                .push_str(&format!("<p class=\"error\" id=\"remark\" role=\"alert\">{text}</p>"));
        }
        self
    }

    /// Where the answer to a form may lead. Browsers hold the redirect after it to this as well
    /// (CSP 3, `form-action`).
    pub(super) fn leading_to(mut self, redirect_uri: &str) -> Self {
        if let Ok(url) = url::Url::parse(redirect_uri) {
            let origin = url.origin();
            let source = match origin.is_tuple() {
                true => origin.ascii_serialization(),
                false => format!("{}:", url.scheme()),
            };
            self.form_action = format!("'self' {source}");
        }
        self
    }

    pub(super) fn retry_after(mut self, seconds: Option<u32>) -> Self {
        self.retry_after_s = seconds;
        self
    }

    /// Who asks for what.
    pub(super) fn consent(mut self, client_name: &str, scopes: &Scopes) -> Self {
        let name = escaped(client_name);
        self.body.push_str(&format!("<p><strong>{name}</strong> asks to do this for you:</p><ul>"));
        for scope in scopes.to_string().split(' ') {
            self.body.push_str(&format!("<li><code>{}</code></li>", escaped(scope)));
        }
        self.body.push_str("</ul>");
        self
    }

    /// A form that asks for name, password and decision, with what it must carry along.
    pub(super) fn sign_in(mut self, action: &str, hidden: &[(&str, &str)]) -> Self {
        self.body.push_str(&format!("<form method=\"post\" action=\"{action}\">"));
        for (name, value) in hidden {
            let value = escaped(value);
            self.body
                .push_str(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"));
        }
        self.body.push_str(
            "<label for=\"user\">User name</label>\
             <input id=\"user\" name=\"user\" required autofocus autocomplete=\"username\" \
             autocapitalize=\"none\" spellcheck=\"false\">\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"password\" type=\"password\" required \
             autocomplete=\"current-password\">\
             <button class=\"yes\" name=\"decision\" value=\"allow\">Allow</button>\
             <button name=\"decision\" value=\"deny\" formnovalidate>Do not allow</button></form>",
        );
        self
    }

    /// A form that asks for the code that a device shows.
    pub(super) fn ask_code(mut self, action: &str) -> Self {
        self.body.push_str(&format!(
            "<form action=\"{action}\"><label for=\"user_code\">Code</label>\
             <input id=\"user_code\" name=\"user_code\" required autofocus autocomplete=\"off\" \
             autocapitalize=\"characters\" spellcheck=\"false\" placeholder=\"XXXX-XXXX\">\
             <button class=\"yes\">Continue</button></form>"
        ));
        self
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { status, title, body, form_action, retry_after_s } = self;
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
             <style>{STYLE}</style><main>{body}</main></html>"
        );
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
             frame-ancestors 'none'; form-action {form_action}"
        );
        let fixed = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=UTF-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        let mut response = (status, fixed, html).into_response();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let scopes = "a:read".parse().unwrap();
        let page = Page::new(StatusCode::OK, "Title")
            .consent("<script>\"&", &scopes)
            .sign_in("authorize", &[("state", "\"><script>")]);
        assert!(page.body.contains("&lt;script&gt;&quot;&amp;"), "{}", page.body);
        assert!(!page.body.contains("<script>"), "{}", page.body);
    }

    #[test]
    fn a_form_leads_back_to_the_client_only() {
        let policy = |uri: &str| {
            let response = Page::new(StatusCode::OK, "Title").leading_to(uri).into_response();
            assert_eq!(response.headers()["x-frame-options"], "DENY");
            response.headers()["content-security-policy"].to_str().unwrap().to_owned()
        };
        assert!(
            policy("https://app.example/cb").ends_with("form-action 'self' https://app.example")
        );
        assert!(policy("http://[::1]:80/cb").contains("'self' http://[::1]"));
        assert!(policy("com.example.app:/cb").ends_with("form-action 'self' com.example.app:"));
    }
}
