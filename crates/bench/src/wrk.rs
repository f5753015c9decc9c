//! Drives Debian's `wrk`, so that a figure stated with that tool is measured with it, and reads
//! what it prints. `wrk` sends closed loops only and checks no answers; this generator does both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::BenchError;
use crate::latency::Percentiles;
use crate::load::Measured;
use crate::target::Target;

/// Asks for the paths of a file in turn. With a single path `wrk` runs without a script, which is
/// faster: no Lua call for each request.
const SCRIPT: &str = r#"
local requests = {}
local at = 0
function init(args)
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", path) end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"#;

/// A prepared run of `wrk`.
#[derive(Debug)]
pub(crate) struct Wrk {
    target: Target,
    connections: usize,
    threads: usize,
    duration: Duration,
    paths: Paths,
}

#[derive(Debug)]
enum Paths {
    One(String),
    Many { script: PathBuf, list: PathBuf },
}

/// How many connections and threads for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Keep-alive connections, at least as many as threads.
    pub(crate) connections: usize,
    /// Threads of `wrk`.
    pub(crate) threads: usize,
    /// Rounded up to whole seconds: `wrk` knows no others.
    pub(crate) duration: Duration,
}

impl Wrk {
    /// Prepares a run that asks for `paths` (at least one, each starting with `/`); files that it
    /// needs go to `directory`.
    ///
    /// # Errors
    /// `BenchError::System` when those files cannot be written.
    pub(crate) fn new(
        target: &Target,
        shape: Shape,
        paths: &[String],
        directory: &Path,
    ) -> Result<Self, BenchError> {
        let full = |path: &String| format!("{}{path}", target.base_path);
        let paths = match paths {
            [only] => Paths::One(full(only)),
            several => {
                let (script, list) = (directory.join("paths.lua"), directory.join("paths.txt"));
                let lines: Vec<String> = several.iter().map(full).collect();
                fs::write(&script, SCRIPT).map_err(BenchError::system("writing wrk's script"))?;
                fs::write(&list, lines.join("\n") + "\n")
                    .map_err(BenchError::system("writing wrk's paths"))?;
                Paths::Many { script, list }
            }
        };
        let Shape { connections, threads, duration } = shape;
        Ok(Self { target: target.clone(), connections, threads, duration, paths })
    }

    /// Runs it and reads its figures.
    ///
    /// # Errors
    /// `BenchError::Program` when `wrk` is missing, fails or prints something unknown.
    pub(crate) fn run(&self) -> Result<Measured, BenchError> {
        let fail = |reason: String| BenchError::Program { program: "wrk".into(), reason };
        let output = self.command().output().map_err(BenchError::missing("wrk", "wrk"))?;
        if !output.status.success() {
            return Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        parse(&text).ok_or_else(|| fail(format!("its output has no figures:\n{text}")))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("wrk");
        command
            .arg(format!("-t{}", self.threads.min(self.connections)))
            .arg(format!("-c{}", self.connections))
            .arg(format!("-d{}s", self.duration.as_secs_f64().ceil()))
            .arg("--latency");
        let address = self.target.address;
        match &self.paths {
            Paths::One(path) => command.arg(format!("http://{address}{path}")),
            Paths::Many { script, list } => {
                command.arg("-s").arg(script).arg(format!("http://{address}/")).arg("--").arg(list)
            }
        };
        command
    }
}

/// Reads the figures of `wrk --latency`. It prints no p99.9; that stays 0.
fn parse(text: &str) -> Option<Measured> {
    let mut measured = Measured::default();
    let mut latency = Percentiles::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["50%", value] => latency.p50_us = parse_us(value)?,
            ["90%", value] => latency.p90_us = parse_us(value)?,
            ["99%", value] => latency.p99_us = parse_us(value)?,
            ["Latency", _mean, _deviation, max, ..] if *max != "Distribution" => {
                latency.max_us = parse_us(max)?;
            }
            [count, "requests", "in", time, ..] => {
                measured.answers = count.parse().ok()?;
                measured.seconds = parse_us(time.trim_end_matches(','))? / 1e6;
            }
            ["Requests/sec:", value] => measured.requests_per_s = value.parse().ok()?,
            ["Non-2xx", "or", "3xx", "responses:", count] => {
                measured.refused = count.parse().ok()?;
                measured.first_problem.get_or_insert_with(|| line.trim().to_owned());
            }
            ["Socket", "errors:", counts @ ..] => {
                measured.failed = counts
                    .iter()
                    .filter_map(|word| word.trim_end_matches(',').parse::<u64>().ok())
                    .sum();
                measured.first_problem.get_or_insert_with(|| line.trim().to_owned());
            }
            _ => {}
        }
    }
    measured.latency = latency;
    (measured.answers > 0).then_some(measured)
}

/// Reads `12.34us`, `1.2ms`, `10.05s`, `1.5m` or `1.0h` as microseconds.
fn parse_us(text: &str) -> Option<f64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        "h" => 3_600e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
Running 2s test @ http://127.0.0.1:18080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   812.41us  301.07us   9.12ms   84.29%
    Req/Sec    78.80k     3.06k   84.53k    70.00%
  Latency Distribution
     50%  790.00us
     75%    0.93ms
     90%    1.10ms
     99%    1.83ms
  156871 requests in 2.01s, 53.41MB read
  Socket errors: connect 0, read 3, write 0, timeout 1
  Non-2xx or 3xx responses: 7
Requests/sec:  78045.20
Transfer/sec:     26.57MB
";

    #[test]
    fn reads_its_output() {
        let measured = parse(OUTPUT).expect("figures");
        assert_eq!(measured.answers, 156_871);
        assert_eq!(measured.requests_per_s, 78_045.2);
        assert_eq!((measured.failed, measured.refused, measured.wrong), (4, 7, 0));
        assert!(!measured.is_clean());
        let Percentiles { p50_us, p90_us, p99_us, max_us, .. } = measured.latency;
        assert_eq!((p50_us, p90_us, p99_us, max_us), (790.0, 1_100.0, 1_830.0, 9_120.0));
        assert!((measured.seconds - 2.01).abs() < 1e-9);
    }

    #[test]
    fn output_without_figures_is_no_result() {
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused").is_none());
        assert!(parse("").is_none());
    }

    #[test]
    fn reads_every_unit() {
        let read = ["1.50us", "2.00ms", "3.5s", "1.00m", "2.00h"].map(parse_us);
        assert_eq!(read, [1.5, 2e3, 3.5e6, 60e6, 7.2e9].map(Some));
        assert_eq!(["12", "1.0d", "us"].map(parse_us), [None, None, None]);
    }
}
