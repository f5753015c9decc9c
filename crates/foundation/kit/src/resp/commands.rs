//! The commands of one system, as [`super::Resp`] runs them.

use std::ops::Range;

use super::Reply;
use crate::door::Caller;
use crate::http::BoxFuture;
use crate::system::System;

/// The longest name of a command, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A command that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// In upper case.
    pub name: &'static str,
    /// Its arguments, the name included.
    pub arity: Arity,
}

/// How many arguments a command takes, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// So many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

impl Arity {
    fn admits(self, count: usize) -> bool {
        match self {
            Self::Exactly(wanted) => count == wanted,
            Self::AtLeast(least) => count >= least,
        }
    }
}

/// A command as it was sent: its arguments lie in the connection's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Command<'b> {
    name: &'static str,
    bytes: &'b [u8],
    args: &'b [Range<usize>],
}

impl<'b> Command<'b> {
    pub(super) fn new(name: &'static str, bytes: &'b [u8], args: &'b [Range<usize>]) -> Self {
        Self { name, bytes, args }
    }

    /// Its name, as its [`Spec`] has it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many arguments follow the name.
    pub fn len(&self) -> usize {
        self.args.len() - 1
    }

    /// Whether no argument follows the name.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The argument after the name, `index` from 0; empty when there is none.
    pub fn arg(&self, index: usize) -> &'b [u8] {
        self.args.get(index + 1).map_or(&[], |range| &self.bytes[range.clone()])
    }
}

/// How a command was answered.
pub enum Ran {
    /// The reply has its value.
    Done,
    /// This makes the value; commands behind it wait.
    Later(BoxFuture<'static, Reply>),
}

/// The commands of a system.
pub trait Commands: Send + Sync + 'static {
    /// Whose commands they are.
    type System: System;

    /// Which there are; `AUTH`, `PING` and their like are every connection's and not among them.
    fn specs(&self) -> &'static [Spec];

    /// Runs a command that is one of [`Commands::specs`] and has the arguments it takes. It adds
    /// exactly one value to `reply`, an error's too, or says that it comes later. It must not
    /// block.
    fn run(&self, caller: &Caller<Self::System>, command: &Command<'_>, reply: &mut Reply) -> Ran;
}

/// The place in `specs` of the command called `name`, in capitals or not.
pub(super) fn find(specs: &[Spec], name: &[u8]) -> Option<usize> {
    let mut upper = [0; NAME_BYTES_MAX];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    specs.iter().position(|spec| spec.name.as_bytes() == upper)
}

/// Writes the refusal of a command that does not take `count` arguments.
pub(super) fn refuse_arity(spec: &Spec, count: usize, reply: &mut Reply) -> bool {
    let refused = !spec.arity.admits(count);
    if refused {
        let name = spec.name.to_ascii_lowercase();
        reply.error(&format!("ERR wrong number of arguments for '{name}' command"));
    }
    refused
}
