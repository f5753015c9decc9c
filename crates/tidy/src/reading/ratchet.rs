//! The named exceptions to the limits of size, which may only shrink.

use toml::{Table, Value};

use super::words;

/// Where the exceptions are kept.
pub(crate) const PATH: &str = "crates/tidy/ratchet.toml";

/// A size that is known, with the reason it stays.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    /// The file.
    pub(crate) path: String,
    /// The function, or `file`.
    pub(crate) item: String,
    /// The limit that it exceeds.
    pub(crate) limit: String,
    /// The size it had when it was last looked at; more is a finding, and so is less.
    pub(crate) measured: usize,
    /// Where it stands in the ratchet file.
    pub(crate) line: usize,
}

/// Reads the exceptions.
///
/// # Errors
/// A sentence that says which key of which entry is missing or wrong.
pub(crate) fn read(text: &str) -> Result<Vec<Exception>, String> {
    let table: Table = text.parse().map_err(|error| format!("not TOML: {error}"))?;
    let entries = match table.get("exception") {
        None => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err("write each exception as [[exception]]".to_owned()),
    };
    // A header in a comment or in a string is not one; in this small file the first does occur.
    let headers = words::offsets_of(text, "[[exception]]")
        .filter(|&at| at == 0 || text[..at].ends_with('\n'))
        .map(|at| words::line_at(text, at));
    let lines: Vec<usize> = headers.collect();
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| exception(entry, lines.get(index).copied().unwrap_or(1)))
        .collect()
}

fn exception(entry: &Value, line: usize) -> Result<Exception, String> {
    let missing = |key: &str| format!("exception in line {line}: give `{key}`");
    let text = |key: &str| {
        let value = entry.get(key).and_then(Value::as_str).filter(|value| !value.is_empty());
        value.map(str::to_owned).ok_or_else(|| missing(key))
    };
    let measured = entry.get("measured").and_then(Value::as_integer);
    text("reason")?;
    Ok(Exception {
        path: text("path")?,
        item: text("item")?,
        limit: text("limit")?,
        measured: measured
            .and_then(|value| usize::try_from(value).ok())
            .ok_or_else(|| missing("measured"))?,
        line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_needs_every_key() {
        let whole = "# [[exception]]\n[[exception]]\npath = \"a.rs\"\nitem = \"b\"\n\
                     limit = \"parameters\"\nmeasured = 6\nreason = \"c\"\n";
        assert_eq!(read(whole).unwrap()[0].line, 2);
        for key in ["path", "item", "limit", "measured", "reason"] {
            let without = whole.replace(&format!("{key} ="), "other =");
            assert_eq!(read(&without), Err(format!("exception in line 2: give `{key}`")));
        }
        assert_eq!(read(""), Ok(Vec::new()));
    }
}
