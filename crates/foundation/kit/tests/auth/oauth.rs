//! OAuth 2.0 on a real database: what a client gets for what it shows, what is refused, and what
//! a second use ends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kit::auth::oauth::{
    ACCESS_FOR, Asked, AuthorizationRequest, CODE_FOR, ClientCredential, ClientInfo, ClientPage,
    DEVICE_FOR, DEVICE_INTERVAL, Decision, GrantKind, Issued, NewClient, NotAsked, OAuthError,
    REFRESH_FOR, TokenRequest,
};
use kit::auth::{AuthError, Kind, Login, Mode, Principal, Secret};
use sha2::{Digest as _, Sha256};

use super::House;

const CALLBACK: &str = "https://app.example/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A client and what it shows.
struct App {
    info: ClientInfo,
    credential: ClientCredential,
}

impl House {
    async fn app(&self, grants: &[GrantKind], scopes: &str) -> App {
        let has_code = grants.contains(&GrantKind::AuthorizationCode);
        let new = NewClient {
            name: "an app".to_owned(),
            redirect_uris: if has_code { vec![CALLBACK.to_owned()] } else { Vec::new() },
            grants: grants.to_vec(),
            scopes: scopes.parse().unwrap(),
            namespace: None,
            is_public: false,
        };
        let (info, secret) = self.auth.create_client(&Principal::house(), new).await.unwrap();
        let credential = ClientCredential { id: info.id.clone(), secret };
        App { info, credential }
    }

    async fn asked(&self, app: &App) -> Asked {
        self.auth.asked(authorization(app)).await.unwrap()
    }

    async fn code(&self, app: &App) -> Secret {
        let asked = self.asked(app).await;
        self.auth.allow(&asked, login("alice", "alice's password")).await.unwrap()
    }

    async fn issue(&self, app: &App, request: TokenRequest) -> Result<Issued, OAuthError> {
        self.auth.issue(app.credential.clone(), request).await
    }

    async fn refresh(&self, app: &App, token: &Secret) -> Result<Issued, OAuthError> {
        self.issue(app, TokenRequest::Refresh { token: token.clone(), scope: None }).await
    }
}

fn authorization(app: &App) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: app.info.id.clone(),
        redirect_uri: CALLBACK.to_owned(),
        response_type: "code".to_owned(),
        scope: None,
        state: Some("a state".to_owned()),
        code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)),
        code_challenge_method: "S256".to_owned(),
    }
}

fn login(user: &str, password: &str) -> Login {
    Login { user: user.to_owned(), password: Secret::new(password), source: None }
}

fn by_code(code: &Secret) -> TokenRequest {
    let (redirect_uri, verifier) = (CALLBACK.to_owned(), Secret::new(VERIFIER));
    TokenRequest::Code { code: code.clone(), redirect_uri, verifier }
}

#[track_caller]
fn code_of<T: std::fmt::Debug>(refused: Result<T, OAuthError>) -> &'static str {
    refused.unwrap_err().code()
}

const CODE: &[GrantKind] = &[GrantKind::AuthorizationCode, GrantKind::RefreshToken];

#[tokio::test]
async fn a_code_becomes_a_token_that_acts_for_the_user() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let app = house.app(CODE, "shortener:*").await;
    let asked = house.asked(&app).await;
    assert_eq!((&*asked.client.name, asked.state.as_deref()), ("an app", Some("a state")));
    let wrong = house.auth.allow(&asked, login("alice", "wrong password")).await;
    assert!(matches!(wrong, Err(OAuthError::Auth(AuthError::Unknown))));
    let issued = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    assert_eq!(issued.scopes.to_string(), "shortener:read");
    let token = issued.access_token.expose();
    let principal = house.bearer(token).await.unwrap();
    let alice = house.login("alice", "alice's password").await.unwrap().principal;
    assert_eq!((&principal.id, principal.kind), (&alice.id, Kind::Service));
    assert!(principal.may("shortener:read") && !principal.may("shortener:write"));

    // What the user's roles allow, the token may; what a client may not, it never does.
    let roles = vec!["editor".to_owned()];
    house.auth.set_roles(&Principal::house(), "alice", roles).await.unwrap();
    let principal = house.bearer(token).await.unwrap();
    assert!(principal.may("shortener:write") && !principal.may("queue:read"));
    house.clock.advance(ACCESS_FOR);
    assert!(matches!(house.bearer(token).await, Err(AuthError::Expired)));
    let acts = house.acts().await;
    assert!(acts.contains(&format!("oauth.allow {}", app.info.id)), "{acts:?}");
    assert_eq!(acts.iter().filter(|act| act.starts_with("oauth.issue")).count(), 1);
}

