//! OAuth 2.0 through the front door: each way to a token, and each that leads to none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Engine, Launch, Server, at_once, on_each_engine};
use crate::tokens::in_no_file;

const CALLBACK: &str = "https://app.example/callback?of=us";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const PASSWORD: &str = "alice's password";

/// A house with a user who may read and write links, and an app.
struct Case {
    server: Server,
    id: String,
    secret: String,
}

impl Case {
    fn on(engine: &Engine, grants: &[&str]) -> Self {
        Self::started(engine.dev(), grants)
    }

    fn started(launch: Launch, grants: &[&str]) -> Self {
        let server = launch.start();
        let mut operator = server.client("dev");
        let user = json!({ "name": "alice", "password": PASSWORD, "roles": ["editor"] });
        assert_eq!(operator.post("/platform/users", &user).status, 201);
        let uris: &[&str] = if grants.contains(&"authorization_code") { &[CALLBACK] } else { &[] };
        let client = json!({
            "name": "An <app>", "redirectUris": uris, "grants": grants,
            "scopes": ["shortener:read"],
        });
        let answer = operator.post("/platform/oauth/clients", &client);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let made = answer.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { id: text("id"), secret: text("secret"), server }
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        send_form(self.server.visitor(), path, fields)
    }

    /// As the client, which shows itself by `Basic`.
    fn as_client(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pair = STANDARD.encode(format!("{}:{}", self.id, self.secret));
        let client = self.server.visitor().header("authorization", &format!("Basic {pair}"));
        send_form(client, path, fields)
    }

    fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.as_client("/oauth/token", fields)
    }

    fn authorization(&self) -> Vec<(&'static str, String)> {
        vec![
            ("response_type", "code".to_owned()),
            ("client_id", self.id.clone()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("scope", "shortener:read".to_owned()),
            ("state", "a & b".to_owned()),
            ("code_challenge", CHALLENGE.to_owned()),
            ("code_challenge_method", "S256".to_owned()),
        ]
    }

    /// Alice's answer to the page.
    fn decide(&self, decision: &str, password: &str) -> Answer {
        let mut fields = self.authorization();
        fields.push(("user", "alice".to_owned()));
        fields.push(("password", password.to_owned()));
        fields.push(("decision", decision.to_owned()));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.form("/oauth/authorize", &fields)
    }

    fn code(&self) -> String {
        let answer = self.decide("allow", PASSWORD);
        assert_eq!(answer.status, 303, "{}", answer.text());
        parameter(&answer, "code").unwrap()
    }

    fn redeem(&self, code: &str) -> Answer {
        self.redeem_with(code, CALLBACK, VERIFIER)
    }

    fn redeem_with(&self, code: &str, redirect_uri: &str, verifier: &str) -> Answer {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ])
    }

    fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Whether a token lets its holder read links.
    fn reads(&self, token: &Value) -> bool {
        let mut client = self.server.client(token.as_str().unwrap());
        let answer = client.get("/shortener/users/me/shorturls");
        assert!(matches!(answer.status, 200 | 401), "{answer:?}");
        answer.status == 200
    }
}

fn send_form(client: Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    let body = body.extend_pairs(fields).finish();
    client.header("content-type", "application/x-www-form-urlencoded").send("POST", path, &body)
}

/// A parameter of the address that an answer leads to.
fn parameter(answer: &Answer, name: &str) -> Option<String> {
    let location = url::Url::parse(answer.header("location")).unwrap();
    assert!(location.as_str().starts_with("https://app.example/callback?of=us&"), "{location}");
    let found = location.query_pairs().find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned())
}

#[track_caller]
fn is_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?} {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let document = answer.json();
    assert_eq!(document["error"], code, "{document}");
    assert!(document["error_description"].as_str().is_some_and(|text| !text.is_empty()));
}

