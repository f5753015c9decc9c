//! Columns and keys of all formats, as parts of a link.

use super::{Format, LinkRecord, RowProblem, parse_time};

/// A part of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    LongUrl,
    /// The short URL as a whole: gives code and domain where no column of their own does.
    ShortUrl,
    Code,
    Domain,
    Title,
    Tags,
    CreatedAt,
    ExpiresAt,
    Clicks,
}

/// Names of columns and keys, lower case, letters and digits only.
const NAMES: &[(&str, Field)] = &[
    ("longurl", Field::LongUrl),
    ("url", Field::LongUrl),
    ("target", Field::LongUrl),
    ("originalurl", Field::LongUrl),
    ("destination", Field::LongUrl),
    ("destinationurl", Field::LongUrl),
    ("shorturl", Field::ShortUrl),
    ("shortlink", Field::ShortUrl),
    ("link", Field::ShortUrl),
    ("bitlink", Field::ShortUrl),
    ("code", Field::Code),
    ("shortcode", Field::Code),
    ("keyword", Field::Code),
    ("address", Field::Code),
    ("alias", Field::Code),
    ("slug", Field::Code),
    ("backhalf", Field::Code),
    ("domain", Field::Domain),
    ("title", Field::Title),
    ("description", Field::Title),
    ("tags", Field::Tags),
    ("createdat", Field::CreatedAt),
    ("datecreated", Field::CreatedAt),
    ("created", Field::CreatedAt),
    ("timestamp", Field::CreatedAt),
    ("date", Field::CreatedAt),
    ("expiresat", Field::ExpiresAt),
    ("expirein", Field::ExpiresAt),
    ("validuntil", Field::ExpiresAt),
    ("clicks", Field::Clicks),
    ("totalclicks", Field::Clicks),
    ("engagements", Field::Clicks),
    ("visits", Field::Clicks),
    ("visitcount", Field::Clicks),
    ("visitscount", Field::Clicks),
];

/// The part of a link that a column or key of this name holds.
pub(crate) fn field_named(name: &str) -> Option<Field> {
    let plain = plain_name(name);
    NAMES.iter().find(|(known, _)| *known == plain).map(|(_, field)| *field)
}

/// `Long URL`, `long_url` and `longUrl` are one name.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The CSV format whose columns these are.
pub(crate) fn csv_format(header: &[String]) -> Format {
    let has = |name: &str| header.iter().any(|column| plain_name(column) == name);
    if header.iter().map(String::as_str).eq(super::export::COLUMNS.iter().copied()) {
        return Format::Csv;
    }
    match () {
        () if has("keyword") && has("url") => Format::YourlsCsv,
        () if has("address") && has("target") => Format::KuttCsv,
        () if has("shortcode") && has("longurl") => Format::ShlinkCsv,
        () if has("shorturl") && has("longurl") && has("visits") => Format::ShlinkCsv,
        () if has("longurl") && (has("link") || has("bitlink")) => Format::BitlyCsv,
        () => Format::Other,
    }
}

/// A link in the making. An empty value counts as absent.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    link: LinkRecord,
    short_url: Option<String>,
}

impl Draft {
    /// Sets a part from text. The first value of a part stays.
    pub(crate) fn set(&mut self, field: Field, value: &str) -> Result<(), RowProblem> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(());
        }
        let link = &mut self.link;
        match field {
            Field::LongUrl if link.long_url.is_empty() => value.clone_into(&mut link.long_url),
            Field::LongUrl => {}
            Field::ShortUrl => keep_first(&mut self.short_url, value),
            Field::Code => keep_first(&mut link.code, value),
            Field::Domain => keep_first(&mut link.domain, value),
            Field::Title => keep_first(&mut link.title, value),
            Field::Tags => link.tags.extend(split_tags(value)),
            Field::CreatedAt => link.created_at_us = time("creation time", value)?,
            Field::ExpiresAt => link.expires_at_us = time("expiry time", value)?,
            Field::Clicks => link.clicks = Some(count(value)?),
        }
        Ok(())
    }

    /// Adds a tag as it is.
    pub(crate) fn add_tag(&mut self, tag: &str) {
        self.link.tags.push(tag.to_owned());
    }

    /// The link, when it leads somewhere.
    pub(crate) fn finish(mut self) -> Result<LinkRecord, RowProblem> {
        if self.link.long_url.is_empty() {
            return Err(RowProblem::NoLongUrl);
        }
        if let Some((domain, code)) = self.short_url.as_deref().and_then(split_short_url) {
            keep_first(&mut self.link.domain, domain);
            keep_first(&mut self.link.code, code);
        }
        Ok(self.link)
    }
}

fn keep_first(slot: &mut Option<String>, value: &str) {
    slot.get_or_insert_with(|| value.to_owned());
}

/// `https://bit.ly/abc` or `bit.ly/abc` as `bit.ly` and `abc`. A code may itself have slashes.
fn split_short_url(text: &str) -> Option<(&str, &str)> {
    let rest = text.split_once("://").map_or(text, |(_scheme, rest)| rest);
    let (domain, path) = rest.split_once('/')?;
    let code = path.split(['?', '#']).next()?;
    (!domain.is_empty() && !code.is_empty()).then_some((domain, code))
}

/// Tags are separated by `|`, and by commas in older exports. `\` before a separator keeps it.
fn split_tags(text: &str) -> Vec<String> {
    let separator = if text.contains('|') { '|' } else { ',' };
    let mut tags = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = characters.next_if(|next| character == '\\' && "\\|,".contains(*next));
        match (escaped, tags.last_mut()) {
            (None, _) if character == separator => tags.push(String::new()),
            (kept, Some(tag)) => tag.push(kept.unwrap_or(character)),
            (_, None) => {}
        }
    }
    let trimmed = tags.iter().map(|tag| tag.trim().to_owned());
    trimmed.filter(|tag| !tag.is_empty()).collect()
}

fn time(field: &'static str, value: &str) -> Result<Option<i64>, RowProblem> {
    // MySQL's way of writing that there is none.
    if value.starts_with("0000-00-00") {
        return Ok(None);
    }
    match parse_time(value) {
        Some(at_us) => Ok(Some(at_us)),
        None => Err(refused(field, value, "a time such as 2024-02-29T13:37:00Z")),
    }
}

fn count(value: &str) -> Result<u64, RowProblem> {
    value.parse().map_err(|_not_a_number| refused("number of clicks", value, "a whole number"))
}

fn refused(field: &'static str, value: &str, wanted: &'static str) -> RowProblem {
    RowProblem::Field { field, value: value.chars().take(80).collect(), wanted }
}