#[tokio::test]
async fn a_client_that_acts_for_a_user_is_not_the_user() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["editor"]).await;
    let alice = house.login("alice", "alice's password").await.unwrap().principal;
    let (id, _) = house.token(&alice, "shortener:read").await;
    let app = house.app(CODE, "shortener:*").await;
    let issued = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    let delegate = house.bearer(issued.access_token.expose()).await.unwrap();
    let stolen = Secret::new("another password");
    let refused = house.auth.set_password(&delegate, "alice", stolen).await.unwrap_err();
    assert_eq!(refused.status(), 403);
    let made = house.auth.create_token(&delegate, super::new_token("shortener:read")).await;
    assert_eq!(made.unwrap_err().status(), 403);
    assert_eq!(house.auth.revoke_token(&delegate, &id).await.unwrap_err().status(), 403);
    let page = kit::auth::TokenPage { namespace: None, after: None, limit: 9 };
    assert_eq!(house.auth.list_tokens(&delegate, page).await.unwrap_err().status(), 403);
}

#[tokio::test]
async fn a_code_counts_once_for_a_minute_and_for_who_asked() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let (app, other) = (house.app(CODE, "shortener:*").await, house.app(CODE, "*").await);
    let code = house.code(&app).await;
    assert_eq!(code_of(house.issue(&other, by_code(&code)).await), "invalid_grant");
    let redirect_uri = "https://app.example/other".to_owned();
    let (given, verifier) = (code.clone(), Secret::new(VERIFIER));
    let elsewhere = TokenRequest::Code { code: given.clone(), redirect_uri, verifier };
    assert_eq!(code_of(house.issue(&app, elsewhere).await), "invalid_grant");
    let (redirect_uri, verifier) = (CALLBACK.to_owned(), Secret::new("x".repeat(43)));
    let guessed = TokenRequest::Code { code: given, redirect_uri, verifier };
    assert_eq!(code_of(house.issue(&app, guessed).await), "invalid_grant");
    let unknown = by_code(&Secret::new("bpc_unknown"));
    assert_eq!(code_of(house.issue(&app, unknown).await), "invalid_grant");

    let issued = house.issue(&app, by_code(&code)).await.unwrap();
    let (access, refresh) = (issued.access_token, issued.refresh_token.unwrap());
    house.bearer(access.expose()).await.unwrap();
    assert!(matches!(house.issue(&app, by_code(&code)).await, Err(OAuthError::Reused)));
    assert!(matches!(house.bearer(access.expose()).await, Err(AuthError::Revoked)));
    assert_eq!(code_of(house.refresh(&app, &refresh).await), "invalid_grant");

    let late = house.code(&app).await;
    house.clock.advance(CODE_FOR);
    assert_eq!(code_of(house.issue(&app, by_code(&late)).await), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_is_traded_in_once() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let app = house.app(CODE, "shortener:*").await;
    let first = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    let one = first.refresh_token.unwrap();
    let second = house.refresh(&app, &one).await.unwrap();
    let two = second.refresh_token.clone().unwrap();
    assert_ne!(one.expose(), two.expose());
    let token = two.clone();
    let wider = TokenRequest::Refresh { token, scope: Some("queue:read".to_owned()) };
    assert_eq!(code_of(house.issue(&app, wider).await), "invalid_scope");
    house.bearer(second.access_token.expose()).await.unwrap();

    // Somebody has the first one still: the whole family ends, its newest member too.
    assert!(matches!(house.refresh(&app, &one).await, Err(OAuthError::Reused)));
    for access in [&first.access_token, &second.access_token] {
        assert!(matches!(house.bearer(access.expose()).await, Err(AuthError::Revoked)));
    }
    assert_eq!(code_of(house.refresh(&app, &two).await), "invalid_grant");
    assert!(house.acts().await.contains(&format!("oauth.reuse {}", app.info.id)));

    let again = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    house.clock.advance(REFRESH_FOR);
    let late = again.refresh_token.unwrap();
    assert_eq!(code_of(house.refresh(&app, &late).await), "invalid_grant");
}

