use proptest::prelude::*;

use super::static_site::{Server, StaticLink};
use super::*;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/data/exchange/", $name)).as_slice()
    };
}

/// 29 February 2024, 13:37.
const LEAP_DAY_US: i64 = 1_709_213_820_000_000;
const MARCH_US: i64 = 1_709_251_200_000_000;
const YEAR_2030_US: i64 = 1_893_456_000_000_000;

fn links(file: &[u8]) -> (Format, Vec<LinkRecord>) {
    let rows = import(file).unwrap();
    (rows.format(), rows.map(Result::unwrap).collect())
}

fn link(code: &str, long_url: &str) -> LinkRecord {
    LinkRecord { code: Some(code.into()), long_url: long_url.into(), ..LinkRecord::default() }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn bitly_csv() {
    let (format, links_read) = links(data!("bitly.csv"));
    assert_eq!(format, Format::BitlyCsv);
    let first = LinkRecord {
        domain: some("bit.ly"),
        title: some("First, with a comma"),
        tags: vec!["spring".into(), "mail".into()],
        created_at_us: Some(LEAP_DAY_US),
        ..link("3abcDEF", "https://example.com/one?a=b")
    };
    let second = LinkRecord {
        domain: some("links.example"),
        created_at_us: Some(MARCH_US),
        ..link("two", "https://example.com/two")
    };
    assert_eq!(links_read, [first, second]);

    let (format, links_read) = links(data!("bitly-dashboard.csv"));
    assert_eq!(format, Format::BitlyCsv);
    assert_eq!((links_read[0].clicks, &links_read[0].code), (Some(1402), &some("sale24")));
    assert_eq!(links_read[0].domain, some("bit.ly"));
}

#[test]
fn yourls_csv_with_semicolons() {
    let (format, links_read) = links(data!("yourls.csv"));
    assert_eq!(format, Format::YourlsCsv);
    let first = LinkRecord {
        title: some("ozh \"the\" org"),
        created_at_us: Some(LEAP_DAY_US),
        clicks: Some(12),
        ..link("ozh", "https://ozh.org/")
    };
    assert_eq!(links_read[0], first);
    assert_eq!(links_read[1].title, None);
}

#[test]
fn yourls_sql_dump() {
    let (format, links_read) = links(data!("yourls.sql"));
    assert_eq!(format, Format::YourlsSql);
    let expected = [
        LinkRecord {
            title: some("YOURLS' Blog"),
            created_at_us: Some(LEAP_DAY_US),
            clicks: Some(3),
            ..link("blog", "https://blog.yourls.org/")
        },
        LinkRecord {
            title: some("It's \"two\""),
            created_at_us: Some(MARCH_US),
            clicks: Some(0),
            ..link("two", "https://example.com/?q=(a),(b);c")
        },
        LinkRecord { clicks: Some(7), ..link("wiki", "https://www.wikipedia.org/") },
        LinkRecord {
            title: some("\u{dc}n\u{ef}"),
            created_at_us: parse_time("2024-03-20 14:05:00"),
            clicks: Some(1),
            ..link("hex", "https://example.org/")
        },
    ];
    assert_eq!(links_read, expected);
}

#[test]
fn shlink_csv_and_json() {
    let (format, links_read) = links(data!("shlink.csv"));
    assert_eq!(format, Format::ShlinkCsv);
    let expected = LinkRecord {
        domain: some("s.test"),
        title: some("Shlink"),
        tags: vec!["foo".into(), "bar baz".into()],
        created_at_us: Some(LEAP_DAY_US),
        clicks: Some(42),
        ..link("abc123", "https://shlink.io")
    };
    assert_eq!(links_read, std::slice::from_ref(&expected));

    let (format, links_read) = links(data!("shlink.json"));
    assert_eq!(format, Format::ShlinkJson);
    let from_json = LinkRecord {
        long_url: "https://shlink.io/?a={b}\"".into(),
        title: some("Braces } and \"quotes\""),
        tags: vec!["foo".into(), "bar, baz".into()],
        expires_at_us: Some(YEAR_2030_US),
        ..expected
    };
    assert_eq!(links_read[0], from_json);
    assert_eq!(links_read[1].domain, some("other.test"));
    assert_eq!(links_read.len(), 2);
}

#[test]
fn kutt_csv_and_json() {
    let (format, links_read) = links(data!("kutt.json"));
    assert_eq!(format, Format::KuttJson);
    let expected = LinkRecord {
        domain: some("kutt.test"),
        title: some("A link"),
        created_at_us: Some(LEAP_DAY_US),
        expires_at_us: Some(YEAR_2030_US),
        clicks: Some(5),
        ..link("kutt1", "https://example.com/kutt")
    };
    assert_eq!(links_read[0], expected);
    assert_eq!(links_read[1].domain, some("go.test"));

    let (format, links_read) = links(data!("kutt.csv"));
    assert_eq!(format, Format::KuttCsv);
    assert_eq!(links_read, [LinkRecord { domain: None, ..expected }]);
}

#[test]
fn bad_rows_are_named_by_line_and_the_rest_goes_on() {
    let file = "\u{feff}code,long_url,clicks\na,https://e.com/a,1\n,,\nb,https://e.com/b,many\n\
                \"c\n\",https://e.com/c,\nd,https://e.com/d,4\n";
    let rows: Vec<_> = import(file.as_bytes()).unwrap().collect();
    let shown: Vec<String> = rows
        .iter()
        .map(|row| match row {
            Ok(link) => link.code.clone().unwrap_or_default(),
            Err(error) => error.to_string(),
        })
        .collect();
    let expected = [
        "a",
        "line 3: the row has no long URL",
        "line 4: number of clicks is \"many\", which is not a whole number",
        "c",
        "d",
    ];
    assert_eq!(shown, expected);

    let file =
        "{\"long_url\":\"https://e.com/\"}\n{\"code\":\"x\"}\n{oops}\n{\"url\":\"https://f.com/\"}";
    let rows: Vec<_> = import(file.as_bytes()).unwrap().collect();
    assert_eq!(rows.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(rows[2].as_ref().unwrap_err().line, 3);
}

#[test]
fn files_that_are_none_are_refused() {
    assert!(matches!(import("".as_bytes()), Err(ImportError::Empty)));
    assert!(matches!(import(" \n".as_bytes()), Err(ImportError::Empty)));
    assert!(matches!(import("a,b\n1,2\n".as_bytes()), Err(ImportError::NoLongUrl)));
    assert_eq!(import("{}".as_bytes()).unwrap().filter(Result::is_ok).count(), 0);
    assert_eq!(import("[[[".as_bytes()).unwrap().count(), 0);
}

/// A quotation mark that is never closed must not read the whole file into memory.
#[test]
fn endless_rows_are_cut_off() {
    let endless = |start: &'static str| Cursor::new(start).chain(io::repeat(b'x'));
    for start in ["url\n\"", "{\"url\":\"", "INSERT INTO `yourls_url` VALUES ('"] {
        let rows: Vec<_> = import(endless(start)).unwrap().collect();
        let last = rows.last().unwrap().as_ref().unwrap_err();
        assert!(matches!(last.what, RowProblem::TooLarge), "{start}: {last}");
        assert_eq!(rows.len(), 1);
    }
}

fn any_link() -> impl Strategy<Value = LinkRecord> {
    let text = "[^\\s\"]([ -~\u{e4}\u{4e2d}]{0,20}[^\\s])?";
    let time = prop::option::of(0i64..4_000_000_000_000_000);
    let word = prop::option::of("[a-zA-Z0-9_-]{1,8}");
    let tags = prop::collection::vec("[a-z|,\\\\'=]{1,6}", 0..4);
    let title = prop::option::of(text);
    (word.clone(), word, "[!-~]{1,40}", title, tags, time.clone(), time, any::<Option<u64>>())
        .prop_map(|(code, domain, long_url, title, tags, created, expires, clicks)| LinkRecord {
            code,
            domain,
            long_url,
            title,
            tags,
            created_at_us: created,
            expires_at_us: expires,
            clicks,
        })
}

proptest! {
    #[test]
    fn our_own_files_read_back_unchanged(given in prop::collection::vec(any_link(), 1..8)) {
        let all = || given.iter().cloned().map(Ok);
        let mut csv_file = Vec::new();
        export::csv(&mut csv_file, all()).unwrap();
        prop_assert_eq!(links(&csv_file), (Format::Csv, given.clone()));
        let mut lines = Vec::new();
        export::json_lines(&mut lines, all()).unwrap();
        prop_assert_eq!(links(&lines), (Format::JsonLines, given.clone()));
    }

    #[test]
    fn no_cell_begins_as_a_formula(title in "[=+@\\-'].{0,5}") {
        let mut file = Vec::new();
        let link = LinkRecord { title: Some(title), ..link("a", "https://e.com/") };
        export::csv(&mut file, [Ok(link)]).unwrap();
        let record = csv::Reader::from_reader(&file[..]).into_records().next().unwrap().unwrap();
        prop_assert!(record[3].starts_with('\''));
    }

    #[test]
    fn no_file_makes_reading_panic_or_go_on_for_ever(
        start in prop::sample::select(vec!["", "{", "[", "url,code\n", "INSERT INTO url VALUES ("]),
        rest in "[ -~\n]{0,200}",
    ) {
        let file = format!("{start}{rest}");
        if let Ok(rows) = import(file.as_bytes()) {
            prop_assert!(rows.count() <= file.len());
        }
    }

    #[test]
    fn configurations_hold_nothing_but_their_links(url in "https://e[.]com/[!-~]{0,30}") {
        let link = StaticLink { code: "zn9edcu", long_url: &url };
        let mut file = Vec::new();
        static_site::write(Server::Nginx, &mut file, [link]).unwrap();
        let text = String::from_utf8(file).unwrap();
        let inside = text
            .strip_prefix("location = /zn9edcu { return 302 \"")
            .and_then(|rest| rest.strip_suffix("\"; }\n"))
            .unwrap();
        let breaks_out = inside.contains(['"', '\'', '\\', '$', '\n', '{', '}']);
        prop_assert!(!breaks_out, "{}", inside);
        let decoded = inside
            .replace("%22", "\"").replace("%27", "'").replace("%5C", "\\").replace("%24", "$")
            .replace("%7B", "{").replace("%7D", "}").replace("%60", "`");
        prop_assume!(!url.contains('%'));
        prop_assert_eq!(decoded, url);
    }
}

#[test]
fn configurations_of_both_servers() {
    let link = StaticLink { code: "Ab-1_", long_url: "https://example.com/a?b=c&d=$e#f" };
    let written = |server, link| {
        let mut file = Vec::new();
        static_site::write(server, &mut file, [link]).map(|()| String::from_utf8(file).unwrap())
    };
    assert_eq!(
        written(Server::Nginx, link).unwrap(),
        "location = /Ab-1_ { return 302 \"https://example.com/a?b=c&d=%24e#f\"; }\n"
    );
    assert_eq!(
        written(Server::Caddy, link).unwrap(),
        "map {path} {short_link_target} {\n\t/Ab-1_ \"https://example.com/a?b=c&d=%24e#f\"\n\
         \tdefault \"\"\n}\n@short_link expression `{short_link_target} != \"\"`\n\
         redir @short_link {short_link_target} 302\n"
    );
    for (code, long_url) in [
        ("a b", "https://e.com/"),
        ("", "https://e.com/"),
        ("a;b", "https://e.com/"),
        ("a", "https://e.com/\r\nSet-Cookie: x=y"),
        ("a", "https://e.com/ x"),
        ("a", "javascript:alert(1)"),
        ("a", "https://e.com/\u{e4}"),
    ] {
        assert!(
            written(Server::Nginx, StaticLink { code, long_url }).is_err(),
            "{code} {long_url}"
        );
    }
}
