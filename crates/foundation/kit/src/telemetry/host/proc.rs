//! The formats of `/proc`: see proc(5).

use std::fs;
use std::path::Path;

use super::{HostReading, ProcessReading, Transfer};

/// The kernel counts processor time for programs in this unit (`USER_HZ`), whatever its own tick
/// is, on every architecture that Rust's Linux targets know.
const TICKS_PER_SECOND: f64 = 100.0;
/// `/proc/diskstats` counts sectors of this size, whatever the disk's own is.
const SECTOR_BYTES: u64 = 512;

const CPU_MODES: [&str; 8] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// Reads `proc` and `sys` below `root`.
pub(super) fn read(root: &Path) -> HostReading {
    let text = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    let memory = text("proc/meminfo");
    let stat = text("proc/stat");
    let whole_disk = |name: &str| root.join("sys/block").join(name).exists();
    HostReading {
        cpu_seconds: cpu_seconds(&stat),
        memory_total_bytes: kibibytes(&memory, "MemTotal:"),
        memory_available_bytes: kibibytes(&memory, "MemAvailable:"),
        disks: disks(&text("proc/diskstats"), whole_disk),
        interfaces: interfaces(&text("proc/net/dev")),
        process: process(root, number_after(&stat, "btime")),
    }
}

fn process(root: &Path, boot_time_seconds: u64) -> ProcessReading {
    let text = |file: &str| fs::read_to_string(root.join("proc/self").join(file));
    let status = text("status").unwrap_or_default();
    let [user, system, start] = stat_ticks(&text("stat").unwrap_or_default());
    // The directory handle that counts is itself open while it counts.
    let entries = fs::read_dir(root.join("proc/self/fd")).map_or(0, Iterator::count);
    let fds = entries.saturating_sub(1);
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
    let boot_time_seconds = boot_time_seconds as f64;
    ProcessReading {
        cpu_seconds: (user + system) / TICKS_PER_SECOND,
        start_time_seconds: boot_time_seconds + start / TICKS_PER_SECOND,
        resident_bytes: kibibytes(&status, "VmRSS:"),
        virtual_bytes: kibibytes(&status, "VmSize:"),
        threads: number_after(&status, "Threads:"),
        open_fds: u64::try_from(fds).unwrap_or(0),
        max_fds: number_after(&text("limits").unwrap_or_default(), "Max open files"),
    }
}

/// Modes of the machine's first `cpu` line. Guest time is already within user time.
pub(super) fn cpu_seconds(stat: &str) -> Vec<(String, f64)> {
    let Some(all) = stat.lines().find_map(|line| line.strip_prefix("cpu ")) else {
        return Vec::new();
    };
    let ticks = all.split_whitespace().map_while(|field| field.parse::<f64>().ok());
    let modes = CPU_MODES.iter().map(ToString::to_string);
    modes.zip(ticks.map(|ticks| ticks / TICKS_PER_SECOND)).collect()
}

/// User, system and start time of `/proc/self/stat`, in ticks. The command in parentheses may
/// itself hold spaces and parentheses, so fields are counted from the last one.
pub(super) fn stat_ticks(stat: &str) -> [f64; 3] {
    let after_command = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_command.split_whitespace().collect();
    // Fields 14, 15 and 22 of proc(5); the first one here is field 3.
    [11, 12, 19].map(|i| fields.get(i).and_then(|f| f.parse().ok()).unwrap_or(0.0))
}

pub(super) fn disks(diskstats: &str, whole_disk: impl Fn(&str) -> bool) -> Vec<Transfer> {
    let disk = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = *fields.get(2)?;
        let sectors = |i: usize| fields.get(i)?.parse::<u64>().ok();
        let virtual_disk = name.starts_with("loop") || name.starts_with("ram");
        let (read, written) = (sectors(5)?, sectors(9)?);
        (!virtual_disk && whole_disk(name)).then(|| Transfer {
            name: name.to_owned(),
            in_bytes: read * SECTOR_BYTES,
            out_bytes: written * SECTOR_BYTES,
        })
    };
    diskstats.lines().filter_map(disk).collect()
}

pub(super) fn interfaces(net_dev: &str) -> Vec<Transfer> {
    let interface = |line: &str| {
        let (name, figures) = line.split_once(':')?;
        let figures: Vec<u64> = figures.split_whitespace().map_while(|f| f.parse().ok()).collect();
        let name = name.trim().to_owned();
        Some(Transfer { name, in_bytes: *figures.first()?, out_bytes: *figures.get(8)? })
    };
    net_dev.lines().filter_map(interface).collect()
}

fn kibibytes(text: &str, label: &str) -> u64 {
    number_after(text, label) * 1_024
}

/// The first number after a line's label; 0 when there is none.
fn number_after(text: &str, label: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
    rest.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}