#[tokio::test]
async fn a_disabled_user_and_a_removed_client_get_nothing_more() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    house.user("alice", &["reader"]).await;
    let app = house.app(CODE, "shortener:*").await;
    let issued = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    let refresh = issued.refresh_token.unwrap();
    house.auth.disable(&operator, "alice").await.unwrap();
    assert_eq!(code_of(house.refresh(&app, &refresh).await), "invalid_grant");
    house.auth.enable(&operator, "alice").await.unwrap();
    let issued = house.refresh(&app, &refresh).await.unwrap();
    house.bearer(issued.access_token.expose()).await.unwrap();
    house.auth.remove_client(&operator, &app.info.id).await.unwrap();
    let refused = house.bearer(issued.access_token.expose()).await;
    assert!(matches!(refused, Err(AuthError::Revoked)));
    let refresh = issued.refresh_token.unwrap();
    assert_eq!(code_of(house.refresh(&app, &refresh).await), "invalid_client");
    let gone = house.auth.remove_client(&operator, &app.info.id).await;
    assert!(matches!(gone, Err(AuthError::NotFound(_))));
}

#[tokio::test]
async fn a_user_takes_back_what_was_allowed() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let app = house.app(CODE, "shortener:*").await;
    let alice = house.login("alice", "alice's password").await.unwrap().principal;
    let issued = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    let page = kit::auth::TokenPage { namespace: None, after: None, limit: 9 };
    let listed = house.auth.list_tokens(&alice, page).await.unwrap();
    assert_eq!((listed.len(), &*listed[0].name), (1, "an app"));
    house.auth.revoke_token(&alice, &listed[0].id).await.unwrap();
    let refresh = issued.refresh_token.unwrap();
    assert_eq!(code_of(house.refresh(&app, &refresh).await), "invalid_grant");

    let issued = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    let fresh = Secret::new("another password");
    house.auth.set_password(&alice, "alice", fresh).await.unwrap();
    let refused = house.bearer(issued.access_token.expose()).await;
    assert!(matches!(refused, Err(AuthError::Revoked)));
    let refresh = issued.refresh_token.unwrap();
    assert_eq!(code_of(house.refresh(&app, &refresh).await), "invalid_grant");
}

#[tokio::test]
async fn a_client_gets_tokens_of_its_own() {
    let house = House::open(Mode::Serve);
    let app = house.app(&[GrantKind::ClientCredentials], "shortener:* queue:read").await;
    let scope = Some("shortener:read".to_owned());
    let issued = house.issue(&app, TokenRequest::OwnCredentials { scope }).await.unwrap();
    assert!(issued.refresh_token.is_none());
    let principal = house.bearer(issued.access_token.expose()).await.unwrap();
    assert_eq!(principal.id, format!("client:{}", app.info.id));
    assert_eq!(
        (principal.kind, principal.scopes.to_string()),
        (Kind::Service, "shortener:read".to_owned(),)
    );
    let wider = TokenRequest::OwnCredentials { scope: Some("*".to_owned()) };
    assert_eq!(code_of(house.issue(&app, wider).await), "invalid_scope");
    let unregistered = by_code(&Secret::new("bpc_x"));
    assert_eq!(code_of(house.issue(&app, unregistered).await), "unauthorized_client");
    for secret in [None, Some(Secret::new("bps_wrong"))] {
        let credential = ClientCredential { secret, ..app.credential.clone() };
        let request = TokenRequest::OwnCredentials { scope: None };
        assert_eq!(code_of(house.auth.issue(credential, request).await), "invalid_client");
    }
}

#[tokio::test]
async fn a_device_waits_for_its_person() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let app = house.app(&[GrantKind::DeviceCode], "shortener:read").await;
    let begin = || house.auth.begin_device(app.credential.clone(), None);
    let start = begin().await.unwrap();
    let code = start.device_code.clone();
    let poll = || house.issue(&app, TokenRequest::Device { code: code.clone() });
    assert_eq!(code_of(poll().await), "authorization_pending");
    assert_eq!(code_of(poll().await), "slow_down");
    house.clock.advance(DEVICE_INTERVAL);
    assert_eq!(code_of(poll().await), "slow_down");
    house.clock.advance(DEVICE_INTERVAL * 3);
    assert_eq!(code_of(poll().await), "authorization_pending");

    let typed = start.user_code.to_lowercase().replace('-', " ");
    let asked = house.auth.device_asked(&typed, None).await.unwrap();
    assert_eq!((&*asked.client_name, asked.user_code), ("an app", start.user_code.clone()));
    let decide = |login| house.auth.decide_device(&typed, Decision::Allow(login), None);
    assert!(decide(login("alice", "wrong password")).await.is_err());
    decide(login("alice", "alice's password")).await.unwrap();
    assert!(decide(login("alice", "alice's password")).await.is_err());
    house.clock.advance(DEVICE_INTERVAL * 3);
    let issued = poll().await.unwrap();
    assert!(issued.refresh_token.is_none());
    assert!(house.bearer(issued.access_token.expose()).await.unwrap().may("shortener:read"));
    assert_eq!(code_of(poll().await), "invalid_grant");

    let refused = begin().await.unwrap();
    let request = TokenRequest::Device { code: refused.device_code };
    house.auth.decide_device(&refused.user_code, Decision::Deny, None).await.unwrap();
    assert_eq!(code_of(house.issue(&app, request).await), "access_denied");
    let late = begin().await.unwrap();
    house.clock.advance(DEVICE_FOR);
    let request = TokenRequest::Device { code: late.device_code };
    assert_eq!(code_of(house.issue(&app, request).await), "expired_token");
    assert!(house.auth.device_asked(&late.user_code, None).await.is_err());
}

