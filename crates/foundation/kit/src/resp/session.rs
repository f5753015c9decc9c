//! What every client asks of a connection, whatever the system: who it is, which version it speaks,
//! whether anyone is there.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, header};

use super::Reply;
use super::commands::{Arity, Command, Spec};
use super::reply::Version;
use super::request::integer;

pub(super) const SPECS: &[Spec] = &[
    Spec { name: "PING", arity: Arity::AtLeast(1) },
    Spec { name: "AUTH", arity: Arity::AtLeast(2) },
    Spec { name: "HELLO", arity: Arity::AtLeast(1) },
    Spec { name: "ECHO", arity: Arity::Exactly(2) },
    Spec { name: "SELECT", arity: Arity::Exactly(2) },
    Spec { name: "CLIENT", arity: Arity::AtLeast(2) },
    Spec { name: "COMMAND", arity: Arity::AtLeast(1) },
    Spec { name: "RESET", arity: Arity::Exactly(1) },
    Spec { name: "QUIT", arity: Arity::AtLeast(1) },
];

/// What a connection keeps between commands.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// As HTTP would carry it, so that all doors share one way in. Empty: none was given.
    pub(super) credential: HeaderMap,
    name: Vec<u8>,
    number: i64,
}

/// What a command of the connection's own leads to.
pub(super) enum Turn {
    /// Its reply is written.
    Stay,
    /// As [`Turn::Stay`], and the connection ends once it is sent.
    Leave,
    /// The credential is to be tried; then its answer is what `HELLO` or `AUTH` answers.
    Prove(HeaderMap, Welcome),
}

/// What follows a credential that counts.
pub(super) enum Welcome {
    /// `AUTH`: OK.
    Ok,
    /// `HELLO`: what the server is, in this version.
    Hello(Version),
}

impl Session {
    /// That of connection `number`.
    pub(super) fn new(number: i64) -> Self {
        Self { number, ..Self::default() }
    }

    pub(super) fn run(&mut self, command: &Command<'_>, reply: &mut Reply) -> Turn {
        match command.name() {
            "PING" if command.is_empty() => reply.simple("PONG"),
            "PING" | "ECHO" => reply.bulk(command.arg(0)),
            "AUTH" => return self.auth(command, reply),
            "HELLO" => return self.hello(command, reply),
            "SELECT" if command.arg(0) == b"0" => reply.simple("OK"),
            "SELECT" => reply.error("ERR DB index is out of range; a namespace has the one, 0"),
            "CLIENT" => self.client(command, reply),
            "COMMAND" => match command.arg(0).eq_ignore_ascii_case(b"count") {
                true => reply.integer(0),
                false => reply.array(0),
            },
            "RESET" => {
                *self = Self::new(self.number);
                reply.set_version(Version::Two);
                reply.simple("RESET");
            }
            _ => {
                reply.simple("OK");
                return Turn::Leave;
            }
        }
        Turn::Stay
    }

    fn auth(&self, command: &Command<'_>, reply: &mut Reply) -> Turn {
        let credential = match command.len() {
            1 => bearer(command.arg(0)),
            2 => basic(command.arg(0), command.arg(1)),
            _ => {
                reply.error("ERR syntax error");
                return Turn::Stay;
            }
        };
        Turn::Prove(credential, Welcome::Ok)
    }

    /// `HELLO [version [AUTH name password] [SETNAME name]]`.
    fn hello(&mut self, command: &Command<'_>, reply: &mut Reply) -> Turn {
        let version = match command.arg(0) {
            b"" => reply.version(),
            text => match integer(text) {
                Some(2) => Version::Two,
                Some(3) => Version::Three,
                _ => {
                    reply.error("NOPROTO unsupported protocol version");
                    return Turn::Stay;
                }
            },
        };
        let (mut at, mut credential) = (1, None);
        while at < command.len() {
            let option = command.arg(at);
            if option.eq_ignore_ascii_case(b"auth") && at + 2 < command.len() {
                credential = Some(basic(command.arg(at + 1), command.arg(at + 2)));
                at += 3;
            } else if option.eq_ignore_ascii_case(b"setname") && at + 1 < command.len() {
                self.name = command.arg(at + 1).to_vec();
                at += 2;
            } else {
                reply.error("ERR Syntax error in HELLO");
                return Turn::Stay;
            }
        }
        match credential {
            Some(credential) => Turn::Prove(credential, Welcome::Hello(version)),
            None => {
                self.welcome(&Welcome::Hello(version), reply);
                Turn::Stay
            }
        }
    }

    pub(super) fn welcome(&self, welcome: &Welcome, reply: &mut Reply) {
        let Welcome::Hello(version) = welcome else { return reply.simple("OK") };
        reply.set_version(*version);
        reply.map(7);
        reply.bulk(b"server");
        reply.bulk(b"backplane");
        reply.bulk(b"version");
        reply.bulk(env!("CARGO_PKG_VERSION").as_bytes());
        reply.bulk(b"proto");
        reply.integer(if *version == Version::Three { 3 } else { 2 });
        reply.bulk(b"id");
        reply.integer(self.number);
        reply.bulk(b"mode");
        reply.bulk(b"standalone");
        reply.bulk(b"role");
        reply.bulk(b"master");
        reply.bulk(b"modules");
        reply.array(0);
    }

    fn client(&mut self, command: &Command<'_>, reply: &mut Reply) {
        let asked = command.arg(0).to_ascii_lowercase();
        match (asked.as_slice(), command.len()) {
            (b"id", 1) => reply.integer(self.number),
            (b"getname", 1) => reply.bulk(&self.name),
            (b"setname", 2) => {
                self.name = command.arg(1).to_vec();
                reply.simple("OK");
            }
            (b"setinfo", 3) => reply.simple("OK"),
            _ => reply.error("ERR unknown subcommand; there are ID, GETNAME, SETNAME and SETINFO"),
        }
    }
}

fn bearer(token: &[u8]) -> HeaderMap {
    authorization([b"Bearer ", token].concat())
}

fn basic(name: &[u8], password: &[u8]) -> HeaderMap {
    let pair = BASE64_STANDARD.encode([name, b":", password].concat());
    authorization(format!("Basic {pair}").into_bytes())
}

/// What no header can hold is no credential either, and is refused as malformed like one.
fn authorization(value: Vec<u8>) -> HeaderMap {
    let value = HeaderValue::from_bytes(&value).unwrap_or(HeaderValue::from_static(""));
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}
