//! The system as the house sees it.

use std::sync::Arc;

use kit::sql::{Migration, SqlError, Tx};
use kit::system::{Ctx, OpenError, System};
use structures::permutation::Permutation;

use crate::layout::{Layout, Widths};
use crate::seat::Seat;
use crate::service::Ids;
use crate::settings::Settings;
use crate::ticket::Tickets;
use crate::uuid::Makers;

/// Faces are positive signed numbers like the ids they stand for.
const FACES: u64 = 1 << 63;

/// The id generator as one of the house's systems.
pub struct IdGenerators {
    settings: Arc<Settings>,
}

impl IdGenerators {
    /// With these settings for every namespace.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl System for IdGenerators {
    const NAME: &'static str = "ids";
    const MIGRATIONS: &'static [Migration] = &[Migration {
        number: 1,
        name: "workers",
        sql: include_str!("../migrations/001_workers.sql"),
    }];
    type Instance = Ids;

    fn open(&self, ctx: Ctx) -> Result<Arc<Ids>, OpenError> {
        let refused = |setting: &str, what: String| OpenError {
            system: Self::NAME,
            setting: setting.to_owned(),
            what,
        };
        let runtime = tokio::runtime::Handle::current();
        let (layout, fresh) = (self.settings.layout, ctx.entropy.bytes16());
        let adopted = runtime.block_on(ctx.sql.write(move |tx| adopt(tx, &layout, fresh)));
        let key = adopted.map_err(|error| match error {
            SqlError::Invalid(what) => refused("ids.epoch_ms", what),
            error => refused("data.dir", error.to_string()),
        })?;
        let settings = Arc::clone(&self.settings);
        let seat = |wanted| Seat::new(&ctx, Arc::clone(&settings), wanted);
        let ids = Ids {
            seat: seat(settings.worker),
            ranges: seat(None),
            makers: Makers::new(ctx.entropy.clone()),
            tickets: Tickets::new(ctx.sql.clone()),
            facade: Permutation::new(key, FACES),
            sql: ctx.sql,
            clock: ctx.clock,
            settings: Arc::clone(&settings),
        };
        if settings.worker.is_some() {
            let claimed = runtime.block_on(ids.seat.claim_now());
            claimed.map_err(|error| refused("ids.machine", error.to_string()))?;
        }
        Ok(Arc::new(ids))
    }
}

/// Remembers the layout of the first opening, and refuses another: ids of two layouts could be
/// equal. Answers with the key of the public face.
fn adopt(tx: &mut Tx<'_>, layout: &Layout, fresh: [u8; 16]) -> Result<[u8; 16], SqlError> {
    let widths = layout.widths();
    let bits = |bits: u32| i64::from(bits);
    let epoch_ms = i64::try_from(layout.epoch_ms()).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO id_layout (id, epoch_ms, timestamp_bits, datacenter_bits, machine_bits,
            sequence_bits, facade_key) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO NOTHING",
        &[
            epoch_ms.into(),
            bits(widths.timestamp).into(),
            bits(widths.datacenter).into(),
            bits(widths.machine).into(),
            bits(widths.sequence).into(),
            fresh.as_slice().into(),
        ],
    )?;
    let there = tx.find(
        "SELECT epoch_ms, timestamp_bits, datacenter_bits, machine_bits, sequence_bits, facade_key
         FROM id_layout WHERE id = 1",
        &[],
        |row| {
            let bits = |index| row.get::<i64>(index).map(|bits| u32::try_from(bits).unwrap_or(0));
            let widths = Widths {
                timestamp: bits(1)?,
                datacenter: bits(2)?,
                machine: bits(3)?,
                sequence: bits(4)?,
            };
            Ok((row.get::<i64>(0)?, widths, row.get::<Vec<u8>>(5)?))
        },
    )?;
    let Some((there_ms, there, key)) = there else {
        return Err(SqlError::Invalid("the layout of ids is not there".to_owned()));
    };
    if (there_ms, there) != (epoch_ms, widths) {
        return Err(SqlError::Invalid(format!(
            "ids of this store have epoch_ms {there_ms} and {}, {}, {}, {} bits, not {epoch_ms} \
             and {}, {}, {}, {}; set these, or use a new namespace",
            there.timestamp,
            there.datacenter,
            there.machine,
            there.sequence,
            widths.timestamp,
            widths.datacenter,
            widths.machine,
            widths.sequence,
        )));
    }
    let wrong =
        |key: Vec<u8>| SqlError::Invalid(format!("the facade's key has {} bytes", key.len()));
    key.try_into().map_err(wrong)
}
