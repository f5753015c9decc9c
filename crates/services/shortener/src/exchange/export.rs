//! Our own files: CSV for spreadsheets and JSON lines for programs. Both read back unchanged, but
//! for white space around a text.

use std::io::{self, Write};

use serde_json::json;

use super::{LinkRecord, format_time};

/// The columns of our CSV, in order.
pub const COLUMNS: [&str; 8] =
    ["code", "domain", "long_url", "title", "tags", "created_at", "expires_at", "clicks"];

/// Writes CSV (RFC 4180) with a header.
///
/// A cell that a spreadsheet would run as a formula gets an apostrophe in front, which reading
/// takes off again. Tags are separated by `|`.
///
/// # Errors
/// Those of `file`, and of `links`, which ends the writing.
pub fn csv(
    file: impl Write,
    links: impl IntoIterator<Item = io::Result<LinkRecord>>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(COLUMNS).map_err(io::Error::other)?;
    for link in links {
        let link = link?;
        let text = |value: &Option<String>| value.as_deref().map(guard).unwrap_or_default();
        let time = |value: Option<i64>| value.map(format_time).unwrap_or_default();
        let tags: Vec<String> = link.tags.iter().map(|tag| escape_tag(tag)).collect();
        let record = [
            text(&link.code),
            text(&link.domain),
            guard(&link.long_url),
            text(&link.title),
            // One tag alone with a comma would read as two.
            guard(&tags.join("|")),
            time(link.created_at_us),
            time(link.expires_at_us),
            link.clicks.map(|clicks| clicks.to_string()).unwrap_or_default(),
        ];
        writer.write_record(record).map_err(io::Error::other)?;
    }
    writer.flush()
}

/// Writes a JSON object a line, with the names of [`COLUMNS`].
///
/// # Errors
/// Those of `file`, and of `links`, which ends the writing.
pub fn json_lines(
    mut file: impl Write,
    links: impl IntoIterator<Item = io::Result<LinkRecord>>,
) -> io::Result<()> {
    for link in links {
        let link = link?;
        let object = json!({
            "code": link.code,
            "domain": link.domain,
            "long_url": link.long_url,
            "title": link.title,
            "tags": link.tags,
            "created_at": link.created_at_us.map(format_time),
            "expires_at": link.expires_at_us.map(format_time),
            "clicks": link.clicks,
        });
        writeln!(file, "{object}")?;
    }
    file.flush()
}

/// Puts an apostrophe before what a spreadsheet would run (OWASP, "CSV injection"), and before an
/// apostrophe, so that [`unguard`] knows each one is ours.
fn guard(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Takes the apostrophe off again.
pub(crate) fn unguard(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

fn escape_tag(tag: &str) -> String {
    tag.replace('\\', "\\\\").replace('|', "\\|").replace(',', "\\,")
}
