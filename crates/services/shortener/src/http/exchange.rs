//! Links in and out as files: read and written in pieces, so that memory does not grow with them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use http_body::Frame;
use kit::http::{HandlerTime, Json, Problem, Query};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::{ADMIN, Asking, READ};
use crate::exchange::{Import, ImportError, LinkRecord, RowError, import};
use crate::intake::{BATCH_MAX, Taken};
use crate::model::Author;
use crate::service::Shortener;

/// Largest file, and what it may take in all.
const FILE_BYTES_MAX: u64 = 64 << 20;
const FILE_TIME: Duration = Duration::from_secs(600);
/// A sender that is silent for so long has gone away.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Rows whose refusal is told one by one.
const REFUSED_MAX: usize = 1_000;
/// Pieces of a file, and batches of rows, that wait for the next step.
const PIECES_WAITING: usize = 8;

/// How a file is read.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuery {
    /// `auto`, which looks at the file.
    format: Option<String>,
}

/// What became of the rows of a file.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportAnswer {
    /// New links.
    imported: u64,
    /// Rows whose code led there already, and rows without a code whose target had one.
    existing: u64,
    /// How many rows were left out.
    refused_total: u64,
    /// The first thousand of them.
    refused: Vec<RefusedRow>,
}

/// A row that was left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefusedRow {
    /// The line of the file it begins on, from 1.
    line: u64,
    /// What is wrong with it.
    reason: String,
}

/// Take links in from a file of this or another shortener.
///
/// Understood are our own CSV and JSON lines, exports of Bitly, YOURLS (CSV or SQL), Shlink and
/// Kutt, and any CSV or JSON with a column for the long URL. Codes, titles, tags, creation times
/// and click counts are kept. A row whose code leads elsewhere already is refused; the others are
/// not held up by it.
#[utoipa::path(
    post,
    path = "/import",
    tag = "exchange",
    params(ImportQuery),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, description = "What became of the rows", body = ImportAnswer))
)]
pub(super) async fn take_in(
    asking: Asking,
    Query(query): Query<ImportQuery>,
    time: Option<Extension<HandlerTime>>,
    request: Request,
) -> Result<Json<ImportAnswer>, Problem> {
    asking.require(ADMIN)?;
    if query.format.as_deref().is_some_and(|format| format != "auto") {
        return Err(Problem::bad_request("format: use auto, which tells the format by itself"));
    }
    if announced_bytes(&request).is_some_and(|bytes| bytes > FILE_BYTES_MAX) {
        return Err(too_large());
    }
    if let Some(Extension(time)) = time {
        time.allow(FILE_TIME);
    }
    let (pieces, file) = mpsc::channel(PIECES_WAITING);
    let (batches, mut rows) = mpsc::channel(1);
    let reading = tokio::task::spawn_blocking(move || read_rows(PieceReader::new(file), &batches));
    let (sent, stored) = tokio::join!(send_pieces(request.into_body(), pieces), async {
        let stored = store_rows(&asking, &mut rows).await;
        // Whoever still sends or reads is told to stop.
        rows.close();
        stored
    });
    let answer = stored?;
    sent?;
    match reading.await {
        Ok(Ok(())) => Ok(Json(answer)),
        Ok(Err(refusal)) => Err(Problem::unprocessable(refusal.to_string())),
        Err(fault) => Err(Problem::internal(fault)),
    }
}

async fn store_rows(
    asking: &Asking,
    rows: &mut mpsc::Receiver<Vec<Row>>,
) -> Result<ImportAnswer, Problem> {
    let mut answer = ImportAnswer::default();
    while let Some(batch) = rows.recv().await {
        store_batch(&asking.shortener, &asking.author, batch, &mut answer).await?;
    }
    Ok(answer)
}

fn announced_bytes(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> Problem {
    Problem::too_large(
        "The file may have at most 64 MiB: split it. Rows taken in so far are kept, and taking \
         them in again does no harm.",
    )
}

/// A piece of the file, or the news that the rest will not come.
type Piece = Result<Bytes, BrokenOff>;

struct BrokenOff;

/// Passes the body on as it comes. The reader is told when it breaks off, so that half a row is
/// not taken for a whole one.
async fn send_pieces(body: Body, pieces: mpsc::Sender<Piece>) -> Result<(), Problem> {
    let sent = send_whole(body, &pieces).await;
    if sent.is_err() {
        // The reader may have ended already; then there is no row to spoil.
        let _ = pieces.send(Err(BrokenOff)).await;
    }
    sent
}

async fn send_whole(mut body: Body, pieces: &mpsc::Sender<Piece>) -> Result<(), Problem> {
    let mut total = 0;
    loop {
        let next = std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx));
        let frame = match tokio::time::timeout(SILENCE_MAX, next).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => {
                return Err(Problem::bad_request("The body broke off before its end."));
            }
            Err(_) => {
                let what = format!("Nothing of the body came for {} s.", SILENCE_MAX.as_secs());
                return Err(Problem::of_status(StatusCode::REQUEST_TIMEOUT).detail(what));
            }
        };
        let Ok(piece) = frame.into_data() else { continue };
        total += piece.len() as u64;
        if total > FILE_BYTES_MAX {
            return Err(too_large());
        }
        // Nobody listens any more: the reason is the reader's to tell.
        if pieces.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
    }
}

