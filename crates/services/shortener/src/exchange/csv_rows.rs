//! CSV, with a header and one of three separators.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::{ReaderBuilder, StringRecord};

use super::export::unguard;
use super::fields::{Draft, Field, csv_format, field_named};
use super::{Format, Import, ImportError, LinkRecord, MAX_ROW_BYTES, RowError, RowProblem};

/// Reads the header and gives the rows. `head` is the beginning of `file`.
pub(crate) fn open<'a>(
    file: impl Read + Send + 'a,
    head: &[u8],
) -> Result<Import<'a>, ImportError> {
    let budget = Arc::new(AtomicUsize::new(MAX_ROW_BYTES));
    let bounded = Bounded { file, budget: Arc::clone(&budget) };
    let mut reader = ReaderBuilder::new()
        .delimiter(separator(head))
        .flexible(true)
        .has_headers(true)
        .from_reader(bounded);
    let header = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>(),
        Err(error) => return Err(ImportError::Io(io::Error::other(error))),
    };
    let columns: Vec<Option<Field>> = header.iter().map(|name| field_named(name)).collect();
    if !columns.contains(&Some(Field::LongUrl)) {
        return Err(ImportError::NoLongUrl);
    }
    let format = csv_format(&header);
    let rows = CsvRows { reader, columns, budget, is_ours: format == Format::Csv, failed: false };
    Ok(Import::new(format, Box::new(rows)))
}

/// The one of `,`, `;` and tab that the first line has most of.
fn separator(head: &[u8]) -> u8 {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| line.iter().filter(|byte| **byte == separator).count();
    let (mut best, mut most) = (b',', count(b','));
    for other in [b';', b'\t'] {
        if count(other) > most {
            (best, most) = (other, count(other));
        }
    }
    best
}

struct CsvRows<R> {
    reader: csv::Reader<Bounded<R>>,
    columns: Vec<Option<Field>>,
    budget: Arc<AtomicUsize>,
    is_ours: bool,
    failed: bool,
}

impl<R: Read> Iterator for CsvRows<R> {
    type Item = Result<(u64, LinkRecord), RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        self.budget.store(MAX_ROW_BYTES, Ordering::Relaxed);
        let mut record = StringRecord::new();
        let line = self.reader.position().line();
        match self.reader.read_record(&mut record) {
            Ok(false) => None,
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                let link = self.link(&record).map_err(|what| RowError { line, what });
                Some(link.map(|link| (line, link)))
            }
            Err(error) => Some(Err(RowError { line, what: self.problem(&error) })),
        }
    }
}

impl<R> CsvRows<R> {
    fn link(&self, record: &StringRecord) -> Result<LinkRecord, RowProblem> {
        let mut draft = Draft::default();
        for (field, value) in self.columns.iter().zip(record) {
            let Some(field) = field else { continue };
            match value {
                ours if self.is_ours => draft.set(*field, unguard(ours))?,
                // What database tools write for an absent value.
                "NULL" | "\\N" => {}
                theirs => draft.set(*field, theirs)?,
            }
        }
        draft.finish()
    }

    /// Bad UTF-8 spoils one row; a failing file all that follow.
    fn problem(&mut self, error: &csv::Error) -> RowProblem {
        let csv::ErrorKind::Io(io_error) = error.kind() else {
            return RowProblem::Malformed(error.to_string());
        };
        self.failed = true;
        match io_error.kind() {
            io::ErrorKind::FileTooLarge => RowProblem::TooLarge,
            _ => RowProblem::Io(io_error.to_string()),
        }
    }
}

/// Ends reading when a row takes more than its budget, as one does whose quotation never ends.
struct Bounded<R> {
    file: R,
    budget: Arc<AtomicUsize>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.file.read(buffer)?;
        self.budget.store(left.saturating_sub(count), Ordering::Relaxed);
        Ok(count)
    }
}
