//! Runs seeds of a scenario until one fails, or one seed again.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use kit::clock::Stopwatch;
use sim::campaign::{Campaign, Cut, Summary, cpu_time};
use sim::cluster::{Cluster, Node, Out};
use sim::network::Rules;
use sim::scenarios::Scenario;
use sim::scenarios::planted::Planted;
use sim::seed::Seed;

/// Simulated power losses, failing disks and full ones under kit's stores.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Args {
    /// sql, forks or outbox; all of them when it is left out. `storm` measures the network.
    #[arg(long)]
    scenario: Option<String>,
    /// One seed, to run again.
    #[arg(long)]
    seed: Option<u64>,
    /// With one seed: only the faults of its plan with these numbers.
    #[arg(long, value_delimiter = ',')]
    keep: Option<Vec<String>>,
    /// With one seed: so many clients only.
    #[arg(long)]
    clients: Option<u32>,
    /// Seeds, as first..end.
    #[arg(long, default_value = "0..100", value_parser = range)]
    seeds: (u64, u64),
    /// Stop after so many seconds, whatever seeds are left.
    #[arg(long)]
    seconds: Option<u64>,
    /// A bug to plant; debug builds have them all.
    #[arg(long)]
    planted: Option<String>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let parts = text
        .split_once("..")
        .and_then(|(first, end)| Some((first.parse().ok()?, end.parse().ok()?)));
    parts.ok_or_else(|| format!("`{text}` is no range of seeds; write it as 0..1000"))
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            let _ = writeln!(io::stderr(), "simulate: {what}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing failed.
fn run(args: &Args) -> Result<bool, String> {
    let planted = args.planted.as_deref().map(Planted::find).transpose()?;
    if args.scenario.as_deref() == Some("storm") {
        return storm(args.seed.unwrap_or(0));
    }
    let scenarios = match (&args.scenario, planted) {
        (Some(name), _) => vec![name.parse::<Scenario>()?],
        (None, Some(planted)) => vec![planted.scenario],
        (None, None) => Scenario::ALL.to_vec(),
    };
    let mut is_sound = true;
    for scenario in scenarios {
        let campaign = Campaign { scenario, planted };
        is_sound &= match args.seed {
            Some(seed) => again(&campaign, seed, args)?,
            None => many(&campaign, args)?,
        };
    }
    Ok(is_sound)
}

fn again(campaign: &Campaign, seed: u64, args: &Args) -> Result<bool, String> {
    let number = |text: &String| text.parse::<usize>().map_err(|error| error.to_string());
    let keep = args.keep.as_ref();
    let numbers =
        keep.map(|keep| keep.iter().filter(|text| !text.is_empty()).map(number).collect());
    let numbers: Option<Vec<usize>> = numbers.transpose()?;
    let outcome = campaign.replay(seed, &Cut { keep: numbers, clients: args.clients });
    let mut lines: Vec<String> = outcome.trace.last().map(ToString::to_string).collect();
    lines.push(format!("trace {:016x}, {} events", outcome.trace.hash(), outcome.trace.count()));
    lines.extend(outcome.violation.iter().map(ToString::to_string));
    say(&lines.join("\n"))?;
    Ok(outcome.violation.is_none())
}

fn many(campaign: &Campaign, args: &Args) -> Result<bool, String> {
    let (took, began) = (Stopwatch::start(), cpu_time());
    let limit = args.seconds.map(Duration::from_secs);
    let goes_on = || limit.is_none_or(|limit| took.elapsed() < limit);
    let Summary { seeds, simulated_us, counts, failed } =
        campaign.run_all(args.seeds.0..args.seeds.1, goes_on);
    let (simulated, seconds) = (simulated_us as f64 / 1e6, (cpu_time() - began).as_secs_f64());
    say(&format!(
        "{}: {seeds} seeds, {simulated:.0} simulated s in {seconds:.1} s: {:.0} a core-second\n  \
         {} acknowledged, {} refused by faults, {} contents and {} operations judged,\n  \
         {} forks, {} namespaces of backups, {} crashes, {} calls to the disk",
        campaign.scenario.name(),
        simulated / seconds,
        counts.acknowledged,
        counts.refused,
        counts.checked,
        counts.judged,
        counts.forks,
        counts.backups,
        counts.crashes,
        counts.calls
    ))?;
    let Some((seed, violation)) = failed else { return Ok(true) };
    say(&campaign.shrunk(seed, violation).to_string())?;
    Ok(false)
}

/// A node that passes on whatever it hears.
struct Echo(u32);

impl Node for Echo {
    type Message = u64;

    fn start(&mut self, out: &mut Out<u64>) {
        for other in 0..self.0 {
            out.send(other, 0);
        }
    }

    fn receive(&mut self, from: u32, count: u64, out: &mut Out<u64>) {
        out.send((from + 1) % self.0, count + 1);
    }

    fn timer(&mut self, _: u64, _: &mut Out<u64>) {}
}

/// Messages a second between five nodes, with delays, doubling and a trace.
fn storm(seed: u64) -> Result<bool, String> {
    let rules = Rules { doubled_per_mille: 0, ..Rules::default() };
    let nodes = (0..5).map(|_| Echo(5)).collect();
    let mut cluster = Cluster::new(Seed(seed), rules, nodes);
    let took = Stopwatch::start();
    cluster.run(200_000_000);
    let seconds = took.elapsed().as_secs_f64();
    say(&format!(
        "storm: {} messages in {seconds:.2} s: {:.0} a second; trace {:016x}",
        cluster.delivered(),
        cluster.delivered() as f64 / seconds,
        cluster.trace().hash()
    ))?;
    Ok(true)
}

fn say(text: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{text}").map_err(|error| error.to_string())
}
