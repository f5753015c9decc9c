//! The link table of a YOURLS database, out of a dump by `mysqldump`, phpMyAdmin or Adminer.

mod tokens;

use std::io::{BufReader, Read};

use tokens::{Token, Tokens};

use super::fields::{Draft, field_named};
use super::{LinkRecord, RowError, RowProblem, Rows};

/// The table's columns in their order, for statements that do not name them.
const COLUMNS: &[&str] = &["keyword", "url", "title", "timestamp", "ip", "clicks"];

/// Gives the links.
pub(crate) fn open<'a>(file: impl Read + Send + 'a) -> Rows<'a> {
    let tokens = Tokens::new(BufReader::new(file));
    let mut rows = SqlRows { tokens, columns: Vec::new(), in_values: false };
    let mut failed = false;
    Box::new(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        match rows.next_row() {
            Ok(link) => link,
            Err(what) => {
                failed = true;
                Some(Err(RowError { line: rows.tokens.line(), what }))
            }
        }
    }))
}

type Row = Result<(u64, LinkRecord), RowError>;

struct SqlRows<R> {
    tokens: Tokens<R>,
    /// Of the current statement.
    columns: Vec<String>,
    /// Whether the next token is the opening bracket of a row or what follows the last one.
    in_values: bool,
}

impl<R: Read> SqlRows<R> {
    /// The next row, or its error. The outer error is one nothing can follow.
    fn next_row(&mut self) -> Result<Option<Row>, RowProblem> {
        loop {
            if !self.in_values && !self.find_values()? {
                return Ok(None);
            }
            match self.tokens.next()? {
                None => return Ok(None),
                Some(Token::Symbol(b'(')) => {
                    let line = self.tokens.line();
                    let values = self.read_values()?;
                    let link = self.link(&values).map_err(|what| RowError { line, what });
                    return Ok(Some(link.map(|link| (line, link))));
                }
                Some(Token::Symbol(b',')) => {}
                // The end of the statement, or `ON DUPLICATE KEY ...`.
                Some(_) => self.in_values = false,
            }
        }
    }

    /// Goes on to the rows of the next `INSERT` into a table of links.
    fn find_values(&mut self) -> Result<bool, RowProblem> {
        while let Some(token) = self.tokens.next()? {
            if !token.is_word("INSERT") {
                continue;
            }
            let mut table = None;
            self.columns.clear();
            while let Some(token) = self.tokens.next()? {
                match token {
                    Token::Symbol(b';') => break,
                    token if token.is_word("VALUES") => {
                        self.in_values = table.as_deref().is_some_and(is_link_table);
                        break;
                    }
                    token if token.is_word("INTO") || token.is_word("IGNORE") => {}
                    // The last name before the columns: a database may stand before the table.
                    Token::Word(name) if !self.tokens.in_brackets() => table = Some(name),
                    Token::Word(name) => self.columns.push(name),
                    _ => {}
                }
            }
            if self.columns.is_empty() {
                self.columns = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
            }
            if self.in_values {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The values of a row whose opening bracket was read. `None` is `NULL`.
    fn read_values(&mut self) -> Result<Vec<Option<String>>, RowProblem> {
        let mut values = Vec::new();
        loop {
            match self.tokens.next()? {
                Some(Token::Symbol(b')')) => return Ok(values),
                Some(Token::Symbol(_)) => {}
                Some(Token::Text(text)) => values.push(Some(text)),
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("NULL") => values.push(None),
                // Before a text: its character set, as in _utf8mb4'...' or _binary '...'.
                Some(Token::Word(word)) if word.starts_with('_') => {}
                Some(Token::Word(word)) => values.push(Some(word)),
                None => return Err(RowProblem::Malformed("the dump ends within a row".into())),
            }
        }
    }

    fn link(&self, values: &[Option<String>]) -> Result<LinkRecord, RowProblem> {
        if values.len() != self.columns.len() {
            let (found, named) = (values.len(), self.columns.len());
            let text = format!("it has {found} values for {named} columns");
            return Err(RowProblem::Malformed(text));
        }
        let mut draft = Draft::default();
        for (column, value) in self.columns.iter().zip(values) {
            if let (Some(field), Some(value)) = (field_named(column), value) {
                draft.set(field, value)?;
            }
        }
        draft.finish()
    }
}

/// The table is named by a prefix of the installation's choice and `url`.
fn is_link_table(name: &str) -> bool {
    name == "url" || name.ends_with("_url")
}
