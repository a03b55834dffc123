//! One run through its door: real hand, real git, real commands; only the model is a script.

#[path = "minion/asked.rs"]
mod asked;
#[path = "minion/cage.rs"]
mod cage;
#[path = "minion/commits.rs"]
mod commits;
#[path = "minion/door.rs"]
mod door;
#[path = "minion/engines.rs"]
mod engines;
#[path = "minion/engines_acp.rs"]
mod engines_acp;
#[path = "minion/engines_claude.rs"]
mod engines_claude;
#[path = "minion/engines_codex.rs"]
mod engines_codex;
#[path = "minion/engines_real.rs"]
mod engines_real;
#[path = "minion/engines_traps.rs"]
mod engines_traps;
#[path = "minion/files.rs"]
mod files;
#[path = "minion/first.rs"]
mod first;
#[path = "minion/guards.rs"]
mod guards;
#[path = "minion/outputs.rs"]
mod outputs;
#[path = "minion/scaffolds.rs"]
mod scaffolds;
#[path = "minion/shipped.rs"]
mod shipped;
#[path = "minion/steps.rs"]
mod steps;
#[path = "minion/syntax.rs"]
mod syntax;
#[path = "minion/texts.rs"]
mod texts;
#[path = "minion/trajectory.rs"]
mod trajectory;
#[path = "minion/turns.rs"]
mod turns;
#[path = "minion/weak.rs"]
mod weak;
#[path = "minion/wire.rs"]
mod wire;
#[path = "minion/world.rs"]
mod world;
