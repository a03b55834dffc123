//! One file per command.

pub(crate) mod blueprint;
mod checked;
pub(crate) mod company;
pub(crate) mod console;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod down;
pub(crate) mod evidence;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod init;
pub(crate) mod judge;
pub(crate) mod mc;
pub(crate) mod mcp;
pub(crate) mod minion;
pub(crate) mod notify;
pub(crate) mod pipeline;
pub(crate) mod plan;
pub(crate) mod project;
pub(crate) mod qa;
pub(crate) mod revert;
pub(crate) mod schedule;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod skill;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod sync;
pub(crate) mod took;
pub(crate) mod up;
pub(crate) mod why;
pub(crate) mod wiki;

/// `alai __hand`: an agent's file tools and commands, inside its cage. Speaks on standard input and output until they close.
pub(crate) fn hand() -> u8 {
    u8::from(alai_minion::hand::serve(std::io::stdin(), std::io::stdout()).is_err())
}
