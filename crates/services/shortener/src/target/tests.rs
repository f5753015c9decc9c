use proptest::prelude::*;

use super::*;

fn policy() -> TargetPolicy {
    TargetPolicy {
        own_hosts: HostSet::from_iter(["go.example", "xn--bcher-kva.example"]),
        blocked_hosts: HostSet::from_iter(["*.evil.example", "phish.test", "203.0.113.9"]),
        ..TargetPolicy::default()
    }
}

fn parse(text: &str) -> Result<Target, TargetRefusal> {
    Target::parse(text, &policy())
}

#[test]
fn the_url_is_kept_byte_for_byte_and_normalised_apart() {
    let given = "HTTP://Example.COM:80/a/../b%2f%7E?q=%20x&y=|#Frag";
    let target = parse(given).unwrap();
    assert_eq!(target.original, given);
    assert_eq!(target.normalised, "http://example.com/b%2f%7E?q=%20x&y=|#Frag");
    assert_eq!(target.host, "example.com");
    let same = parse("http://example.com/b%2f%7E?q=%20x&y=|#Frag").unwrap();
    assert_eq!(same.digest, target.digest);
    assert_ne!(parse("http://example.com/b#Frag").unwrap().digest, target.digest);
}

#[test]
fn the_digest_is_the_head_of_the_sha_256() {
    // printf 'https://example.com/' | sha256sum
    let target = parse("https://example.com").unwrap();
    assert_eq!(target.digest[..4], [0x0f, 0x11, 0x5d, 0xb0]);
}

#[test]
fn international_names_compare_in_punycode_and_travel_as_ascii() {
    let target = parse("https://B\u{fc}cher.de/\u{e4}?\u{f6}#\u{fc}").unwrap();
    assert_eq!(target.original, "https://xn--bcher-kva.de/%C3%A4?%C3%B6#%C3%BC");
    assert_eq!(
        target.normalised,
        parse("https://xn--bcher-kva.de/%C3%A4?%C3%B6#%C3%BC").unwrap().normalised
    );
    assert!(matches!(parse("https://B\u{fc}cher.example/"), Err(TargetRefusal::SelfLoop(_))));
}

#[test]
fn white_space_around_is_cut_and_inside_is_refused() {
    assert_eq!(parse(" \t\r\nhttps://example.com/a\n").unwrap().original, "https://example.com/a");
    for inside in ["\r\nSet-Cookie: a=b", "\n", "\t", " ", "\0", "\u{7f}", "\u{85}", "\u{a0}"] {
        let text = format!("https://example.com/a{inside}b");
        let refusal = parse(&text).unwrap_err();
        assert!(matches!(refusal, TargetRefusal::ForbiddenCharacter(_)), "{text:?}");
    }
    assert_eq!(parse(" \n"), Err(TargetRefusal::Empty));
}

