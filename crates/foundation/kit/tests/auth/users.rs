//! Users: let in by password, held to their roles, shut out, and the trail that they leave.

use std::time::Duration;

use kit::auth::{
    AuditPage, AuthError, Kind, Login, Mode, NewUser, Principal, Role, Scopes, Secret, UserPage,
};

use super::{House, basic, new_user};

#[tokio::test]
async fn a_session_does_what_the_users_roles_allow_now() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    house.user("Alice", &["reader"]).await;
    let session = house.login("alice", "Alice's password").await.unwrap();
    let token = session.token.expose();
    let alice = house.bearer(token).await.unwrap();
    assert_eq!((alice.kind, &*alice.name), (Kind::User, "alice"));
    assert!(alice.may("shortener:read") && !alice.may("shortener:write"));
    let (_, own) = house.token(&alice, "shortener:read").await;
    let granted = async |scope: &str| {
        let session = house.bearer(token).await.unwrap().may(scope);
        (session, house.bearer(own.expose()).await.unwrap().may(scope))
    };
    assert_eq!(granted("shortener:read").await, (true, true));

    let editor = vec!["editor".to_owned()];
    house.auth.set_roles(&operator, "alice", editor).await.unwrap();
    assert_eq!(granted("shortener:write").await, (true, false));
    let role = |scopes: &str| Role { name: "editor".to_owned(), scopes: scopes.parse().unwrap() };
    house.auth.set_role(&operator, role("queue:*")).await.unwrap();
    assert_eq!(granted("shortener:read").await, (false, false));
    assert_eq!(granted("queue:purge").await, (true, false));
    house.auth.remove_role(&operator, "editor").await.unwrap();
    assert_eq!(granted("queue:purge").await, (false, false));

    house.clock.advance(Duration::from_secs(12 * 3_600));
    assert!(matches!(house.bearer(token).await, Err(AuthError::Expired)));
    house.bearer(own.expose()).await.unwrap();
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    house.user("alice", &["reader"]).await;
    let session = house.login("alice", "alice's password").await.unwrap();
    let (_, own) = house.token(&session.principal, "shortener:read").await;
    let sent = basic("alice", "alice's password");
    house.auth.authenticate(&sent).await.unwrap();
    assert!(house.auth.known(&sent).is_some());
    house.auth.disable(&operator, "alice").await.unwrap();
    for token in [session.token.expose(), own.expose()] {
        assert!(matches!(house.bearer(token).await, Err(AuthError::Revoked)));
    }
    assert!(house.auth.known(&sent).is_none());
    assert!(matches!(house.auth.authenticate(&sent).await, Err(AuthError::Unknown)));
    house.auth.enable(&operator, "alice").await.unwrap();
    house.bearer(own.expose()).await.unwrap();
    assert!(matches!(house.bearer(session.token.expose()).await, Err(AuthError::Revoked)));
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_log_out_ends_one() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    let first = house.login("alice", "alice's password").await.unwrap();
    let second = house.login("ALICE", "alice's password").await.unwrap();
    house.auth.logout(first.token.expose()).await.unwrap();
    assert!(matches!(house.bearer(first.token.expose()).await, Err(AuthError::Revoked)));
    let alice = house.bearer(second.token.expose()).await.unwrap();
    let fresh = Secret::new("another password");
    house.auth.set_password(&alice, "alice", fresh).await.unwrap();
    assert!(matches!(house.bearer(second.token.expose()).await, Err(AuthError::Revoked)));
    assert!(matches!(house.login("alice", "alice's password").await, Err(AuthError::Unknown)));
    house.login("alice", "another password").await.unwrap();
    let (_, token) = house.token(&Principal::house(), "*").await;
    assert_eq!(house.auth.logout(token.expose()).await.unwrap_err().status(), 422);
}

#[tokio::test]
async fn administrators_stay_within_their_own_rights() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    house.user("root", &["admin"]).await;
    let wanted = Role { name: "warden".to_owned(), scopes: "platform:* *:read".parse().unwrap() };
    house.auth.set_role(&operator, wanted).await.unwrap();
    house.user("warden", &["warden"]).await;
    let warden = house.login("warden", "warden's password").await.unwrap().principal;
    house.auth.create_user(&warden, new_user("bob", &["reader"])).await.unwrap();
    let more = house.auth.create_user(&warden, new_user("eve", &["admin"])).await.unwrap_err();
    assert_eq!(more.status(), 403);
    let password = Secret::new("stolen password");
    let steal = house.auth.set_password(&warden, "root", password.clone()).await.unwrap_err();
    assert_eq!(steal.status(), 403);
    assert_eq!(house.auth.disable(&warden, "root").await.unwrap_err().status(), 403);
    let wider = Role { name: "warden".to_owned(), scopes: Scopes::all() };
    assert_eq!(house.auth.set_role(&warden, wider).await.unwrap_err().status(), 403);
    let admin = Role { name: "admin".to_owned(), scopes: Scopes::default() };
    assert_eq!(house.auth.set_role(&operator, admin).await.unwrap_err().status(), 422);

    let bob = house.login("bob", "bob's password").await.unwrap().principal;
    let page = UserPage { after_name: None, limit: 10 };
    assert_eq!(house.auth.list_users(&bob, page.clone()).await.unwrap_err().status(), 403);
    for name in ["warden", "nobody"] {
        let curious = house.auth.set_password(&bob, name, password.clone()).await.unwrap_err();
        assert_eq!(curious.status(), 403, "{name}");
    }
    let users = house.auth.list_users(&operator, page).await.unwrap();
    let names: Vec<_> = users.iter().map(|user| (&*user.name, user.roles.join(" "))).collect();
    let expected = [("bob", "reader"), ("root", "admin"), ("warden", "warden")];
    assert_eq!(names, expected.map(|(name, roles)| (name, roles.to_owned())));
}

