//! The HTTP front door. Ids are strings in JSON: JavaScript has no integer above 2^53.

mod refusal;
mod wire;

use std::sync::Arc;

use kit::clock::Timestamp;
use kit::door::{Caller, Door, May, Right};
use kit::http::{Json, Path, Problem, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::IdError;
use crate::service::{ADMIN, Ids, READ};
use crate::system::IdGenerators;
use crate::text::{self, Form};
use crate::ticket::Plan;
use wire::{
    BoundsAnswer, BoundsQuery, CountQuery, DecodeQuery, Decoded, IdAnswer, IdQuery, IdsAnswer,
    LeaseRequest, RangeAnswer, StatusAnswer, TicketRequest, TicketsAnswer, UuidQuery, WorkerAnswer,
};

/// The routes and their description.
pub fn router(door: Door<IdGenerators>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(many))
        .routes(routes!(uuids))
        .routes(routes!(ulids))
        .routes(routes!(lease))
        .routes(routes!(next_ticket, create_ticket))
        .routes(routes!(decode))
        .routes(routes!(bounds))
        .routes(routes!(status))
        .routes(routes!(accept_clock))
        .with_state(door)
}

/// To make ids.
struct Make;

/// To look at the generators.
struct Read;

/// To decide for all.
struct Administer;

impl Right for Make {
    type System = IdGenerators;

    fn check(caller: &Caller<IdGenerators>) -> Result<(), Problem> {
        Ok(caller.room.may_make(&caller.principal)?)
    }
}

impl Right for Read {
    type System = IdGenerators;

    fn check(caller: &Caller<IdGenerators>) -> Result<(), Problem> {
        Ok(caller.principal.require(READ)?)
    }
}

impl Right for Administer {
    type System = IdGenerators;

    fn check(caller: &Caller<IdGenerators>) -> Result<(), Problem> {
        Ok(caller.principal.require(ADMIN)?)
    }
}

/// How ids are to be written.
struct Writing {
    ids: Arc<Ids>,
    form: Form,
    kind: Option<String>,
    public: bool,
}

impl Writing {
    fn of(ids: &Arc<Ids>, query: IdQuery) -> Result<Self, IdError> {
        let form = form_of(query.form.as_deref())?.unwrap_or(Form::Decimal);
        Ok(Self { ids: Arc::clone(ids), form, kind: query.kind, public: query.public })
    }

    fn write(&self, id: u64) -> Result<String, IdError> {
        let id = if self.public { self.ids.hide(id)? } else { id };
        match &self.kind {
            Some(kind) => text::write_typed(kind, id),
            None => Ok(self.form.write(id)),
        }
    }
}

fn form_of(name: Option<&str>) -> Result<Option<Form>, IdError> {
    let Some(name) = name else { return Ok(None) };
    let form = Form::named(name).ok_or_else(|| {
        let what = "the forms are decimal, hex, base32, base58 and base62";
        IdError::Name(format!("form = {name:?}: {what}"))
    });
    form.map(Some)
}

/// Make an id
#[utoipa::path(
    get,
    path = "/id",
    tag = "ids",
    params(IdQuery),
    responses((status = 200, description = "The id", body = IdAnswer))
)]
async fn one(May(ids): May<Make>, Query(query): Query<IdQuery>) -> Result<Json<IdAnswer>, Problem> {
    let writing = Writing::of(&ids, query)?;
    Ok(Json(IdAnswer { id: writing.write(ids.next_id().await?)? }))
}

/// Make several ids
///
/// They rise. Those of one millisecond follow one another.
#[utoipa::path(
    get,
    path = "/ids",
    tag = "ids",
    params(CountQuery, IdQuery),
    responses((status = 200, description = "The ids", body = IdsAnswer))
)]
async fn many(
    May(ids): May<Make>,
    Query(CountQuery { count }): Query<CountQuery>,
    Query(query): Query<IdQuery>,
) -> Result<Json<IdsAnswer>, Problem> {
    let writing = Writing::of(&ids, query)?;
    let runs = ids.next_ids(count).await?;
    let all = runs.into_iter().flat_map(|run| run.first..run.first + run.count);
    let ids = all.map(|id| writing.write(id)).collect::<Result<_, _>>()?;
    Ok(Json(IdsAnswer { ids }))
}

/// Make UUIDs
///
/// Version 7 rises over all callers of this process.
#[utoipa::path(
    get,
    path = "/uuids",
    tag = "ids",
    params(UuidQuery),
    responses((status = 200, description = "The UUIDs", body = IdsAnswer))
)]
async fn uuids(
    May(ids): May<Make>,
    Query(query): Query<UuidQuery>,
) -> Result<Json<IdsAnswer>, Problem> {
    check_count(&ids, query.count)?;
    let make = match query.version {
        4 => Ids::uuid_v4,
        7 => Ids::uuid_v7,
        other => return Err(Problem::bad_request(format!("version = {other}: use 4 or 7"))),
    };
    Ok(Json(IdsAnswer { ids: (0..query.count).map(|_| make(&ids).to_string()).collect() }))
}

/// Make ULIDs
#[utoipa::path(
    get,
    path = "/ulids",
    tag = "ids",
    params(CountQuery),
    responses((status = 200, description = "The ULIDs, rising", body = IdsAnswer))
)]
async fn ulids(
    May(ids): May<Make>,
    Query(CountQuery { count }): Query<CountQuery>,
) -> Result<Json<IdsAnswer>, Problem> {
    check_count(&ids, count)?;
    Ok(Json(IdsAnswer { ids: (0..count).map(|_| ids.ulid().to_string()).collect() }))
}