#[test]
fn only_http_and_https() {
    for text in ["javascript:alert(1)", "data:text/html,x", "ftp://example.com/", "file:///etc"] {
        assert!(matches!(parse(text), Err(TargetRefusal::Scheme(_))), "{text}");
    }
    for text in ["example.com", "/path", "http://", "https://[::1", "http://a b/", "//x.y/"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn spellings_that_clients_read_differently_are_rewritten() {
    for text in [
        "https:example.com/x",
        "https:/example.com/x",
        "https:///example.com/x",
        "https:\\\\example.com\\x",
        "https://example.com\\x",
    ] {
        assert_eq!(parse(text).unwrap().original, "https://example.com/x", "{text}");
    }
    let target = parse("http://good.test\\@evil.example/").unwrap();
    assert_eq!(target.original, "http://good.test/@evil.example/");
}

#[test]
fn the_length_is_bounded_in_bytes() {
    let fits = format!("https://e.com/{}", "a".repeat(2048 - 14));
    assert!(parse(&fits).is_ok());
    let too_long = TargetRefusal::TooLong { bytes: 2049, limit: 2048 };
    assert_eq!(parse(&format!("{fits}a")), Err(too_long));
}

#[test]
fn own_hosts_are_loops_whatever_the_spelling() {
    for text in [
        "http://go.example/x",
        "https://GO.example:8443/x",
        "https://go.example./",
        "http://go.example../",
    ] {
        assert!(matches!(parse(text), Err(TargetRefusal::SelfLoop(_))), "{text}");
    }
    assert!(parse("https://not-go.example/").is_ok());
    assert!(parse("https://docs.go.example/").is_ok());
}

#[test]
fn blocked_hosts_block_what_is_below_them() {
    for host in [
        "evil.example",
        "a.b.EVIL.example",
        "phish.test.",
        "a.evil.example..",
        "203.0.113.9",
        "3405803785",
    ] {
        let refusal = parse(&format!("https://{host}/"));
        assert!(matches!(refusal, Err(TargetRefusal::Blocked(_))), "{host}: {refusal:?}");
    }
    assert!(parse("https://notevil.example/").is_ok());
    assert!(parse("https://evil.example.org/").is_ok());
    assert!(recheck("https://a.evil.example/x", &policy()).is_err());
    assert!(recheck("https://example.org/x", &policy()).is_ok());
}

#[test]
fn private_networks_are_refused_in_every_spelling() {
    for host in [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "db.internal",
        "nas.home.arpa",
        "home.arpa",
        "intranet",
        "router.lan",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "0.0.0.0",
        "0",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "%31%32%37.0.0.1",
        "127\u{3002}0\u{3002}0.1",
        "\u{ff11}27.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a00:1]",
        "[::7f00:1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:7f00:1::]",
        "[2001:0:1:2:3:4:80ff:fffe]",
    ] {
        let refusal = parse(&format!("http://{host}/"));
        assert!(matches!(refusal, Err(TargetRefusal::PrivateNetwork(_))), "{host}: {refusal:?}");
    }
}

#[test]
fn public_hosts_pass_and_an_internal_deployment_may_link_private_ones() {
    for host in [
        "example.com",
        "9.9.9.9",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "192.0.2.1",
        "198.20.0.1",
        "223.255.255.255",
        "[2606:4700::1]",
        "[::ffff:9.9.9.9]",
        "[2002:909:909::1]",
        "local.example.com",
        "localhost.example.com",
        "xlan.test",
    ] {
        assert!(parse(&format!("http://{host}/")).is_ok(), "{host}");
    }
    let internal = TargetPolicy { allow_private_networks: true, ..policy() };
    assert!(Target::parse("http://intranet/wiki", &internal).is_ok());
}

#[test]
fn credentials_are_allowed_and_reported() {
    assert!(parse("https://user:pw@example.com/").unwrap().has_credentials);
    assert!(parse("https://user@example.com/").unwrap().has_credentials);
    assert!(!parse("https://example.com/@user").unwrap().has_credentials);
}

#[test]
fn messages_say_what_to_do() {
    let message = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(
        message("https://example.com/a b"),
        "the long URL has a space inside: percent-encode or remove it"
    );
    assert_eq!(
        message("javascript:alert(1)"),
        "the scheme \"javascript\" cannot be linked: use http or https"
    );
    assert_eq!(
        message("http://10.0.0.1"),
        "10.0.0.1 is in a private network: give a public address"
    );
}

proptest! {
    #[test]
    fn whatever_is_given_nothing_that_could_end_a_header_comes_out(text in ".{0,80}") {
        for text in [text.clone(), format!("http://{text}"), format!("https://e.com/{text}")] {
            if let Ok(target) = parse(&text) {
                prop_assert!(target.original.bytes().all(|byte| byte.is_ascii_graphic()));
                // What the visitor's browser will read is what was checked.
                let read = Url::parse(&target.original).unwrap();
                prop_assert_eq!(read.as_str(), &target.normalised);
            }
        }
    }
}
