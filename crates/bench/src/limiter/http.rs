//! Decisions over HTTP, and the rule by which our side makes them.

use std::net::SocketAddr;

use super::{BURST, PERIOD_S, RATE, Round, Speaks};
use crate::error::BenchError;
use crate::http::Reply;
use crate::load::{self, Measured, Plan};
use crate::random::Random;
use crate::target::{Call, Target};
use crate::traffic::{Traffic, Verdict, refused};

/// The rule of both our doors that go by rules.
fn rules() -> String {
    format!(
        "domain: bench\ndescriptors:\n  - key: key\n    rate_limit: {{unit: second, \
         unit_multiplier: {PERIOD_S}, requests_per_unit: {RATE}, algorithm: gcra, \
         burst: {BURST}}}\n"
    )
}

/// Puts the rule in force at the edge.
pub(crate) fn put_rules(edge: &SocketAddr, token: &str) -> Result<(), BenchError> {
    let rules = rules();
    let request = format!(
        "PUT /limiter/rules/bench.yaml HTTP/1.1\r\nHost: {edge}\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{rules}",
        rules.len()
    );
    let what = "putting the rule in force";
    let answer = exchange(edge, request.as_bytes()).map_err(BenchError::system(what))?;
    match answer.starts_with("HTTP/1.1 204") {
        true => Ok(()),
        false => Err(BenchError::Unexpected { what: what.to_owned(), answer }),
    }
}

fn exchange(edge: &SocketAddr, request: &[u8]) -> std::io::Result<String> {
    use std::io::{Read, Write};

    let mut stream = std::net::TcpStream::connect(edge)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Runs one round.
pub(crate) fn run(round: &Round) -> Result<Measured, BenchError> {
    let plan = Plan {
        address: round.address,
        threads: round.threads,
        duration: round.duration,
        pace: round.pace,
    };
    let share = |number: usize| -> Box<dyn Traffic> {
        Box::new(Decisions {
            target: Target::on_port(round.address.port()),
            round: round.clone(),
            random: Random::new(number as u64),
        })
    };
    load::run(plan, (0..round.connections).map(share).collect())
}

struct Decisions {
    target: Target,
    round: Round,
    random: Random,
}

impl Traffic for Decisions {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize> {
        let key = self.random.below(self.round.keys);
        let (path, body) = match self.round.speaks {
            Speaks::Ours => (
                "/limiter/decide",
                format!(
                    "{{\"domain\":\"bench\",\"descriptors\":[{{\"entries\":[{{\"key\":\"key\",\
                     \"value\":\"key:{key}\"}}]}}]}}"
                ),
            ),
            Speaks::Throttlecrab => (
                "/throttle",
                format!(
                    "{{\"key\":\"key:{key}\",\"max_burst\":{BURST},\"count_per_period\":{RATE},\
                     \"period\":{PERIOD_S},\"quantity\":1}}"
                ),
            ),
        };
        let token = Some(self.round.token.as_str());
        self.target.post_json(&Call { path, token, body: &body }, request);
        Some(0)
    }

    fn judge(&mut self, _ticket: usize, reply: &Reply<'_>) -> Verdict {
        if reply.status == 200 { Verdict::Right } else { refused(reply) }
    }
}
