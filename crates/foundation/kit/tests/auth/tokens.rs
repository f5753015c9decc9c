//! Tokens: known, refused, bounded by their maker, listed and ended.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use kit::auth::{AuthError, Kind, Mode, NewToken, Principal, Scopes, TokenCursor, TokenPage};
use kit::clock::Timestamp;

use super::{House, START, basic, headers, new_token};

#[tokio::test]
async fn a_token_is_known_by_every_form_and_after_a_restart() {
    let house = House::open(Mode::Serve);
    let (id, secret) = house.token(&Principal::house(), "shortener:read shortener:write").await;
    let house = house.reopened();
    let key = headers("x-api-key", secret.expose());
    assert!(house.auth.known(&key).is_none());
    let principal = house.auth.authenticate(&key).await.unwrap();
    assert_eq!((&*principal.id, principal.kind), (&*format!("token:{id}"), Kind::Service));
    assert!(principal.may("shortener:write") && !principal.may("platform:admin"));
    assert!(Arc::ptr_eq(&house.auth.known(&key).unwrap(), &principal));
    assert_eq!(house.bearer(secret.expose()).await.unwrap(), principal);
    let any = basic("anything", secret.expose());
    assert_eq!(house.auth.authenticate(&any).await.unwrap(), principal);
    assert_eq!(house.auth.principal_of_token(secret.expose()).await.unwrap(), principal);
}

#[tokio::test]
async fn refusals_say_why_and_never_what() {
    let house = House::open(Mode::Serve);
    let (_, secret) = house.token(&Principal::house(), "*").await;
    let (_, other) = house.token(&Principal::house(), "*").await;
    let none = house.auth.authenticate(&HeaderMap::new()).await;
    assert!(matches!(none, Err(AuthError::Missing)));
    // The ID of one token with the secret of another, and the checksum put right.
    let forged = reseal(&format!("{}{}", &secret.expose()[..16], &other.expose()[16..48]));
    let refused = house.bearer(&forged).await.unwrap_err();
    assert!(matches!(refused, AuthError::Unknown));
    let stranger = reseal(&format!("bp_{}_{}", "x".repeat(12), "y".repeat(32)));
    let unknown = house.bearer(&stranger).await.unwrap_err();
    assert_eq!(unknown.to_string(), refused.to_string());
    let mistyped = house.bearer(&secret.expose().replace(&secret.expose()[20..22], "zz")).await;
    assert!(matches!(&mistyped, Err(AuthError::Malformed(what)) if what.contains("checksum")));
    for refusal in [refused, unknown, mistyped.unwrap_err()] {
        assert_eq!(refusal.status(), 401);
        assert!(!format!("{refusal} {refusal:?}").contains(&secret.expose()[3..15]));
    }
}

/// The CRC-32 in base 62 that closes a token, written here a second time on purpose.
fn reseal(body: &str) -> String {
    let alphabet: Vec<char> = ('0'..='9').chain('a'..='z').chain('A'..='Z').collect();
    let mut crc = crc32fast::hash(body.as_bytes()) as usize;
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(alphabet[crc % 62]);
        crc /= 62;
    }
    format!("{body}{}", digits.into_iter().rev().collect::<String>())
}

