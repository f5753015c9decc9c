//! Every statement once on PostgreSQL, when `BACKPLANE_TEST_POSTGRES` names a server: what it means
//! is tested on SQLite, that its text is portable here.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use kit::auth::{Auth, AuthError, AuthSettings, Mode, Principal, Role, TokenPage, UserPage};
use kit::clock::Clock;
use kit::entropy::Entropy;
use kit::idempotency::{self, Begin, Fingerprint, Key, StoredAnswer};
use kit::sql::Db;

use super::{House, START, new_user};

async fn served(schema: &'static str) -> Option<Db> {
    let url = std::env::var("BACKPLANE_TEST_POSTGRES").ok()?;
    let open = move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).unwrap();
        Db::open_postgres(&url, schema.to_owned(), Auth::MIGRATIONS).unwrap()
    };
    Some(tokio::task::spawn_blocking(open).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_on_postgres() {
    let Some(db) = served("suite_auth").await else { return };
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(START));
    let settings = AuthSettings { mode: Mode::Serve, anonymous: false };
    let auth = Auth::open(db, clock.clone(), Entropy::machine(), settings);
    let house = House { dir, clock, auth };
    let auth = &house.auth;
    let first = auth.bootstrap_token().await.unwrap().unwrap();
    assert!(auth.bootstrap_token().await.unwrap().is_none());
    let operator = house.bearer(first.expose()).await.unwrap();
    let role = Role { name: "queues".to_owned(), scopes: "queue:*".parse().unwrap() };
    auth.set_role(&operator, role.clone()).await.unwrap();
    auth.set_role(&operator, role).await.unwrap();
    house.user("alice", &["reader", "queues"]).await;
    let taken = auth.create_user(&operator, new_user("alice", &[])).await;
    assert!(matches!(taken, Err(AuthError::Exists(_))), "{taken:?}");
    let session = house.login("alice", "alice's password").await.unwrap();
    let (id, secret) = house.token(&session.principal, "queue:read").await;
    assert!(house.bearer(secret.expose()).await.unwrap().may("queue:read"));
    auth.set_roles(&operator, "alice", vec!["editor".to_owned()]).await.unwrap();
    auth.remove_role(&operator, "queues").await.unwrap();
    assert_eq!(auth.list_roles(&operator).await.unwrap().len(), 3);
    let users = auth.list_users(&operator, UserPage { after_name: None, limit: 9 }).await.unwrap();
    assert_eq!(users[0].roles, ["editor"]);
    for seer in [&*operator, &*session.principal] {
        let page = TokenPage { namespace: None, after: None, limit: 9 };
        assert!(!auth.list_tokens(seer, page).await.unwrap().is_empty());
    }
    auth.revoke_token(&operator, &id).await.unwrap();
    assert!(matches!(house.bearer(secret.expose()).await, Err(AuthError::Revoked)));
    let changed = kit::auth::Secret::new("another password");
    auth.set_password(&operator, "alice", changed).await.unwrap();
    auth.disable(&operator, "alice").await.unwrap();
    auth.enable(&operator, "alice").await.unwrap();
    let session = house.login("alice", "another password").await.unwrap();
    auth.logout(session.token.expose()).await.unwrap();
    house.user("root", &["admin"]).await;
    assert!(matches!(house.bearer(first.expose()).await, Err(AuthError::Revoked)));
    assert_eq!(auth.sweep().await.unwrap(), 0);
    assert_eq!(house.acts().await.first().unwrap(), "user.create root");
    assert!(house.acts().await.len() >= 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_on_postgres() {
    let Some(db) = served("suite_oauth").await else { return };
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(START));
    let settings = AuthSettings { mode: Mode::Serve, anonymous: false };
    let auth = Auth::open(db, clock.clone(), Entropy::machine(), settings);
    super::oauth::every_statement(&House { dir, clock, auth }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_on_postgres() {
    let Some(db) = served("suite_idempotency").await else { return };
    let (principal, key) = (Principal::house(), Key::new("k").unwrap());
    let ask = async |body: &[u8], now| {
        let fingerprint = Fingerprint::of(&Method::POST, "/", body);
        idempotency::begin(&db, &principal, &key, fingerprint, now).await.unwrap()
    };
    let Begin::First(claim) = ask(b"", START).await else { panic!("the first") };
    assert!(matches!(ask(b"", START).await, Begin::InProgress));
    idempotency::abandon(&db, claim).await.unwrap();
    assert!(matches!(ask(b"", START).await, Begin::First(_)));
    let later = START.plus(std::time::Duration::from_secs(60));
    let Begin::First(claim) = ask(b"", later).await else { panic!("free again") };
    let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"done"));
    let answer = StoredAnswer { status: StatusCode::CREATED, headers, body };
    assert!(idempotency::finish(&db, claim, answer.clone()).await.unwrap());
    assert!(matches!(ask(b"", later).await, Begin::Replay(found) if found == answer));
    assert!(matches!(ask(b"x", later).await, Begin::Mismatch));
    let end = later.plus(idempotency::KEPT_FOR);
    assert_eq!(idempotency::sweep(&db, end).await.unwrap(), 1);
}