#[tokio::test]
async fn bad_users_are_refused() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    house.user("alice", &[]).await;
    let status = async |user: NewUser| {
        house.auth.create_user(&operator, user).await.unwrap_err().status().as_u16()
    };
    assert_eq!(status(new_user("ALICE", &[])).await, 409);
    assert_eq!(status(new_user("a:b", &[])).await, 422);
    assert_eq!(status(new_user("", &[])).await, 422);
    assert_eq!(status(new_user("bob", &["no-such-role"])).await, 422);
    let short = NewUser { password: Secret::new("short"), ..new_user("bob", &[]) };
    assert_eq!(status(short).await, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_wrong_password_waits() {
    let house = House::open(Mode::Serve);
    house.user("alice", &["reader"]).await;
    house.user("bob", &["reader"]).await;
    let open = basic("alice", "alice's password");
    house.auth.authenticate(&open).await.unwrap();
    let wrong = (0..20).map(|_| house.login("alice", "wrong password"));
    let mut tried = 0;
    for attempt in futures_all(wrong.collect()).await {
        match attempt {
            Err(AuthError::Unknown) => tried += 1,
            Err(AuthError::TooMany { retry_after_s }) => assert_eq!(retry_after_s, 900),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(tried, 10);
    let right = house.login("alice", "alice's password").await;
    assert!(matches!(right, Err(AuthError::TooMany { .. })));
    house.auth.authenticate(&open).await.unwrap();
    house.login("bob", "bob's password").await.unwrap();
    house.clock.advance(Duration::from_secs(900));
    house.login("alice", "alice's password").await.unwrap();

    let source = Some("192.0.2.7".parse().unwrap());
    for number in 0..11 {
        let user = format!("nobody{number}");
        let password = Secret::new("whatever it is");
        let refused = house.auth.login(Login { user, password, source }).await.unwrap_err();
        assert_eq!(refused.status(), if number < 10 { 401 } else { 429 });
    }
}

/// Polls all at once, in order, as tasks of one thread would be.
async fn futures_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|it| (Box::pin(it), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut futures {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if futures.iter().all(|(_, output)| output.is_some()) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn the_first_operator_is_let_in_once() {
    let house = House::open(Mode::Serve);
    let token = house.auth.bootstrap_token().await.unwrap().unwrap();
    assert!(house.auth.bootstrap_token().await.unwrap().is_none());
    let house = house.reopened();
    assert!(house.auth.bootstrap_token().await.unwrap().is_none());
    let operator = house.bearer(token.expose()).await.unwrap();
    assert_eq!((operator.kind, operator.may(Principal::ADMIN)), (Kind::Operator, true));
    house.auth.create_user(&operator, new_user("bob", &["reader"])).await.unwrap();
    house.bearer(token.expose()).await.unwrap();
    house.auth.create_user(&operator, new_user("root", &["admin"])).await.unwrap();
    assert!(matches!(house.bearer(token.expose()).await, Err(AuthError::Revoked)));
    assert!(house.auth.bootstrap_token().await.unwrap().is_none());
    assert!(House::open(Mode::Dev).auth.bootstrap_token().await.unwrap().is_none());
}

#[tokio::test]
async fn every_change_leaves_its_row() {
    let house = House::open(Mode::Serve);
    let operator = Principal::house();
    house.user("alice", &["reader"]).await;
    let session = house.login("alice", "alice's password").await.unwrap();
    let (id, _) = house.token(&session.principal, "shortener:read").await;
    house.auth.revoke_token(&operator, &id).await.unwrap();
    house.auth.disable(&operator, "alice").await.unwrap();
    let acts = house.acts().await;
    let revoked = format!("token.revoke {id}");
    let created = format!("token.create {id}");
    let expected =
        ["user.disable alice", &revoked, &created, "user.login alice", "user.create alice"];
    assert_eq!(acts, expected);
    let refused = house.auth.revoke_token(&operator, "no-such-token").await;
    assert!(matches!(refused, Err(AuthError::NotFound(_))));
    assert_eq!(house.acts().await.len(), 5);
    let page = AuditPage { before_id: Some(3), limit: 1 };
    let rows = house.auth.list_audit(&operator, None, page).await.unwrap();
    assert_eq!((rows.len(), rows[0].id, &*rows[0].action), (1, 2, "user.login"));
    let own = house.auth.list_audit(&session.principal, None, page).await.unwrap_err();
    assert_eq!(own.status(), 403);
}