#[tokio::test]
async fn dev_tokens_work_in_dev_only() {
    let dev = House::open(Mode::Dev);
    let anonymous = dev.auth.known(&HeaderMap::new()).unwrap();
    assert_eq!((anonymous.kind, anonymous.namespace.as_str()), (Kind::Anonymous, "default"));
    let operator = dev.bearer("dev").await.unwrap();
    assert_eq!((operator.kind, operator.namespace.as_str()), (Kind::Operator, "default"));
    assert!(operator.may("anything:at-all"));
    let team = dev.auth.known(&headers("x-api-key", "dev-team-7")).unwrap();
    assert_eq!((team.namespace.as_str(), &*team.id), ("team-7", "dev:team-7"));
    assert!(matches!(dev.bearer("dev-Not-A-Name").await, Err(AuthError::Malformed(_))));
    let serve = House::open(Mode::Serve);
    for token in ["dev", "dev-team-7"] {
        assert!(serve.auth.known(&headers("x-api-key", token)).is_none());
        assert!(matches!(serve.bearer(token).await, Err(AuthError::Malformed(_))));
    }
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused_at_once() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    let (id, secret) = house.token(&operator, "shortener:read").await;
    house.bearer(secret.expose()).await.unwrap();
    house.auth.revoke_token(&operator, &id).await.unwrap();
    assert!(house.auth.known(&headers("x-api-key", secret.expose())).is_none());
    assert!(matches!(house.bearer(secret.expose()).await, Err(AuthError::Revoked)));
    house.auth.revoke_token(&operator, &id).await.unwrap();

    let expires_at = Some(START.plus(Duration::from_secs(60)));
    let brief = NewToken { expires_at, ..new_token("shortener:read") };
    let (_, secret) = house.auth.create_token(&operator, brief).await.unwrap();
    house.clock.advance(Duration::from_secs(59));
    house.bearer(secret.expose()).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    assert!(matches!(house.bearer(secret.expose()).await, Err(AuthError::Expired)));
    assert_eq!(house.auth.sweep().await.unwrap(), 0);
    house.clock.advance(Duration::from_secs(31 * 24 * 3_600));
    assert_eq!(house.auth.sweep().await.unwrap(), 1);
    assert!(matches!(house.bearer(secret.expose()).await, Err(AuthError::Unknown)));
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_have() {
    let house = House::open(Mode::Serve);
    let house_itself = Principal::house();
    let (_, secret) = house.token(&house_itself, "shortener:read").await;
    let plain = house.bearer(secret.expose()).await.unwrap();
    let child = house.auth.create_token(&plain, new_token("shortener:read")).await;
    assert_eq!(child.unwrap_err().status(), 403, "a token would outlive itself");
    let (_, secret) = house.token(&house_itself, "shortener:read platform:tokens").await;
    let maker = house.bearer(secret.expose()).await.unwrap();
    let refused = |wanted| house.auth.create_token(&maker, wanted);
    let wider = refused(new_token("shortener:*")).await.unwrap_err();
    assert_eq!(wider.status(), 403);
    let elsewhere = Some("team-7".parse().unwrap());
    let elsewhere = NewToken { namespace: elsewhere, ..new_token("shortener:read") };
    assert_eq!(refused(elsewhere.clone()).await.unwrap_err().status(), 403);
    assert_eq!(refused(new_token("")).await.unwrap_err().status(), 422);
    let nameless = NewToken { name: String::new(), ..new_token("shortener:read") };
    assert_eq!(refused(nameless).await.unwrap_err().status(), 422);
    let past = NewToken { expires_at: Some(START), ..new_token("shortener:read") };
    assert_eq!(refused(past).await.unwrap_err().status(), 422);
    refused(new_token("shortener:read")).await.unwrap();
    let anonymous = Principal { scopes: Scopes::all(), ..Principal::anonymous() };
    let unnamed = house.auth.create_token(&anonymous, new_token("*")).await.unwrap_err();
    assert_eq!(unnamed.status(), 401);
    let (info, _) = house.auth.create_token(&Principal::house(), elsewhere).await.unwrap();
    assert_eq!(info.namespace.as_str(), "team-7");
}

#[tokio::test]
async fn lists_turn_pages_and_keep_to_their_own() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    let (_, secret) = house.token(&operator, "shortener:read platform:tokens").await;
    let service = house.bearer(secret.expose()).await.unwrap();
    for _ in 0..4 {
        house.token(&service, "shortener:read").await;
    }
    let page = |after, limit| TokenPage { namespace: None, after, limit };
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let tokens = house.auth.list_tokens(&operator, page(after, 2)).await.unwrap();
        let Some(last) = tokens.last() else { break };
        after = Some(TokenCursor { created_at: last.created_at, id: last.id.clone() });
        seen.extend(tokens.into_iter().map(|token| token.id));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let own = house.auth.list_tokens(&service, page(None, 100)).await.unwrap();
    assert_eq!(own.len(), 4);
    assert!(own.iter().all(|token| token.created_by == service.id));
    let other = TokenPage { namespace: Some("team-7".parse().unwrap()), ..page(None, 9) };
    assert_eq!(house.auth.list_tokens(&service, other).await.unwrap_err().status(), 403);
    let foreign = house.auth.list_tokens(&operator, page(None, 100)).await.unwrap();
    let foreign = foreign.iter().find(|token| token.created_by == "house").unwrap();
    let stolen = house.auth.revoke_token(&service, &foreign.id).await.unwrap_err();
    assert_eq!(stolen.status(), 404);
}

#[tokio::test]
async fn the_last_use_is_stored_once_an_hour() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    let (_, secret) = house.token(&operator, "shortener:read").await;
    house.bearer(secret.expose()).await.unwrap();
    let last_used = async || {
        let page = TokenPage { namespace: None, after: None, limit: 1 };
        house.auth.list_tokens(&operator, page).await.unwrap()[0].last_used_at
    };
    let until = async |wanted: Timestamp| {
        while last_used().await != Some(wanted) {
            tokio::task::yield_now().await;
        }
    };
    until(START).await;
    house.clock.advance(Duration::from_secs(3_599));
    house.bearer(secret.expose()).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    house.bearer(secret.expose()).await.unwrap();
    until(START.plus(Duration::from_secs(3_600))).await;
}