fn check_count(ids: &Ids, count: u64) -> Result<(), IdError> {
    let max = ids.settings.batch_max;
    if (1..=max).contains(&count) { Ok(()) } else { Err(IdError::Count { count, max }) }
}

/// Lease a range of ids to make alone
///
/// The ids of one worker from one millisecond to another: whoever leases them hands them out
/// without asking again, and nobody else gets them.
#[utoipa::path(
    post,
    path = "/ranges",
    tag = "ids",
    request_body = LeaseRequest,
    responses((status = 201, description = "The range", body = RangeAnswer))
)]
async fn lease(
    May(ids): May<Make>,
    Json(request): Json<LeaseRequest>,
) -> Result<(http::StatusCode, Json<RangeAnswer>), Problem> {
    let range = ids.lease_range(request.count).await?;
    Ok((http::StatusCode::CREATED, Json(RangeAnswer::of(range, ids.layout()))))
}

/// Take the next numbers of a ticket
#[utoipa::path(
    post,
    path = "/tickets/{name}/next",
    tag = "ids",
    params(("name" = String, Path, description = "The ticket's name"), CountQuery),
    responses((status = 200, description = "The numbers", body = TicketsAnswer))
)]
async fn next_ticket(
    May(ids): May<Make>,
    Path(name): Path<String>,
    Query(CountQuery { count }): Query<CountQuery>,
) -> Result<Json<TicketsAnswer>, Problem> {
    let numbers = ids.next_tickets(&name, count).await?;
    Ok(Json(TicketsAnswer::of(numbers)))
}

/// Make a ticket
///
/// One that is used without having been made counts 1, 2, 3. The step is the number of servers when
/// each of several counts its own share.
#[utoipa::path(
    put,
    path = "/tickets/{name}/next",
    tag = "ids",
    params(("name" = String, Path, description = "The ticket's name")),
    request_body = TicketRequest,
    responses((status = 204, description = "It is there"))
)]
async fn create_ticket(
    May(ids): May<Make>,
    Path(name): Path<String>,
    Json(request): Json<TicketRequest>,
) -> Result<http::StatusCode, Problem> {
    let TicketRequest { first, step, block } = request;
    ids.create_ticket(&name, Plan { first, step, block }).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Say what an id is
///
/// As an id of this namespace, and as every other format that it can be.
#[utoipa::path(
    get,
    path = "/decode/{id}",
    tag = "ids",
    params(("id" = String, Path, description = "An id in any format"), DecodeQuery),
    responses((status = 200, description = "What it says", body = Decoded))
)]
async fn decode(
    May(ids): May<Make>,
    Path(text): Path<String>,
    Query(query): Query<DecodeQuery>,
) -> Result<Json<Decoded>, Problem> {
    let readings = ids.readings(&text);
    let own = ids.parse(&text, form_of(query.form.as_deref())?);
    let own = match (own, readings.is_empty()) {
        (Err(error), true) => return Err(error.into()),
        (own, _) => own.ok(),
    };
    let own = match (own, query.public) {
        (Some(face), true) => Some(ids.reveal(face)?),
        (own, _) => own,
    };
    let own: Option<(u64, crate::layout::Parts)> = own.map(|id| (id, ids.decode(id)));
    Ok(Json(Decoded::of(own, readings)))
}

/// The smallest and largest id of a moment
///
/// For range scans: `WHERE id BETWEEN min AND max`.
#[utoipa::path(
    get,
    path = "/bounds",
    tag = "ids",
    params(BoundsQuery),
    responses((status = 200, description = "The bounds", body = BoundsAnswer))
)]
async fn bounds(
    May(ids): May<Make>,
    Query(BoundsQuery { at }): Query<BoundsQuery>,
) -> Result<Json<BoundsAnswer>, Problem> {
    let at = match at.parse::<i64>() {
        Ok(ms) => Some(Timestamp::from_micros(ms.saturating_mul(1_000))),
        Err(_) => Timestamp::parse(&at),
    };
    let at = at.ok_or_else(|| {
        Problem::bad_request("at: use milliseconds since 1970 or RFC 3339, as 2026-11-22T05:30:00Z")
    })?;
    let (min, max) = ids.bounds(at)?;
    Ok(Json(BoundsAnswer { min: min.to_string(), max: max.to_string() }))
}

/// The state of the generator and of all workers
#[utoipa::path(
    get,
    path = "/status",
    tag = "ids",
    responses((status = 200, description = "The state", body = StatusAnswer))
)]
async fn status(May(ids): May<Read>) -> Result<Json<StatusAnswer>, Problem> {
    let status = ids.status().await?;
    let workers = status.workers.into_iter().map(WorkerAnswer::of).collect();
    Ok(Json(StatusAnswer {
        datacenter: status.worker.map(|worker| worker.datacenter),
        machine: status.worker.map(|worker| worker.machine),
        granted_until_ms: status.granted_until_ms,
        clock_step_us: status.clock_step_us,
        epoch_left_days: status.epoch_left_ms / 86_400_000,
        layout: ids.layout().into(),
        workers,
    }))
}

/// Accept a clock that jumped ahead
#[utoipa::path(
    post,
    path = "/clock/accept",
    tag = "ids",
    responses((status = 204, description = "Ids are made again"))
)]
async fn accept_clock(May(ids): May<Administer>) -> http::StatusCode {
    ids.accept_clock();
    http::StatusCode::NO_CONTENT
}
