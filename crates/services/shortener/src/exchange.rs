//! Links in and out: files of other shorteners, our own, and configurations of plain web servers.
//!
//! [`import`] looks at the beginning of a file, tells what it is, and gives its links one by one;
//! a bad row is reported with its line and the rest goes on. Nothing is read whole: memory is
//! bounded by [`MAX_ROW_BYTES`], however large the file. URLs and names are *not* checked here;
//! they go through the same checks as any other creation.
//!
//! [`export`] writes files [`import`] reads back unchanged, and [`static_site`] what a web server
//! needs to go on redirecting without this program.

mod csv_rows;
pub mod export;
mod fields;
mod json_rows;
mod sql_rows;
pub mod static_site;
mod time;

use std::io::{self, Cursor, Read};

pub use time::{format_time, parse_time};

/// Largest row of any format, in bytes. Reading stops at a larger one.
pub const MAX_ROW_BYTES: usize = 1 << 20;

/// How much of a file is looked at to tell its format.
const PEEK_BYTES: u64 = 64 * 1024;

/// A link as files carry it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkRecord {
    /// The code or alias; `None` asks for a new one.
    pub code: Option<String>,
    /// The short domain; `None` is the default one.
    pub domain: Option<String>,
    /// Where it leads. Never empty.
    pub long_url: String,
    /// Its title.
    pub title: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it was made, in microseconds since 1970 UTC.
    pub created_at_us: Option<i64>,
    /// When it ends, in microseconds since 1970 UTC.
    pub expires_at_us: Option<i64>,
    /// How often it was used.
    pub clicks: Option<u64>,
}

/// What a file was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Our own CSV.
    Csv,
    /// Our own JSON, an object a line.
    JsonLines,
    /// Bitly's CSV export.
    BitlyCsv,
    /// CSV with the columns of the YOURLS table, as its export plug-ins write it.
    YourlsCsv,
    /// An SQL dump of a YOURLS database.
    YourlsSql,
    /// CSV of Shlink's web client, or for its importer.
    ShlinkCsv,
    /// An answer of Shlink's `GET /rest/v3/short-urls`.
    ShlinkJson,
    /// Kutt's links as CSV.
    KuttCsv,
    /// An answer of Kutt's `GET /api/v2/links`.
    KuttJson,
    /// Another CSV or JSON with a column for the long URL.
    Other,
}

/// Why a file cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It could not be read.
    #[error("the file could not be read: {0}")]
    Io(#[from] io::Error),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It has no column for the long URL.
    #[error("no column holds the long URL: name one long_url, longUrl, url or target")]
    NoLongUrl,
}

/// A row that was left out.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct RowError {
    /// The line of the file it begins on, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: RowProblem,
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
pub enum RowProblem {
    /// The file could not be read on. No row follows.
    #[error("the file could not be read on: {0}")]
    Io(String),
    /// Larger than [`MAX_ROW_BYTES`]. No row follows.
    #[error("the row is larger than 1 MiB; is a quotation mark missing?")]
    TooLarge,
    /// Not of the format the file is in.
    #[error("the row is malformed: {0}")]
    Malformed(String),
    /// It has no long URL.
    #[error("the row has no long URL")]
    NoLongUrl,
    /// A field that is not what it should be.
    #[error("{field} is {value:?}, which is not {wanted}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The beginning of what it holds.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// Each link with the line it begins on.
type Rows<'a> = Box<dyn Iterator<Item = Result<(u64, LinkRecord), RowError>> + Send + 'a>;

/// The links of a file, in its order.
pub struct Import<'a> {
    format: Format,
    rows: Rows<'a>,
    line: u64,
}

impl<'a> Import<'a> {
    fn new(format: Format, rows: Rows<'a>) -> Self {
        Self { format, rows, line: 0 }
    }

    /// What the file was taken for.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The line that the link given last begins on, from 1; 0 before the first.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }
}

impl Iterator for Import<'_> {
    type Item = Result<LinkRecord, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.rows.next()?.map(|(line, link)| {
            self.line = line;
            link
        }))
    }
}

/// Tells the format of a file and gives its links.
///
/// # Errors
/// [`ImportError`] when nothing can be made of the file. Errors of rows come from the iterator.
pub fn import<'a>(mut file: impl Read + Send + 'a) -> Result<Import<'a>, ImportError> {
    let mut head = Vec::new();
    file.by_ref().take(PEEK_BYTES).read_to_end(&mut head)?;
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    let start = head.trim_ascii_start();
    let first = *start.first().ok_or(ImportError::Empty)?;
    let is_json = matches!(first, b'{' | b'[');
    let is_sql = looks_like_sql(start);
    let whole = Cursor::new(head.clone()).chain(file);
    match (is_json, is_sql) {
        (true, _) => Ok(json_rows::open(whole, &head)),
        (_, true) => Ok(Import::new(Format::YourlsSql, sql_rows::open(whole))),
        _ => csv_rows::open(whole, &head),
    }
}

/// Dumps begin with a comment or a statement; no CSV header does.
fn looks_like_sql(start: &[u8]) -> bool {
    let upper = start[..start.len().min(12)].to_ascii_uppercase();
    ["--", "/*", "#", "INSERT INTO", "CREATE ", "DROP ", "SET ", "USE ", "LOCK ", "START "]
        .iter()
        .any(|begins| upper.starts_with(begins.as_bytes()))
}

#[cfg(test)]
mod tests;
