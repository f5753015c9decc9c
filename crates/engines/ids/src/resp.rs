//! The front door of Redis clients: `INCR` gives an id.
//!
//! | command | answers |
//! |---|---|
//! | `INCR key` | the next id; a key `ticket:NAME` counts 1, 2, 3 |
//! | `INCRBY key n` | the last of n ids that follow one another, n up to a millisecond's |
//! | `ID.NEXT [n]` | one id, or an array of n, as text |
//! | `ID.UUID [4\|7]`, `ID.ULID` | the 128-bit kinds |
//! | `ID.DECODE id` | its time in milliseconds, data centre, machine, sequence |
//!
//! A caller of `INCR` gets a number, as Redis gives it: whoever needs text (JavaScript) has
//! `ID.NEXT`.

use std::sync::Arc;

use kit::door::Caller;
use kit::resp::request::integer;
use kit::resp::{Arity, Command, Commands, Ran, Reply, Spec};

use crate::generator::Run;
use crate::layout::Worker;
use crate::model::IdError;
use crate::service::Ids;
use crate::system::IdGenerators;

/// What a key begins with that counts.
const TICKET: &[u8] = b"ticket:";

/// The commands of this door.
pub struct IdCommands;

const SPECS: &[Spec] = &[
    Spec { name: "INCR", arity: Arity::Exactly(2) },
    Spec { name: "INCRBY", arity: Arity::Exactly(3) },
    Spec { name: "ID.NEXT", arity: Arity::AtLeast(1) },
    Spec { name: "ID.UUID", arity: Arity::AtLeast(1) },
    Spec { name: "ID.ULID", arity: Arity::Exactly(1) },
    Spec { name: "ID.DECODE", arity: Arity::Exactly(2) },
];

impl Commands for IdCommands {
    type System = IdGenerators;

    fn specs(&self) -> &'static [Spec] {
        SPECS
    }

    fn run(&self, caller: &Caller<IdGenerators>, command: &Command<'_>, reply: &mut Reply) -> Ran {
        if let Err(refusal) = caller.room.may_make(&caller.principal) {
            refuse(&refusal, reply);
            return Ran::Done;
        }
        let ids = &caller.room;
        match command.name() {
            "INCR" => return increment(ids, command.arg(0), 1, reply),
            "INCRBY" => match positive(command.arg(1)) {
                Some(count) => return increment(ids, command.arg(0), count, reply),
                None => reply.error("ERR an increment must be a number from 1 up"),
            },
            "ID.NEXT" if command.is_empty() => return next(ids, reply),
            "ID.NEXT" => match positive(command.arg(0)) {
                Some(count) => return next_many(ids, count, reply),
                None => reply.error("ERR a count must be a number from 1 up"),
            },
            "ID.UUID" => match command.arg(0) {
                b"4" => reply.bulk(ids.uuid_v4().to_string().as_bytes()),
                b"" | b"7" => reply.bulk(ids.uuid_v7().to_string().as_bytes()),
                _ => reply.error("ERR the versions are 4 and 7"),
            },
            "ID.ULID" => reply.bulk(ids.ulid().to_string().as_bytes()),
            _ => decode(ids, command.arg(0), reply),
        }
        Ran::Done
    }
}

fn positive(text: &[u8]) -> Option<u64> {
    u64::try_from(integer(text)?).ok().filter(|number| *number > 0)
}

fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn increment(ids: &Arc<Ids>, key: &[u8], count: u64, reply: &mut Reply) -> Ran {
    if let Some(name) = key.strip_prefix(TICKET) {
        let (ids, name) = (Arc::clone(ids), String::from_utf8_lossy(name).into_owned());
        return later(
            reply,
            async move { Ok(ids.next_tickets(&name, count).await?.last()) },
            |last, reply| reply.integer(signed(last)),
        );
    }
    match ids.next_block_now(count) {
        Some(run) => reply.integer(signed(run.first + run.count - 1)),
        None => {
            let ids = Arc::clone(ids);
            return later(reply, async move { ids.next_block(count).await }, |run, reply| {
                reply.integer(signed(run.first + run.count - 1));
            });
        }
    }
    Ran::Done
}

fn next(ids: &Arc<Ids>, reply: &mut Reply) -> Ran {
    match ids.next_now() {
        Some(id) => reply.bulk(id.to_string().as_bytes()),
        None => {
            let ids = Arc::clone(ids);
            return later(reply, async move { ids.next_id().await }, |id, reply| {
                reply.bulk(id.to_string().as_bytes());
            });
        }
    }
    Ran::Done
}

fn next_many(ids: &Arc<Ids>, count: u64, reply: &mut Reply) -> Ran {
    let ids = Arc::clone(ids);
    later(reply, async move { ids.next_ids(count).await }, move |runs, reply| {
        reply.array(usize::try_from(count).unwrap_or(0));
        for Run { first, count } in runs {
            for id in first..first + count {
                reply.bulk(id.to_string().as_bytes());
            }
        }
    })
}

fn later<T: 'static>(
    reply: &Reply,
    work: impl Future<Output = Result<T, IdError>> + Send + 'static,
    tell: impl FnOnce(T, &mut Reply) + Send + 'static,
) -> Ran {
    let mut reply = Reply::new(reply.version());
    Ran::Later(Box::pin(async move {
        match work.await {
            Ok(value) => tell(value, &mut reply),
            Err(refusal) => refuse(&refusal, &mut reply),
        }
        reply
    }))
}

fn decode(ids: &Ids, text: &[u8], reply: &mut Reply) {
    match ids.parse(&String::from_utf8_lossy(text), None) {
        Ok(id) => {
            let parts = ids.decode(id);
            let Worker { datacenter, machine } = parts.worker;
            let fields = [
                ("time_ms", signed(parts.time_ms)),
                ("datacenter", datacenter.into()),
                ("machine", machine.into()),
                ("sequence", signed(parts.sequence)),
            ];
            reply.map(fields.len());
            for (name, value) in fields {
                reply.bulk(name.as_bytes());
                reply.integer(value);
            }
        }
        Err(refusal) => refuse(&refusal, reply),
    }
}

fn refuse(refusal: &IdError, reply: &mut Reply) {
    let code = match refusal {
        IdError::Refused(_) => "NOPERM",
        IdError::ClockBehind { .. }
        | IdError::ClockJumped { .. }
        | IdError::ClockUnkept(_)
        | IdError::ClockStands
        | IdError::NoWorker(_)
        | IdError::Lost
        | IdError::Store(_) => "TRYAGAIN",
        _ => "ERR",
    };
    reply.error(&format!("{code} {refusal}"));
}
