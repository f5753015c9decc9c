//! What one thread of the load counted, and what a round's threads come to.

use std::time::Duration;

use serde::Serialize;

use super::broker::{BrokerUsed, Used};
use crate::latency::{Latencies, Percentiles};
use crate::load::Measured;

/// Counts of one thread, or of several.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Of measured answers.
    pub(crate) latencies: Latencies,
    /// Measured right answers.
    pub(crate) right: u64,
    /// Records that they stand for.
    pub(crate) records: u64,
    /// Bytes of values that they stand for.
    pub(crate) value_bytes: u64,
    /// Records acknowledged or read at any time, measured or not.
    pub(crate) all_records: u64,
    /// Answers that a check found false.
    pub(crate) wrong: u64,
    /// Answers with an error code.
    pub(crate) refused: u64,
    /// Exchanges without an answer.
    pub(crate) failed: u64,
    /// Records of an open loop that were due and never sent.
    pub(crate) unsent: u64,
    /// The first thing that went wrong.
    pub(crate) problem: Option<String>,
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            latencies: Latencies::new(),
            right: 0,
            records: 0,
            value_bytes: 0,
            all_records: 0,
            wrong: 0,
            refused: 0,
            failed: 0,
            unsent: 0,
            problem: None,
        }
    }

    /// Counts an answer with an error code.
    pub(crate) fn refuse(&mut self, problem: String) {
        self.refused += 1;
        self.problem.get_or_insert(problem);
    }

    /// Counts an answer that a check found false.
    pub(crate) fn find_wrong(&mut self, problem: String) {
        self.wrong += 1;
        self.problem.get_or_insert(problem);
    }

    /// Counts exchanges without an answer.
    pub(crate) fn fail(&mut self, exchanges: u64, problem: String) {
        self.failed += exchanges;
        self.problem.get_or_insert(problem);
    }

    /// What went before the measured part: problems and records count, figures do not.
    pub(crate) fn unmeasured(self) -> Self {
        Self { latencies: Latencies::new(), right: 0, records: 0, value_bytes: 0, ..self }
    }

    /// Takes in another thread's.
    pub(crate) fn merge(&mut self, other: Self) {
        self.latencies.merge(&other.latencies);
        self.right += other.right;
        self.records += other.records;
        self.value_bytes += other.value_bytes;
        self.all_records += other.all_records;
        self.wrong += other.wrong;
        self.refused += other.refused;
        self.failed += other.failed;
        self.unsent += other.unsent;
        self.problem = self.problem.take().or(other.problem);
    }

    /// The figures of a round whose measured part took `took`.
    pub(crate) fn outcome(self, took: Duration) -> Outcome {
        let seconds = took.as_secs_f64();
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let detail = Detail {
            mb_per_s: a_second(self.value_bytes) / 1e6,
            records_per_s: a_second(self.records),
            ..Detail::default()
        };
        let measured = Measured {
            answers: self.right + self.wrong + self.refused,
            seconds,
            requests_per_s: a_second(self.right),
            latency: self.latencies.percentiles(),
            wrong: self.wrong,
            refused: self.refused,
            failed: self.failed,
            unsent: self.unsent,
            first_problem: self.problem,
        };
        Outcome { measured, detail }
    }
}

/// A round's figures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Those that every system has.
    pub(crate) measured: Measured,
    /// Those of a broker.
    pub(crate) detail: Detail,
}

impl Outcome {
    /// Adds what the processes took in the measured time.
    pub(crate) fn with(mut self, used: Used) -> Self {
        let seconds = self.measured.seconds;
        let cores = |cpu: Duration| (seconds > 0.0).then(|| cpu.as_secs_f64() / seconds);
        self.detail.generator_cores = cores(used.generator_cpu);
        let Some(BrokerUsed { cpu, peak_resident_bytes }) = used.broker else { return self };
        let gigabytes = self.detail.mb_per_s * seconds / 1e3;
        self.detail.cores = cores(cpu);
        self.detail.cpu_s_per_gb = (gigabytes > 0.0).then(|| cpu.as_secs_f64() / gigabytes);
        self.detail.peak_resident_bytes = Some(peak_resident_bytes);
        self
    }
}

/// What a round measured of a broker beside rate and latency.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Detail {
    /// Bytes of values, in 10^6, a second.
    pub(crate) mb_per_s: f64,
    /// Records a second.
    pub(crate) records_per_s: f64,
    /// Processor seconds of the broker for 10^9 bytes of values.
    pub(crate) cpu_s_per_gb: Option<f64>,
    /// Processor seconds of the broker a second: 1 is a core.
    pub(crate) cores: Option<f64>,
    /// The same of this generator. Together they have the machine's cores to share.
    pub(crate) generator_cores: Option<f64>,
    /// The largest resident set of the broker in the round.
    pub(crate) peak_resident_bytes: Option<u64>,
    /// Of acknowledgements, where the round's latency is another.
    pub(crate) acknowledgement: Option<Percentiles>,
    /// The disk's own write and flush of a block, in the same seconds.
    pub(crate) flush: Option<Percentiles>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up_and_the_first_problem_stays() {
        let mut total = Tally::new();
        for number in 1..=2 {
            let mut tally = Tally::new();
            tally.latencies.record(Duration::from_millis(number));
            (tally.right, tally.records, tally.value_bytes) = (10, 640, 1_000_000);
            tally.refuse(format!("problem {number}"));
            total.merge(tally);
        }
        let Outcome { measured, detail } = total.outcome(Duration::from_secs(4));
        assert_eq!((measured.requests_per_s, measured.refused, measured.answers), (5.0, 2, 22));
        assert_eq!((detail.mb_per_s, detail.records_per_s), (0.5, 320.0));
        assert_eq!(measured.first_problem.as_deref(), Some("problem 1"));
        assert!((measured.latency.max_us - 2_000.0).abs() < 2.0 && !measured.is_clean());
    }

    #[test]
    fn processor_time_is_given_a_second_and_a_gigabyte() {
        let mut tally = Tally::new();
        tally.value_bytes = 2_000_000_000;
        let broker = Some(BrokerUsed { cpu: Duration::from_secs(6), peak_resident_bytes: 7 });
        let used = Used { generator_cpu: Duration::from_secs(1), broker };
        let detail = tally.outcome(Duration::from_secs(4)).with(used).detail;
        let near = |value: Option<f64>, wanted: f64| (value.expect("one") - wanted).abs() < 1e-9;
        assert!(near(detail.cores, 1.5) && near(detail.cpu_s_per_gb, 3.0), "{detail:?}");
        assert_eq!((detail.peak_resident_bytes, detail.generator_cores), (Some(7), Some(0.25)));
        let idle = Tally::new().outcome(Duration::from_secs(1)).with(used).detail;
        assert_eq!(idle.cpu_s_per_gb, None);
    }
}
