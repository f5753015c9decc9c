//! Links written out page by page, so that memory does not grow with their number.

use bytes::Bytes;
use kit::clock::Timestamp;
use tokio::sync::mpsc::Sender;

use crate::exchange::static_site::{self, Server, StaticLink};
use crate::exchange::{LinkRecord, export};
use crate::model::{Link, LinkState, ShortenError};
use crate::service::Shortener;
use crate::store::Filter;

/// Links read and written at once.
const PAGE: usize = 500;

/// What the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our CSV.
    Csv,
    /// An object a line.
    JsonLines,
    /// The configuration of a web server.
    Static(Server),
}

impl Kind {
    /// The kind called `word`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::JsonLines),
            "nginx" => Some(Self::Static(Server::Nginx)),
            "caddy" => Some(Self::Static(Server::Caddy)),
            _ => None,
        }
    }

    /// As in `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
            Self::Static(_) => "text/plain; charset=utf-8",
        }
    }

    /// What files of this kind are named with.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Static(Server::Nginx) => "conf",
            Self::Static(Server::Caddy) => "caddy",
        }
    }

    fn head(self) -> String {
        match self {
            Self::Csv => format!("{}\n", export::COLUMNS.join(",")),
            Self::JsonLines => String::new(),
            Self::Static(server) => static_site::head(server).to_owned(),
        }
    }

    fn tail(self) -> &'static str {
        match self {
            Self::Static(server) => static_site::tail(server),
            Self::Csv | Self::JsonLines => "",
        }
    }
}

impl Shortener {
    /// Sends the file in pieces of some hundred links, newest first, until `pieces` is closed:
    /// the links that `owner` made or holds, or everybody's. Of configurations of web servers
    /// only the links of `domain`.
    pub async fn export(
        &self,
        kind: Kind,
        owner: Option<String>,
        domain: String,
        pieces: Sender<Result<Bytes, ShortenError>>,
    ) {
        let filter = Filter { owner, ..Filter::default() };
        let (mut text, mut before) = (kind.head(), None);
        loop {
            let page = match self.list(filter.clone(), before, PAGE).await {
                Ok(page) => page,
                Err(refusal) => {
                    // The receiver may be gone; then nobody is left to be told.
                    let _ = pieces.send(Err(refusal)).await;
                    return;
                }
            };
            before = page.last().map(|link| link.id);
            let is_last = page.len() < PAGE;
            text.push_str(&self.written(kind, &domain, page));
            if is_last {
                text.push_str(kind.tail());
            }
            if pieces.send(Ok(std::mem::take(&mut text).into())).await.is_err() || is_last {
                return;
            }
        }
    }

    fn written(&self, kind: Kind, domain: &str, links: Vec<Link>) -> String {
        let mut file = Vec::new();
        // Writing to memory cannot fail, and our records are text.
        let _ = match kind {
            Kind::Csv => {
                let mut whole = Vec::new();
                let done = export::csv(&mut whole, links.into_iter().map(|link| Ok(record(link))));
                let head = whole.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                file.extend_from_slice(&whole[head..]);
                done
            }
            Kind::JsonLines => {
                export::json_lines(&mut file, links.into_iter().map(|link| Ok(record(link))))
            }
            Kind::Static(server) => {
                let now = self.clock.now();
                let here = links.iter().filter(|link| link.domain == domain);
                here.for_each(|link| file.extend(self.entry(server, link, now).into_bytes()));
                Ok(())
            }
        };
        String::from_utf8(file).unwrap_or_default()
    }

    /// A link as a web server answers it, or a comment that says why it cannot.
    fn entry(&self, server: Server, link: &Link, now: Timestamp) -> String {
        let missing = match () {
            () if link.state != LinkState::Active => Some("it was blocked"),
            () if link.password_hash.is_some() => Some("it asks for a password"),
            () if link.max_visits.is_some() => Some("its visits are limited"),
            () if link.deadline(self.settings.idle_expiry) <= now => Some("it has expired"),
            () if link.valid_from.is_some_and(|from| from > now) => Some("it begins later"),
            () => None,
        };
        if let Some(reason) = missing {
            return format!("# {} is left out: {reason}\n", link.code);
        }
        let plain = StaticLink { code: &link.code, long_url: &link.long_url };
        static_site::entry(server, plain).unwrap_or_else(|_| {
            format!("# {} is left out: its target has other than ASCII characters\n", link.code)
        })
    }
}

fn record(link: Link) -> LinkRecord {
    LinkRecord {
        code: Some(link.code),
        domain: Some(link.domain).filter(|domain| !domain.is_empty()),
        long_url: link.long_url,
        title: link.title,
        tags: link.tags,
        created_at_us: Some(link.created_at.micros()),
        expires_at_us: link.expires_at.map(Timestamp::micros),
        clicks: Some(u64::try_from(link.clicks).unwrap_or(0)),
    }
}
