//! Estimates on paper, and this machine beside them.

use kit::capacity::{Assumptions, Availability, latency};

use super::{CommandError, say};
use crate::cli::{CapacityArgs, PlanCommand};

/// Memory above what is cached, of 100, for growth.
const CACHE_SPARE_PERCENT: u64 = 20;

/// Prints the estimate asked for.
pub fn run(command: PlanCommand) -> Result<(), CommandError> {
    match command {
        PlanCommand::Availability { percent } => {
            let availability: Availability = percent.parse().map_err(refused)?;
            say(&availability.downtime().to_string())
        }
        PlanCommand::Capacity(args) => say(assumptions(&args).estimate().text().trim_end()),
        PlanCommand::Latency => {
            let measured = latency::measure(&std::env::temp_dir())?;
            say(latency::text(&measured).trim_end())
        }
    }
}

fn assumptions(args: &CapacityArgs) -> Assumptions {
    Assumptions {
        monthly_users: args.monthly_users,
        daily_users_percent: args.daily_users_percent,
        writes_per_user_per_day: args.writes_per_user,
        reads_per_write: args.reads_per_write,
        peak_factor: args.peak_factor,
        record_bytes: args.record_bytes,
        media_percent: args.media_percent,
        media_bytes: args.media_bytes,
        retention_years: args.retention_years,
        cached_percent: args.cached_percent,
        cache_spare_percent: CACHE_SPARE_PERCENT,
        requests_per_second_per_server: args.server_rate,
        spare_servers: 1,
    }
}

fn refused(error: impl std::fmt::Display) -> CommandError {
    CommandError::Refused(error.to_string())
}