#[tokio::test]
async fn wrong_user_codes_are_counted_by_where_they_come_from() {
    let house = House::open(Mode::Serve);
    let app = house.app(&[GrantKind::DeviceCode], "shortener:read").await;
    let start = house.auth.begin_device(app.credential.clone(), None).await.unwrap();
    let source = Some("192.0.2.9".parse().unwrap());
    for _ in 0..20 {
        house.auth.device_asked(&start.user_code, source).await.unwrap();
    }
    for _ in 0..10 {
        let refused = house.auth.device_asked("BBBB-BBBB", source).await;
        assert!(matches!(refused, Err(OAuthError::InvalidGrant(_))), "{refused:?}");
    }
    let refused = house.auth.device_asked(&start.user_code, source).await;
    assert!(matches!(refused, Err(OAuthError::Auth(AuthError::TooMany { .. }))), "{refused:?}");
}

#[tokio::test]
async fn tokens_are_looked_at_and_taken_back() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let (app, other) = (house.app(CODE, "shortener:*").await, house.app(CODE, "*").await);
    let issued = house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    let (access, refresh) = (issued.access_token, issued.refresh_token.unwrap());
    let look = |by: &App| house.auth.introspect(by.credential.clone(), access.expose());
    let told = look(&other).await.unwrap().unwrap();
    assert_eq!((&told.client_id, &*told.user_name), (&app.info.id, "alice"));
    assert_eq!(told.scopes.to_string(), "shortener:read");
    let (_, own) = house.token(&Principal::house(), "*").await;
    for unknown in [own.expose(), refresh.expose(), "garbage"] {
        let told = house.auth.introspect(other.credential.clone(), unknown).await.unwrap();
        assert_eq!(told, None);
    }
    let nobody = ClientCredential { secret: None, ..app.credential.clone() };
    assert_eq!(code_of(house.auth.introspect(nobody, access.expose()).await), "invalid_client");

    let revoke = |by: &App, token: &Secret| {
        let (credential, token) = (by.credential.clone(), token.clone());
        let auth = house.auth.clone();
        async move { auth.revoke_issued(credential, token.expose()).await.unwrap() }
    };
    revoke(&other, &access).await;
    revoke(&other, &refresh).await;
    house.bearer(access.expose()).await.unwrap();
    revoke(&app, &access).await;
    assert!(matches!(house.bearer(access.expose()).await, Err(AuthError::Revoked)));
    assert_eq!(look(&app).await.unwrap(), None);
    let next = house.refresh(&app, &refresh).await.unwrap();
    let (access, refresh) = (next.access_token, next.refresh_token.unwrap());
    revoke(&app, &refresh).await;
    assert!(matches!(house.bearer(access.expose()).await, Err(AuthError::Revoked)));
    assert_eq!(code_of(house.refresh(&app, &refresh).await), "invalid_grant");
    revoke(&app, &Secret::new("garbage")).await;
}

#[tokio::test]
async fn requests_that_cannot_be_are_told_where_it_is_safe() {
    let house = House::open(Mode::Serve);
    house.user("alice", &[]).await;
    let app = house.app(CODE, "shortener:*").await;
    let good = authorization(&app);
    let here = async |request| match house.auth.asked(request).await.unwrap_err() {
        NotAsked::Here(error) => error.code(),
        NotAsked::There { error, .. } => panic!("{error}"),
    };
    let there = async |request| match house.auth.asked(request).await.unwrap_err() {
        NotAsked::There { error, state, redirect_uri } => {
            assert_eq!((state.as_deref(), &*redirect_uri), (Some("a state"), CALLBACK));
            error.code()
        }
        NotAsked::Here(error) => panic!("{error}"),
    };
    let text = str::to_owned;
    let stranger = AuthorizationRequest { client_id: text("stranger"), ..good.clone() };
    assert_eq!(here(stranger).await, "invalid_client");
    for uri in ["", "https://app.example/callback/", "https://evil.example/callback"] {
        let elsewhere = AuthorizationRequest { redirect_uri: text(uri), ..good.clone() };
        assert_eq!(here(elsewhere).await, "invalid_request");
    }
    let plain = AuthorizationRequest { code_challenge_method: text("plain"), ..good.clone() };
    assert_eq!(there(plain).await, "invalid_request");
    let without = AuthorizationRequest { code_challenge: text(""), ..good.clone() };
    assert_eq!(there(without).await, "invalid_request");
    let implicit = AuthorizationRequest { response_type: text("token"), ..good.clone() };
    assert_eq!(there(implicit).await, "unsupported_response_type");
    let wider = AuthorizationRequest { scope: Some(text("queue:read")), ..good };
    assert_eq!(there(wider).await, "invalid_scope");
    // A user without any of the scopes has nothing to allow.
    let asked = house.asked(&app).await;
    let nothing = house.auth.allow(&asked, login("alice", "alice's password")).await;
    assert_eq!(code_of(nothing), "access_denied");
}

