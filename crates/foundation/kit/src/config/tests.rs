//! What users of the settings meet: layers, refusals and what is printed.

use expect_test::expect;
use proptest::prelude::*;
use serde::Deserialize;

use super::{Layers, Origin, Section};

const EDGE: &str = "\
# Where the edge listens.
listen = \"127.0.0.1:8080\"
# Longest request body, in bytes.
body_limit_bytes = 1048576
# Share of requests traced.
ratio = 0.5
compress = true
# Origins that browsers may call from.
cors_origins = [\"https://a.example\"]
# Host names and their namespaces.
hosts = {}
admin_password = \"\"
tls.key_file = \"\"
";

const STORE: &str = "[store]\nurl = \"sqlite:\"\naccess_token = \"\"\n";

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Edge {
    listen: String,
    body_limit_bytes: u32,
    ratio: f64,
    compress: bool,
    cors_origins: Vec<String>,
    hosts: std::collections::BTreeMap<String, String>,
    admin_password: String,
    tls: Tls,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Tls {
    key_file: String,
}

fn layers() -> Layers {
    Layers::new(&[Section { name: "edge", text: EDGE }, Section { name: "store", text: STORE }])
        .unwrap()
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn defaults_come_from_the_text_alone() {
    let edge: Edge = layers().section("edge").unwrap();
    assert_eq!(edge.listen, "127.0.0.1:8080");
    assert_eq!(edge.body_limit_bytes, 1_048_576);
    assert_eq!(edge.tls.key_file, "");
}

#[test]
fn later_layers_win() {
    let mut layers = layers();
    layers.merge_text("[edge]\nlisten = \"file\"\nratio = 1\ncompress = false", "b.toml").unwrap();
    let environment = [("BACKPLANE_EDGE_LISTEN", "variable"), ("BACKPLANE_EDGE_RATIO", "0.25")];
    layers.merge_environment(variables(&environment), &[]).unwrap();
    layers.merge_setting("edge.listen=127.0.0.1:0").unwrap();
    let edge: Edge = layers.section("edge").unwrap();
    assert_eq!((edge.listen.as_str(), edge.ratio, edge.compress), ("127.0.0.1:0", 0.25, false));
    assert_eq!(layers.origin("edge.listen"), Some(&Origin::Flag));
    assert_eq!(layers.origin("edge.compress"), Some(&Origin::File("b.toml:4".to_owned())));
}

#[test]
fn keys_with_underscores_have_variables() {
    let mut layers = layers();
    let environment = [
        ("BACKPLANE_EDGE_BODY_LIMIT_BYTES", "1_000"),
        ("BACKPLANE_EDGE_TLS_KEY_FILE", "/k.pem"),
        ("BACKPLANE_EDGE_CORS_ORIGINS", "https://b.example, https://c.example"),
        ("BACKPLANE_READY_FILE", "ignored"),
        ("PATH", "ignored"),
    ];
    layers.merge_environment(variables(&environment), &["BACKPLANE_READY_FILE"]).unwrap();
    let edge: Edge = layers.section("edge").unwrap();
    assert_eq!((edge.body_limit_bytes, edge.tls.key_file.as_str()), (1000, "/k.pem"));
    assert_eq!(edge.cors_origins, ["https://b.example", "https://c.example"]);
}

#[test]
fn free_form_tables_take_any_key() {
    let mut layers = layers();
    layers.merge_text("[edge.hosts]\n\"go.example\" = \"team\"", "b.toml").unwrap();
    layers.merge_setting("edge.hosts.s.example=other").unwrap();
    let edge: Edge = layers.section("edge").unwrap();
    assert_eq!(edge.hosts["go.example"], "team");
    assert_eq!(edge.hosts["s.example"], "other");
}

#[test]
fn what_is_refused_says_where_and_what_instead() {
    let refusals = [
        "[edge]\nlisten = \"x\"\n\nlisen = \"y\"",
        "[egde]\nlisten = \"x\"",
        "listen = \"x\"",
        "[edge]\nlisten = 8080",
        "[edge]\nbody_limit_bytes = \"1 MB\"",
        "[edge]\ncors_origins = [1]",
        "edge = 1",
        "[edge]\nlisten = ",
        "[edge.tls]\ncertificates = []",
        "[unheard_of]",
    ];
    let mut said = String::new();
    for text in refusals {
        let error = layers().merge_text(text, "b.toml").unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        said += &(error + "\n");
    }
    expect![[r#"
        b.toml:4: unknown key `edge.lisen`; did you mean `edge.listen`?
        b.toml:1: unknown section [egde]; did you mean `edge`?
        b.toml:1: unknown key `listen`; did you mean `edge.listen`?
        b.toml:2: `edge.listen` wants text, not a whole number
        b.toml:2: `edge.body_limit_bytes` wants a whole number, not text
        b.toml:2: `edge.cors_origins` wants a list of texts, not a whole number
        b.toml:1: `edge` wants a table, not a whole number
        b.toml:2: not TOML: string values must be quoted, expected literal string
        b.toml:2: unknown key `edge.tls.certificates`; `config --default` lists all
        b.toml:1: unknown section [unheard_of]; `config --default` lists all
    "#]]
    .assert_eq(&said);
}

#[test]
fn variables_and_flags_are_refused_by_name() {
    let mut layers = layers();
    let mut said = String::new();
    for pair in [("BACKPLANE_EDGE_LISTN", "x"), ("BACKPLANE_EDGE_COMPRESS", "maybe")] {
        let error = layers.merge_environment(variables(&[pair]), &[]).unwrap_err();
        said += &format!("{error}\n");
    }
    for flag in ["edge.listen", "edge.ratio=NaN", "stor.url=x", "shortener.rate=1"] {
        said += &format!("{}\n", layers.merge_setting(flag).unwrap_err());
    }
    said += &format!("{}\n", layers.section::<Tls>("edge.tls").unwrap_err());
    layers.merge_setting("edge.body_limit_bytes=-1").unwrap();
    said += &format!("{}\n", layers.section::<Edge>("edge").unwrap_err());
    said += &format!("{}\n", layers.merge_file("/absent.toml".as_ref()).unwrap_err());
    expect![[r#"
        variable BACKPLANE_EDGE_LISTN is no setting; did you mean `BACKPLANE_EDGE_LISTEN`?
        variable BACKPLANE_EDGE_COMPRESS: `edge.compress` wants true or false, not this text
        setting `edge.listen` must have the form section.key=value
        setting edge.ratio: `edge.ratio` wants a number, not this text
        setting stor.url: unknown key `stor.url`; did you mean `store.url`?
        setting shortener.rate: unknown key `shortener.rate`; `config --default` lists all
        the program: unknown key `edge.tls`; `config --default` lists all
        section [edge]: invalid value: integer `-1`, expected u32 in `body_limit_bytes`
        /absent.toml: cannot be read: No such file or directory (os error 2)
    "#]]
    .assert_eq(&said);
}

#[test]
fn effective_text_shows_origins_and_no_secret() {
    let mut layers = layers();
    layers.merge_text("[store]\naccess_token = \"bp_planted\"", "b.toml").unwrap();
    layers.merge_setting("edge.admin_password=planted").unwrap();
    layers.merge_setting("edge.tls.key_file=/etc/key.pem").unwrap();
    layers.merge_setting("edge.hosts.api_token=planted").unwrap();
    layers.merge_setting("store.url=postgres://me:planted@db/x").unwrap();
    let text = layers.effective_text();
    assert!(!text.contains("planted"), "{text}");
    expect![[r#"
        [edge]
        listen = "127.0.0.1:8080"  # default
        body_limit_bytes = 1048576  # default
        ratio = 0.5  # default
        compress = true  # default
        cors_origins = ["https://a.example"]  # default
        hosts = { api_token = "********" }  # flag
        admin_password = "********"  # flag
        tls.key_file = "/etc/key.pem"  # flag

        [store]
        url = "postgres://me:********@db/x"  # flag
        access_token = "********"  # file b.toml:2
    "#]]
    .assert_eq(&text);
}

#[test]
fn default_text_reads_back_as_the_defaults() {
    let mut layers = layers();
    let text = layers.default_text();
    assert!(text.starts_with("[edge]\n# Where the edge listens.\nlisten ="), "{text}");
    let before = layers.section::<Edge>("edge").unwrap();
    layers.merge_text(&text, "default.toml").unwrap();
    assert_eq!(layers.section::<Edge>("edge").unwrap(), before);
}

#[test]
fn contradicting_defaults_are_refused() {
    let twin = Section { name: "a", text: "b_c = 1\nb.c = 2" };
    let stray = Section { name: "a", text: "b = 1\n[limits]\nc = 2" };
    for sections in [vec![twin], vec![stray], vec![twin, twin]] {
        let error = Layers::new(&sections).unwrap_err().to_string();
        assert!(error.starts_with("default settings of [a]: "), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", key in "[a-z._]{0,20}") {
        let mut layers = layers();
        let _ = layers.merge_text(&text, "b.toml");
        let _ = layers.merge_setting(&text);
        let _ = layers.merge_setting(&format!("edge.{key}={text}"));
        let _ = layers.merge_environment([(format!("BACKPLANE_{key}"), text)], &[]);
        let _ = layers.effective_text();
    }
}
