//! Credentials on a real database: what is let in, what is refused, and when a change counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use kit::auth::{
    AuditPage, Auth, AuthError, AuthSettings, Login, Mode, NewToken, NewUser, Principal, Secret,
};
use kit::clock::{Clock, Timestamp};
use kit::entropy::Entropy;
use kit::sql::{Db, Durability, OpenOptions};

mod jwt;
mod oauth;
mod postgres;
mod tokens;
mod users;

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// One house on a disk of its own, with its time in the test's hands.
struct House {
    dir: tempfile::TempDir,
    clock: Clock,
    auth: Auth,
}

impl House {
    fn open(mode: Mode) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::frozen(START);
        let auth = open_in(&dir, &clock, mode);
        Self { dir, clock, auth }
    }

    /// The same house after a restart: nothing is remembered but what is stored.
    fn reopened(self) -> Self {
        let Self { dir, clock, auth } = self;
        drop(auth);
        let auth = open_in(&dir, &clock, Mode::Serve);
        Self { dir, clock, auth }
    }

    async fn token(&self, maker: &Principal, scopes: &str) -> (String, Secret) {
        let (info, secret) = self.auth.create_token(maker, new_token(scopes)).await.unwrap();
        (info.id, secret)
    }

    async fn user(&self, name: &str, roles: &[&str]) -> NewUser {
        let new = new_user(name, roles);
        self.auth.create_user(&Principal::house(), new.clone()).await.unwrap();
        new
    }

    async fn login(&self, user: &str, password: &str) -> Result<kit::auth::Session, AuthError> {
        let password = Secret::new(password);
        self.auth.login(Login { user: user.to_owned(), password, source: None }).await
    }

    async fn acts(&self) -> Vec<String> {
        let page = AuditPage { before_id: None, limit: 100 };
        let rows = self.auth.list_audit(&Principal::house(), None, page).await.unwrap();
        rows.into_iter().map(|row| format!("{} {}", row.action, row.subject)).collect()
    }

    async fn bearer(&self, token: &str) -> Result<Arc<Principal>, AuthError> {
        self.auth.authenticate(&headers("authorization", &format!("Bearer {token}"))).await
    }
}

fn open_in(dir: &tempfile::TempDir, clock: &Clock, mode: Mode) -> Auth {
    let path = dir.path().join("auth.db");
    let durability = Durability::Flush;
    let options = OpenOptions { path, migrations: Auth::MIGRATIONS, durability };
    let db = Db::open_sqlite(&options).unwrap();
    let settings = AuthSettings { mode, anonymous: mode == Mode::Dev };
    Auth::open(db, clock.clone(), Entropy::machine(), settings)
}

fn headers(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
}

fn new_token(scopes: &str) -> NewToken {
    let scopes = scopes.parse().unwrap();
    NewToken { name: "a program".to_owned(), scopes, namespace: None, expires_at: None }
}

fn new_user(name: &str, roles: &[&str]) -> NewUser {
    NewUser {
        name: name.to_owned(),
        password: Secret::new(format!("{name}'s password")),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        namespace: None,
    }
}

fn basic(user: &str, password: &str) -> HeaderMap {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    headers("authorization", &format!("Basic {pair}"))
}