#[test]
fn a_code_with_pkce_becomes_a_token() {
    on_each_engine(|engine| {
        let case = Case::on(engine, &["authorization_code", "refresh_token"]);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(case.authorization()).finish();
        let page = case.server.visitor().get(&format!("/oauth/authorize?{query}"));
        assert_eq!(page.status, 200);
        assert_eq!(page.header("x-frame-options"), "DENY");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(page.text().contains("An &lt;app&gt;"), "{}", page.text());

        assert_eq!(case.decide("allow", "wrong password").status, 403);
        let denied = case.decide("deny", "");
        assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));
        let allowed = case.decide("allow", PASSWORD);
        assert_eq!(parameter(&allowed, "state").as_deref(), Some("a & b"));
        assert_eq!(parameter(&allowed, "iss"), Some(case.server.url()));
        let answer = case.redeem(&parameter(&allowed, "code").unwrap());
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        let token = answer.json();
        assert_eq!(token["token_type"], "Bearer");
        assert_eq!(
            (&token["expires_in"], &token["scope"]),
            (&json!(3600), &json!("shortener:read"))
        );
        assert!(case.reads(&token["access_token"]));
        let mut client = case.server.client(token["access_token"].as_str().unwrap());
        let link = json!({ "longUrl": "https://example.com/" });
        assert_eq!(client.post("/shortener/shorturl", &link).status, 403, "more than was asked");
    });
}

#[test]
fn codes_are_refused_to_all_but_who_asked() {
    let case = Case::on(&Engine::Sqlite, &["authorization_code", "refresh_token"]);
    let code = case.code();
    let other_verifier = "x".repeat(43);
    is_error(&case.redeem_with(&code, CALLBACK, &other_verifier), 400, "invalid_grant");
    let other_uri = "https://app.example/callback";
    is_error(&case.redeem_with(&code, other_uri, VERIFIER), 400, "invalid_grant");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", &case.id),
        ("client_secret", "bps_wrong"),
    ];
    let stranger = case.form("/oauth/token", &fields);
    is_error(&stranger, 401, "invalid_client");
    assert!(stranger.header("www-authenticate").starts_with("Basic"));

    let token = case.redeem(&code).json();
    assert!(case.reads(&token["access_token"]));
    is_error(&case.redeem(&code), 400, "invalid_grant");
    assert!(!case.reads(&token["access_token"]), "a stolen code's token still counts");
}

#[test]
fn a_browser_is_sent_to_registered_addresses_only() {
    let case = Case::on(&Engine::Sqlite, &["authorization_code"]);
    let ask = |change: (&str, &str)| {
        let mut fields = case.authorization();
        for (name, value) in &mut fields {
            if *name == change.0 {
                change.1.clone_into(value);
            }
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(fields).finish();
        case.server.visitor().get(&format!("/oauth/authorize?{query}"))
    };
    for change in [
        ("client_id", "stranger"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "https://app.example/callback"),
    ] {
        let answer = ask(change);
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{change:?}");
        assert!(answer.header("content-type").starts_with("text/html"));
    }
    for (change, code) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("scope", "platform:admin"), "invalid_scope"),
    ] {
        let answer = ask(change);
        assert_eq!(answer.status, 303, "{change:?}");
        assert_eq!(parameter(&answer, "error").as_deref(), Some(code));
        assert_eq!(parameter(&answer, "state").as_deref(), Some("a & b"));
    }
}

#[test]
fn a_refresh_token_used_twice_ends_its_family() {
    on_each_engine(|engine| {
        let case = Case::on(engine, &["authorization_code", "refresh_token"]);
        let first = case.redeem(&case.code()).json();
        let one = first["refresh_token"].as_str().unwrap();
        let second = case.refresh(one).json();
        let two = second["refresh_token"].as_str().unwrap();
        assert!(one != two && case.reads(&second["access_token"]));
        is_error(&case.refresh(one), 400, "invalid_grant");
        is_error(&case.refresh(two), 400, "invalid_grant");
        assert!(!case.reads(&first["access_token"]) && !case.reads(&second["access_token"]));
    });
}

