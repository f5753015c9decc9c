//! Decisions by RESP: `CL.THROTTLE` as redis-cell has it, `THROTTLE` as throttlecrab does.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::drive::Calls;
use super::{BURST, PERIOD_S, RATE, Round, Speaks};
use crate::random::Random;

/// Lines of one answer: an array's head and five numbers.
const LINES: usize = 6;

/// One connection with a pipeline.
pub(crate) struct Caller {
    round: Round,
    random: Random,
    stream: Option<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Caller {
    /// Not connected yet.
    pub(crate) fn new(round: &Round, seed: u64) -> Self {
        let (request, answer) = (Vec::new(), Vec::new());
        let random = Random::new(seed);
        Self { round: round.clone(), random, stream: None, request, answer }
    }
}

impl Calls for Caller {
    async fn connect(mut self, _callers: usize) -> Result<Vec<Self>, String> {
        let stream = TcpStream::connect(self.round.address).await;
        let stream = stream.map_err(|error| format!("{}: {error}", self.round.address))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        self.stream = Some(stream);
        Ok(vec![self])
    }

    async fn call(&mut self) -> Result<u64, String> {
        let Some(stream) = &mut self.stream else { return Err("not connected".to_owned()) };
        self.request.clear();
        for _ in 0..self.round.depth {
            let key = format!("key:{}", self.random.below(self.round.keys));
            command(self.round.speaks, &key, &mut self.request);
        }
        stream.write_all(&self.request).await.map_err(|error| error.to_string())?;
        self.answer.clear();
        let mut lines = 0;
        while lines < self.round.depth * LINES {
            let before = self.answer.len();
            let read = stream.read_buf(&mut self.answer).await;
            if read.map_err(|error| error.to_string())? == 0 {
                return Err("the connection was closed".to_owned());
            }
            let came = &self.answer[before..];
            lines += came.iter().filter(|byte| **byte == b'\n').count();
            if self.answer.first() != Some(&b'*') {
                return Err(String::from_utf8_lossy(&self.answer).trim().to_owned());
            }
        }
        Ok(self.round.depth as u64)
    }
}

fn command(speaks: Speaks, key: &str, request: &mut Vec<u8>) {
    let name = match speaks {
        Speaks::Ours => "CL.THROTTLE",
        Speaks::Throttlecrab => "THROTTLE",
    };
    let (burst, rate, period) = (BURST.to_string(), RATE.to_string(), PERIOD_S.to_string());
    request.extend_from_slice(b"*5\r\n");
    for argument in [name, key, &burst, &rate, &period] {
        request.extend_from_slice(format!("${}\r\n{argument}\r\n", argument.len()).as_bytes());
    }
}
