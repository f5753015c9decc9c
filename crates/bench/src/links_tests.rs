//! Requests and verdicts of the shortener's traffic, without a network.

use super::*;

fn creates() -> Creates {
    Creates {
        target: Arc::new(Target::on_port(1)),
        token: "t".to_owned(),
        long_urls: LongUrls::new("tag"),
        next: Arc::default(),
        limit: 2,
        made: Some(Arc::default()),
    }
}

fn redirects(checked: bool) -> Redirects {
    let link = |path: &str| Link {
        path: path.into(),
        sent: AtomicU32::default(),
        answered: AtomicU32::default(),
    };
    Redirects {
        target: Arc::new(Target::on_port(1)),
        links: Arc::new(Links {
            long_urls: LongUrls::new("tag"),
            links: vec![link("/a"), link("/b")],
        }),
        choice: Choice::EachOnce(Arc::default()),
        checked,
    }
}

fn redirect_to(location: &str) -> Reply<'_> {
    Reply { status: 302, location: Some(location.as_bytes()), body: b"" }
}

fn created(body: &str) -> Reply<'_> {
    Reply { status: 201, location: None, body: body.as_bytes() }
}

#[test]
fn creates_ask_for_a_new_long_url_each_time() {
    let mut creates = creates();
    let mut request = Vec::new();
    assert_eq!(creates.next(&mut request), Some(0));
    let text = String::from_utf8(request).expect("ASCII");
    assert!(text.starts_with("POST /shortener/shorturl HTTP/1.1\r\n"), "{text}");
    assert!(text.contains("\r\nAuthorization: Bearer t\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n{\"longUrl\":\"https://example.com/tag/0\"}"), "{text}");
    assert_eq!(creates.next(&mut Vec::new()), Some(1));
    assert_eq!(creates.next(&mut Vec::new()), None);
}

#[test]
fn created_links_are_noted_in_order() {
    let mut creates = creates();
    let second = created(r#"{"shortURL":"https:\/\/sho.rt/b","code":"b"}"#);
    assert_eq!(creates.judge(1, &second), Verdict::Right);
    let first = created(r#"{"shortURL":"http://127.0.0.1:8080/s/a"}"#);
    assert_eq!(creates.judge(0, &first), Verdict::Right);
    let paths = creates.made.expect("noted").take();
    assert_eq!(paths, [Box::from("/s/a"), Box::from("/b")]);
}

#[test]
fn a_create_without_its_link_is_wrong_and_another_status_refused() {
    let mut creates = creates();
    for body in ["{}", "", r#"{"shortURL":"http://sho.rt/"}"#, r#"{"shortURL":"code"}"#] {
        assert!(matches!(creates.judge(0, &created(body)), Verdict::Wrong(_)), "{body}");
    }
    let existed = Reply { status: 200, ..created("{}") };
    assert!(matches!(creates.judge(0, &existed), Verdict::Refused(_)));
}

#[test]
fn redirects_are_held_against_their_link_and_counted() {
    let mut redirects = redirects(true);
    let mut request = Vec::new();
    assert_eq!(redirects.next(&mut request), Some(0));
    assert_eq!(request, b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
    assert_eq!(redirects.judge(0, &redirect_to("https://example.com/tag/0")), Verdict::Right);
    assert_eq!(redirects.next(&mut Vec::new()), Some(1));
    for wrong in ["https://example.com/tag/0", "https://example.com/tag/", "/tag/1", ""] {
        assert!(matches!(redirects.judge(1, &redirect_to(wrong)), Verdict::Wrong(_)), "{wrong}");
    }
    assert_eq!(redirects.next(&mut Vec::new()), None);
    let counts = redirects
        .links
        .links
        .iter()
        .map(|link| (link.sent.load(Ordering::Relaxed), link.answered.load(Ordering::Relaxed)));
    assert_eq!(counts.collect::<Vec<_>>(), [(1, 1), (1, 0)]);
}

#[test]
fn a_fixed_peer_may_lead_anywhere_and_is_not_counted() {
    let mut redirects = redirects(false);
    redirects.next(&mut Vec::new());
    assert_eq!(redirects.judge(0, &redirect_to("https://example.com/")), Verdict::Right);
    assert_eq!(redirects.links.links[0].sent.load(Ordering::Relaxed), 0);
}

#[test]
fn a_padded_long_url_keeps_its_number() {
    let long_urls = LongUrls::padded("tag", 3);
    assert!(long_urls.is_of(7, b"https://example.com/tag/7?xxx"));
    assert!(!long_urls.is_of(7, b"https://example.com/tag/7?xx"));
}

#[test]
fn mixed_traffic_makes_one_link_to_a_hundred_redirects() {
    let mut redirects = redirects(true);
    redirects.choice = Choice::Drawn(Popularity::Uniform(2), Random::new(1));
    let redirects_a_create = REDIRECTS_A_CREATE;
    let mut mixed = Mixed { redirects, creates: creates(), redirects_a_create, since_create: 0 };
    let tickets: Vec<usize> =
        (0..202).map(|_| mixed.next(&mut Vec::new()).expect("endless")).collect();
    let creates: Vec<usize> = (0..202).filter(|&at| tickets[at] & 1 == 1).collect();
    assert_eq!(creates, [100, 201]);
    assert_eq!(mixed.judge(tickets[100], &created(r#"{"shortURL":"http://a/b"}"#)), Verdict::Right);
    let right = format!("https://example.com/tag/{}", tickets[0] >> 1);
    assert_eq!(mixed.judge(tickets[0], &redirect_to(&right)), Verdict::Right);
}
