//! The cage, from inside and outside: every test runs under every layer of this machine, as ourselves and, when we are root,
//! as a normal user too. The programs inside are probes of the launcher itself, so nothing else has to be installed.

#![allow(clippy::unwrap_used, reason = "tests, also in their shared functions")]

#[path = "cage/bombs.rs"]
mod bombs;
#[path = "cage/cgroups.rs"]
mod cgroups;
#[path = "cage/endings.rs"]
mod endings;
#[path = "cage/escapes.rs"]
mod escapes;
#[path = "cage/guests.rs"]
mod guests;
#[path = "cage/matrix.rs"]
mod matrix;
#[path = "cage/own.rs"]
mod own;
#[path = "cage/redteam.rs"]
mod redteam;
#[path = "cage/refusals.rs"]
mod refusals;
#[path = "cage/roles.rs"]
mod roles;
#[path = "cage/standing.rs"]
mod standing;
#[path = "cage/table.rs"]
mod table;
#[path = "cage/tools.rs"]
mod tools;
#[path = "cage/uncaged.rs"]
mod uncaged;
#[path = "cage/world.rs"]
mod world;