#[test]
fn of_many_at_once_one_gets_what_is_single() {
    on_each_engine(|engine| {
        let case = Case::on(engine, &["authorization_code", "refresh_token"]);
        let winners = |answers: Vec<Answer>| {
            let (won, lost): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|answer| answer.status == 200);
            assert_eq!(won.len(), 1, "{won:?}");
            lost.iter().for_each(|answer| is_error(answer, 400, "invalid_grant"));
            won[0].json()
        };
        let code = case.code();
        let token = winners(at_once(8, |_| case.redeem(&code)));
        assert!(!case.reads(&token["access_token"]), "seven others had the code as well");

        let token = case.redeem(&case.code()).json();
        let refresh = token["refresh_token"].as_str().unwrap();
        let next = winners(at_once(8, |_| case.refresh(refresh)));
        assert!(!case.reads(&next["access_token"]), "seven others had the refresh token as well");
    });
}

#[test]
fn no_secret_of_oauth_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let (data, log) = (dir.path().join("data"), dir.path().join("log.json"));
    let launch = Launch::dev()
        .data(&data)
        .set("telemetry.log_levels=trace")
        .set(&format!("telemetry.log_file={}", log.display()));
    let case = Case::started(launch, &["authorization_code", "refresh_token", DEVICE]);
    let code = case.code();
    let token = case.redeem(&code).json();
    let start = case.as_client("/oauth/device_authorization", &[]).json();
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let user_code = text(&start, "user_code");
    let page = case.server.visitor().get(&format!("/oauth/device?user_code={user_code}"));
    assert_eq!(page.status, 200);
    let secrets = [
        case.secret.clone(),
        code,
        text(&token, "access_token"),
        text(&token, "refresh_token"),
        text(&start, "device_code"),
        user_code.replace('-', ""),
        user_code,
        PASSWORD.to_owned(),
        VERIFIER.to_owned(),
    ];
    case.server.stop();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("/oauth/device"), "requests are not logged at this level");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
        in_no_file(&data, &secret);
    }
}

#[test]
fn a_client_has_a_token_of_its_own_until_it_is_revoked() {
    on_each_engine(|engine| {
        let case = Case::on(engine, &["client_credentials"]);
        let answer = case.token(&[("grant_type", "client_credentials")]);
        let token = answer.json();
        assert!(token["refresh_token"].is_null() && case.reads(&token["access_token"]));
        let text = token["access_token"].as_str().unwrap();
        let look = || case.as_client("/oauth/introspect", &[("token", text)]).json();
        let told = look();
        assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("shortener:read")));
        assert_eq!(told["client_id"], json!(case.id));
        assert_eq!(case.as_client("/oauth/revoke", &[("token", text)]).status, 200);
        assert!(!case.reads(&token["access_token"]), "a revoked token is let in");
        assert_eq!(look(), json!({ "active": false }));
        assert_eq!(case.as_client("/oauth/revoke", &[("token", text)]).status, 200);

        let again = case.token(&[("grant_type", "client_credentials")]).json();
        let path = format!("/platform/oauth/clients/{}", case.id);
        assert_eq!(case.server.client("dev").send("DELETE", &path, "").status, 204);
        assert!(!case.reads(&again["access_token"]), "a removed client's token is let in");
        is_error(&case.token(&[("grant_type", "client_credentials")]), 401, "invalid_client");
    });
}

