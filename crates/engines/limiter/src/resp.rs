//! The front door for Redis clients: `CL.THROTTLE` as the module redis-cell has it.
//!
//! `CL.THROTTLE key max_burst count period [quantity]` answers with five numbers: 1 if limited, the
//! limit, what is left, seconds until a retry helps (-1: admitted, or never), and seconds until all
//! is back.
//!
//! The limit is `max_burst + 1` at once and `count` in each `period` of seconds, by
//! [`crate::gcra`]; a quantity of 0 only looks.

use std::sync::Arc;

use kit::door::Caller;
use kit::resp::request::integer;
use kit::resp::{Arity, Command, Commands, Ran, Reply, Spec};

use crate::Limiters;
use crate::algorithm::Algorithm;
use crate::answer::{Answer, NEVER};
use crate::gcra::Gcra;
use crate::rules::KeyHasher;
use crate::service::Limiter;
use crate::table::Charge;

/// Callers of this door are apart from those of rules.
const DOMAIN: &str = "CL.THROTTLE";
const SECOND_US: u64 = 1_000_000;

const SPECS: &[Spec] = &[Spec { name: "CL.THROTTLE", arity: Arity::AtLeast(5) }];

/// The commands of this door.
pub struct LimitCommands;

/// What one command asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Throttle {
    algorithm: Algorithm,
    burst: u32,
    quantity: u32,
}

impl Commands for LimitCommands {
    type System = Limiters;

    fn specs(&self) -> &'static [Spec] {
        SPECS
    }

    fn run(&self, caller: &Caller<Limiters>, command: &Command<'_>, reply: &mut Reply) -> Ran {
        let limiter = &caller.room;
        if let Err(refusal) = limiter.may_decide(&caller.principal) {
            reply.error(&format!("NOPERM {refusal}"));
            return Ran::Done;
        }
        let throttle = match read(command) {
            Ok(throttle) => throttle,
            Err(refusal) => {
                reply.error(&format!("ERR {refusal}"));
                return Ran::Done;
            }
        };
        let mut hasher = KeyHasher::new(limiter.secret(), DOMAIN);
        hasher.bytes(command.arg(0));
        let key = hasher.key();
        if limiter.is_local() {
            answer(limiter.throttle_here(&throttle.charge(key)), throttle.burst, reply);
            return Ran::Done;
        }
        later(Arc::clone(limiter), throttle, key, reply)
    }
}

fn later(limiter: Arc<Limiter>, throttle: Throttle, key: u64, reply: &Reply) -> Ran {
    let mut reply = Reply::new(reply.version());
    Ran::Later(Box::pin(async move {
        let ruled = limiter.throttle(&throttle.charge(key)).await;
        answer(ruled, throttle.burst, &mut reply);
        reply
    }))
}

impl Throttle {
    fn charge(&self, key: u64) -> Charge<'_> {
        Charge { algorithm: &self.algorithm, key, hits: self.quantity, lease: 0, shadow: false }
    }
}

fn read(command: &Command<'_>) -> Result<Throttle, String> {
    if command.len() > 5 {
        return Err("wrong number of arguments for 'cl.throttle' command".to_owned());
    }
    let number = |index: usize, name: &str| {
        let number = integer(command.arg(index)).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| format!("{name} must be a whole number from 0 to 4294967295"))
    };
    let burst = number(1, "max_burst")?.saturating_add(1);
    let (count, period_s) = (number(2, "count")?, number(3, "period")?);
    let quantity = if command.len() > 4 { number(4, "quantity")? } else { 1 };
    let gcra = Gcra::new(burst, count, u64::from(period_s) * SECOND_US);
    let gcra =
        gcra.ok_or("count and period must be 1 or more, and a burst come back in 36 years")?;
    Ok(Throttle { algorithm: Algorithm::Gcra(gcra), burst, quantity })
}

fn answer(answer: Answer, burst: u32, reply: &mut Reply) {
    let retry_after_s = match (answer.admitted, answer.retry_us) {
        (true, _) | (_, NEVER) => -1,
        _ => answer.retry_after_s().map_or(-1, i64::from),
    };
    reply.array(5);
    reply.integer(i64::from(!answer.admitted));
    reply.integer(burst.into());
    reply.integer(answer.remaining.into());
    reply.integer(retry_after_s);
    reply.integer(answer.reset_s().into());
}
