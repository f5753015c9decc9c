use super::*;

/// An answer must have the status and every one of the texts.
async fn expect(request: String, status: u16, texts: &[&str]) {
    let server = start(Setup::default()).await;
    let answer = ask(server.address, &request).await;
    assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{request}\n{answer}");
    for text in texts {
        assert!(answer.contains(text), "{text:?} is missing\n{request}\n{answer}");
    }
    assert!(answer.contains("x-request-id: made\r\n"), "{answer}");
    if status >= 400 {
        assert!(answer.contains("content-type: application/problem+json"), "{answer}");
        assert!(answer.contains(&format!("\"status\":{status}")), "{answer}");
    }
}

#[tokio::test]
async fn what_is_right_is_answered() {
    expect(post_request("/links", "", r#"{"url":"a"}"#), 200, &[r#"{"url":"a"}"#]).await;
    expect(get_request("/links/7"), 200, &["\r\n\r\n7"]).await;
    expect(get_request("/list?limit=900"), 200, &["\r\n\r\n500"]).await;
}

#[tokio::test]
async fn bodies() {
    let json = "content-type: application/json\r\n";
    expect(post_request("/links", json, "{"), 400, &["/problems/bad-request", "line"]).await;
    expect(post_request("/links", json, r#"{"url":1}"#), 422, &["Field url", "column 8"]).await;
    expect(post_request("/links", json, r#"{"url":"a","x":1}"#), 422, &["unknown field `x`"]).await;
    expect(post_request("/links", "content-type: text/xml\r\n", "<a/>"), 415, &["json"]).await;
    let large = "x".repeat(1025);
    expect(post_request("/links", json, &large), 413, &["at most 1 KiB", "limit_bytes"]).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_even_if_it_does_not_say_so() {
    let chunk = format!("800\r\n{}\r\n", "x".repeat(0x800));
    let head = "POST /links HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let request = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    expect(request, 413, &["at most 1 KiB"]).await;
}

#[tokio::test]
async fn addresses() {
    expect(get_request("/nowhere"), 404, &["/problems/not-found"]).await;
    expect(get_request("/links"), 405, &["allow: post", "/problems/method-not-allowed"]).await;
    expect(get_request("/links/seven"), 400, &["/problems/bad-request"]).await;
    expect(get_request("/names/a%00b"), 400, &["NUL"]).await;
    expect(get_request("/names/%ff"), 400, &["UTF-8"]).await;
    expect(get_request("/list?limit=-1"), 400, &["limit"]).await;
    expect(get_request("/list?cursor=%00"), 400, &["NUL"]).await;
    expect(get_request("/list?cursor=%ff"), 400, &["UTF-8"]).await;
}

#[tokio::test]
async fn a_panic_is_a_500_that_keeps_its_secret() {
    let server = start(Setup::default()).await;
    let answer = ask(server.address, &get_request("/panic")).await;
    assert!(answer.starts_with("http/1.1 500 "), "{answer}");
    assert!(answer.contains("/problems/internal") && !answer.contains("secret"), "{answer}");
}

#[tokio::test]
async fn a_handler_out_of_time_is_a_503_to_try_again() {
    let layers = Some(LayerSettings { handler_timeout_ms: 10, ..settings() });
    let server = start(Setup { layers, ..Setup::default() }).await;
    let answer = ask(server.address, &get_request("/never")).await;
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(answer.contains("/problems/timeout") && answer.contains("retry-after: 1"), "{answer}");
}

#[tokio::test]
async fn the_callers_request_id_comes_back() {
    let server = start(Setup::default()).await;
    let request = "GET /id HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-request-id: mine\r\n\r\n";
    let answer = ask(server.address, request).await;
    assert!(answer.contains("x-request-id: mine\r\n") && answer.ends_with("\r\n\r\nmine"));
}

#[tokio::test]
async fn other_origins_may_call_only_when_listed() {
    let cors_origins = CorsOrigins::listed(&["https://app.example".into()]).unwrap();
    let layers = Some(LayerSettings { cors_origins, ..settings() });
    let listed = start(Setup { layers, ..Setup::default() }).await;
    let unlisted = start(Setup::default()).await;
    let request = "OPTIONS /links HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                   origin: https://app.example\r\naccess-control-request-method: POST\r\n\r\n";
    let answer = ask(listed.address, request).await;
    assert!(answer.contains("access-control-allow-origin: https://app.example"), "{answer}");
    let answer = ask(unlisted.address, request).await;
    assert!(!answer.contains("access-control-allow-origin"), "{answer}");
}

#[tokio::test]
async fn the_observer_is_told_the_route_and_not_the_path() {
    #[derive(Default)]
    struct Told(parking_lot::Mutex<Vec<(String, u16)>>);
    impl Observer for Told {
        fn answered(&self, answered: &Answered<'_>) {
            self.0.lock().push((answered.route.to_owned(), answered.status.as_u16()));
        }
    }
    let told = Arc::new(Told::default());
    let layers = Some(LayerSettings { observer: Some(told.clone()), ..settings() });
    let server = start(Setup { layers, ..Setup::default() }).await;
    ask(server.address, &get_request("/links/7")).await;
    ask(server.address, &get_request("/no/such")).await;
    assert_eq!(*told.0.lock(), [("/links/{id}".to_owned(), 200), ("(none)".to_owned(), 404)]);
}