/// The pieces as a file, for a thread that may wait.
struct PieceReader {
    pieces: mpsc::Receiver<Piece>,
    rest: Bytes,
}

impl PieceReader {
    fn new(pieces: mpsc::Receiver<Piece>) -> Self {
        Self { pieces, rest: Bytes::new() }
    }
}

impl std::io::Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(BrokenOff)) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                None => return Ok(0),
            }
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

type Row = Result<(u64, LinkRecord), RowError>;

fn read_rows(file: PieceReader, batches: &mpsc::Sender<Vec<Row>>) -> Result<(), ImportError> {
    let mut links = import(file)?;
    loop {
        let batch: Vec<Row> = (0..BATCH_MAX).map_while(|_| next_row(&mut links)).collect();
        if batch.is_empty() || batches.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}

fn next_row(links: &mut Import<'_>) -> Option<Row> {
    let row = links.next()?;
    Some(row.map(|link| (links.line(), link)))
}

async fn store_batch(
    shortener: &Shortener,
    author: &Author,
    batch: Vec<Row>,
    answer: &mut ImportAnswer,
) -> Result<(), Problem> {
    let (mut lines, mut records) = (Vec::new(), Vec::new());
    for row in batch {
        match row {
            Ok((line, record)) => {
                lines.push(line);
                records.push(record);
            }
            Err(error) => answer.refuse(error.line, error.what.to_string()),
        }
    }
    let taken = shortener.import(author, records).await?;
    for (line, taken) in lines.into_iter().zip(taken) {
        match taken {
            Taken::Imported => answer.imported += 1,
            Taken::Existing => answer.existing += 1,
            Taken::Refused(refusal) => answer.refuse(line, refusal.to_string()),
        }
    }
    Ok(())
}

impl ImportAnswer {
    fn refuse(&mut self, line: u64, reason: String) {
        self.refused_total += 1;
        if self.refused.len() < REFUSED_MAX {
            self.refused.push(RefusedRow { line, reason });
        }
    }
}

/// What a file is to look like.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// `csv`, `jsonl`, `nginx` or `caddy`; `csv` unless told.
    format: Option<String>,
    /// For `nginx` and `caddy`: the branded domain whose links are written; left out for the
    /// service's own.
    domain: Option<String>,
}

/// Your links as a file; an administrator's has those of everybody.
///
/// `csv` and `jsonl` can be taken in again. `nginx` and `caddy` are configurations that go on
/// redirecting without this program; a link that only this program can answer is left out, with
/// a comment that says why.
#[utoipa::path(
    get,
    path = "/export",
    tag = "exchange",
    params(ExportQuery),
    responses((status = 200, description = "The file", content(
        (String = "text/csv"), (String = "application/x-ndjson"), (String = "text/plain"))))
)]
pub(super) async fn give_out(
    asking: Asking,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    asking.require(READ)?;
    let word = query.format.as_deref().unwrap_or("csv");
    let kind = crate::outflow::Kind::from_word(word)
        .ok_or_else(|| Problem::bad_request("format: use csv, jsonl, nginx or caddy"))?;
    let owner = (!asking.author.is_admin).then(|| asking.author.id.clone());
    let domain = query.domain.unwrap_or_default().to_ascii_lowercase();
    let (pieces, waiting) = mpsc::channel(1);
    let shortener = asking.shortener;
    tokio::spawn(async move { shortener.export(kind, owner, domain, pieces).await });
    let disposition = format!("attachment; filename=\"links.{}\"", kind.extension());
    let headers = [
        (header::CONTENT_TYPE, kind.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::new(Pieces(waiting))).into_response())
}

/// A body whose pieces are made elsewhere; an error breaks it off, so that nobody takes a part
/// for the whole.
struct Pieces(mpsc::Receiver<Result<Bytes, crate::model::ShortenError>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = crate::model::ShortenError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