#[test]
fn a_device_gets_a_token_once_its_person_says_so() {
    on_each_engine(|engine| {
        let case = Case::on(engine, &[DEVICE]);
        let begin = || {
            let start = case.as_client("/oauth/device_authorization", &[]).json();
            let text = |name: &str| start[name].as_str().unwrap().to_owned();
            assert_eq!(text("verification_uri"), format!("{}/oauth/device", case.server.url()));
            assert_eq!((&start["expires_in"], &start["interval"]), (&json!(600), &json!(5)));
            (text("device_code"), text("user_code"))
        };
        let poll = |code: &str| case.token(&[("grant_type", DEVICE), ("device_code", code)]);
        let decide = |user_code: &str, decision: &str, password: &str| {
            let fields = [
                ("user_code", user_code),
                ("user", "alice"),
                ("password", password),
                ("decision", decision),
            ];
            case.form("/oauth/device", &fields).status
        };
        let (impatient, _) = begin();
        is_error(&poll(&impatient), 400, "authorization_pending");
        is_error(&poll(&impatient), 400, "slow_down");

        let (code, user_code) = begin();
        let mut visitor = case.server.visitor();
        assert!(visitor.get("/oauth/device").text().contains("name=\"user_code\""));
        let asked = visitor.get(&format!("/oauth/device?user_code={}", user_code.to_lowercase()));
        assert!(asked.status == 200 && asked.text().contains("An &lt;app&gt;"));
        assert_eq!(visitor.get("/oauth/device?user_code=BBBB-BBBB").status, 403);
        assert_eq!(decide(&user_code, "allow", "wrong password"), 403);
        assert_eq!(decide(&user_code, "allow", PASSWORD), 200);
        assert_eq!(decide(&user_code, "allow", PASSWORD), 403, "it was answered before");
        let token = poll(&code).json();
        assert!(case.reads(&token["access_token"]), "{token}");
        is_error(&poll(&code), 400, "invalid_grant");

        let (code, user_code) = begin();
        assert_eq!(decide(&user_code, "deny", ""), 200);
        is_error(&poll(&code), 400, "access_denied");
    });
}

#[test]
fn what_is_no_request_is_told_in_oauths_words() {
    let case = Case::on(&Engine::Sqlite, &["client_credentials"]);
    is_error(&case.token(&[]), 400, "invalid_request");
    is_error(&case.token(&[("grant_type", "password")]), 400, "unsupported_grant_type");
    let twice = [("grant_type", "client_credentials"), ("grant_type", "client_credentials")];
    is_error(&case.token(&twice), 400, "invalid_request");
    let wider = [("grant_type", "client_credentials"), ("scope", "*")];
    is_error(&case.token(&wider), 400, "invalid_scope");
    let unregistered = [("grant_type", "refresh_token"), ("refresh_token", "bpr_x")];
    is_error(&case.token(&unregistered), 400, "unauthorized_client");
    let json = case.server.visitor().post("/oauth/token", &json!({ "grant_type": "x" }));
    is_error(&json, 400, "invalid_request");
    let public = case.form("/oauth/introspect", &[("token", "x"), ("client_id", &case.id)]);
    is_error(&public, 401, "invalid_client");
}

#[test]
fn an_eleventh_wrong_password_waits_at_the_page_too() {
    let case = Case::on(&Engine::Sqlite, &["authorization_code"]);
    for _ in 0..10 {
        assert_eq!(case.decide("allow", "wrong password").status, 403);
    }
    let refused = case.decide("allow", PASSWORD);
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
}

#[test]
fn the_server_describes_itself_by_its_setting() {
    let line = Launch::dev().set("auth.oauth.issuer=https://id.example/path").refused();
    assert!(line.contains("auth.oauth.issuer"), "{line}");
    let launch = Launch::dev().set("auth.oauth.issuer=https://id.example/");
    let case = Case::started(launch, &["authorization_code"]);
    let told = case.server.visitor().get("/.well-known/oauth-authorization-server").json();
    assert_eq!(told["issuer"], "https://id.example");
    assert_eq!(told["token_endpoint"], "https://id.example/oauth/token");
    assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
    let allowed = case.decide("allow", PASSWORD);
    assert_eq!(parameter(&allowed, "iss").as_deref(), Some("https://id.example"));
}
