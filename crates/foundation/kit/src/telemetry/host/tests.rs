//! Recorded files of `/proc`, and agreement with the live ones.

use super::{HostCollector, Transfer, proc, read};
use crate::telemetry::metrics::Metrics;

#[test]
fn processor_modes_are_seconds() {
    let stat = "cpu  100 5 250 10000 30 0 7 2 0 0\ncpu0 1 2 3 4\nbtime 1700000000\n";
    let modes = proc::cpu_seconds(stat);
    assert_eq!(modes[0], ("user".to_owned(), 1.0));
    assert_eq!(modes[3], ("idle".to_owned(), 100.0));
    assert_eq!(modes.len(), 8);
}

#[test]
fn a_command_with_parentheses_does_not_shift_the_fields() {
    let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 4 0 12345 1 2 3";
    assert_eq!(proc::stat_ticks(stat), [250.0, 50.0, 12345.0]);
    assert_eq!(proc::stat_ticks("nonsense"), [0.0; 3]);
}

#[test]
fn disks_are_counted_without_partitions_and_loops() {
    let diskstats = "\
   8       0 sda 100 0 2000 0 50 0 4000 0 0 0 0
   8       1 sda1 90 0 1800 0 50 0 4000 0 0 0 0
   7       0 loop0 1 0 2 0 0 0 0 0 0 0 0";
    let disks = proc::disks(diskstats, |name| name != "sda1");
    let sda = Transfer { name: "sda".to_owned(), in_bytes: 1_024_000, out_bytes: 2_048_000 };
    assert_eq!(disks, [sda]);
}

#[test]
fn interfaces_have_received_and_sent_bytes() {
    let net_dev = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
    lo:   500       5    0    0    0     0          0         0      600       5    0
  eth0: 7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0";
    let interfaces = proc::interfaces(net_dev);
    assert_eq!(interfaces.len(), 2);
    assert_eq!((interfaces[0].in_bytes, interfaces[0].out_bytes), (500, 600));
    assert_eq!((interfaces[1].in_bytes, interfaces[1].out_bytes), (7, 8));
}

#[test]
fn an_absent_proc_gives_an_empty_reading() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(proc::read(root.path()), super::HostReading::default());
}

/// Acceptance 12: figures agree with `/proc` (the bar is 5 %; processor time lies exactly between
/// a look before and one after).
#[test]
fn readings_agree_with_the_machine() {
    let all_modes = |modes: &[(String, f64)]| modes.iter().map(|(_, s)| s).sum::<f64>();
    let stat = || proc::cpu_seconds(&std::fs::read_to_string("/proc/stat").unwrap());
    let before = stat();
    let reading = read();
    let after = stat();
    assert!(all_modes(&before) <= all_modes(&reading.cpu_seconds));
    assert!(all_modes(&reading.cpu_seconds) <= all_modes(&after));
    assert!(reading.memory_available_bytes < reading.memory_total_bytes);
    assert!(reading.process.resident_bytes > 1 << 20);
    assert!(reading.process.open_fds >= 3 && reading.process.threads >= 1);
    assert!(reading.process.start_time_seconds > 1.6e9);
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let virtual_pages: f64 = statm.split_whitespace().next().unwrap().parse().unwrap();
    let off = reading.process.virtual_bytes as f64 / (virtual_pages * 4096.0);
    assert!((0.95..1.05).contains(&off), "{off}");
}

#[test]
fn the_collector_encodes_valid_text() {
    let metrics = Metrics::new();
    metrics.collector(Box::new(HostCollector));
    let text = metrics.encode();
    assert!(text.contains("host_cpu_seconds_total{mode=\"user\"} "), "{text}");
    assert!(text.contains("process_resident_memory_bytes "), "{text}");
    assert!(text.contains("# TYPE host_network_received_bytes counter"), "{text}");
}
