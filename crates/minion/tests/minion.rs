//! One run through its door: real hand, real git, real commands; only the model is a script.

#[path = "minion/cage.rs"]
mod cage;
#[path = "minion/door.rs"]
mod door;
#[path = "minion/files.rs"]
mod files;
#[path = "minion/guards.rs"]
mod guards;
#[path = "minion/syntax.rs"]
mod syntax;
#[path = "minion/texts.rs"]
mod texts;
#[path = "minion/wire.rs"]
mod wire;
#[path = "minion/world.rs"]
mod world;