#[tokio::test]
async fn clients_are_an_operators_business() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["editor"]).await;
    let alice = house.login("alice", "alice's password").await.unwrap().principal;
    let app = house.app(CODE, "shortener:*").await;
    house.app(CODE, "shortener:*").await;
    let list = async |after_id, limit| {
        house.auth.list_clients(&Principal::house(), ClientPage { after_id, limit }).await.unwrap()
    };
    let first = list(None, 1).await;
    let second = list(Some(first[0].id.clone()), 9).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(first.contains(&app.info) || second.contains(&app.info));
    let page = ClientPage { after_id: None, limit: 9 };
    assert_eq!(house.auth.list_clients(&alice, page).await.unwrap_err().status(), 403);
    let refused = house.auth.remove_client(&alice, &app.info.id).await.unwrap_err();
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn what_is_over_is_swept() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let app = house.app(CODE, "shortener:*").await;
    house.issue(&app, by_code(&house.code(&app).await)).await.unwrap();
    assert_eq!(house.auth.sweep().await.unwrap(), 0);
    // The code, then the access token; the refresh token still counts.
    house.clock.advance(ACCESS_FOR + std::time::Duration::from_secs(24 * 3_600));
    assert_eq!(house.auth.sweep().await.unwrap(), 2);
    house.clock.advance(REFRESH_FOR);
    assert_eq!(house.auth.sweep().await.unwrap(), 2);
    assert_eq!(house.auth.sweep().await.unwrap(), 0);
}

/// One walk through everything that is stored, for engines whose meaning is tested elsewhere.
pub(super) async fn every_statement(house: &House) {
    house.user("alice", &["reader"]).await;
    let kinds = [GrantKind::AuthorizationCode, GrantKind::RefreshToken, GrantKind::DeviceCode];
    let app = house.app(&kinds, "shortener:*").await;
    let code = house.code(&app).await;
    let issued = house.issue(&app, by_code(&code)).await.unwrap();
    let refresh = issued.refresh_token.unwrap();
    let issued = house.refresh(&app, &refresh).await.unwrap();
    let token = issued.access_token.expose();
    assert!(house.bearer(token).await.unwrap().may("shortener:read"));
    let look = house.auth.introspect(app.credential.clone(), token).await.unwrap();
    assert_eq!(look.unwrap().client_id, app.info.id);
    house.auth.revoke_issued(app.credential.clone(), token).await.unwrap();
    assert!(matches!(house.issue(&app, by_code(&code)).await, Err(OAuthError::Reused)));

    let start = house.auth.begin_device(app.credential.clone(), None).await.unwrap();
    let request = TokenRequest::Device { code: start.device_code };
    assert_eq!(code_of(house.issue(&app, request.clone()).await), "authorization_pending");
    house.auth.device_asked(&start.user_code, None).await.unwrap();
    let decision = Decision::Allow(login("alice", "alice's password"));
    house.auth.decide_device(&start.user_code, decision, None).await.unwrap();
    house.clock.advance(DEVICE_INTERVAL);
    let issued = house.issue(&app, request).await.unwrap();
    let refresh = issued.refresh_token.unwrap();
    house.auth.revoke_issued(app.credential.clone(), refresh.expose()).await.unwrap();

    let page = ClientPage { after_id: None, limit: 9 };
    let clients = house.auth.list_clients(&Principal::house(), page).await.unwrap();
    assert_eq!((clients.len(), &clients[0]), (1, &app.info));
    house.auth.remove_client(&Principal::house(), &app.info.id).await.unwrap();
    house.clock.advance(REFRESH_FOR * 2);
    assert!(house.auth.sweep().await.unwrap() >= 6);
}
