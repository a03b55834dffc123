//! One run through its door: real hand, real git, real commands; only the model is a script.

#[path = "minion/asked.rs"]
mod asked;
#[path = "minion/bento_pieces.rs"]
mod bento_pieces;
#[path = "minion/blueprints_built.rs"]
mod blueprints_built;
#[path = "minion/blueprints_judged.rs"]
mod blueprints_judged;
#[path = "minion/blueprints_ops.rs"]
mod blueprints_ops;
#[path = "minion/blueprints_walked.rs"]
mod blueprints_walked;
#[path = "minion/blueprints_words.rs"]
mod blueprints_words;
#[path = "minion/cage.rs"]
mod cage;
#[path = "minion/caged.rs"]
mod caged;
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
#[path = "minion/engines_lent.rs"]
mod engines_lent;
#[path = "minion/engines_real.rs"]
mod engines_real;
#[path = "minion/engines_traps.rs"]
mod engines_traps;
#[path = "minion/files.rs"]
mod files;
#[path = "minion/first.rs"]
mod first;
#[path = "minion/first_tools.rs"]
mod first_tools;
#[path = "minion/guards.rs"]
mod guards;
#[path = "minion/language.rs"]
mod language;
#[path = "minion/mcp.rs"]
mod mcp;
#[path = "minion/mcp_bombs.rs"]
mod mcp_bombs;
#[path = "minion/mcp_real.rs"]
mod mcp_real;
#[path = "minion/notes.rs"]
mod notes;
#[path = "minion/outputs.rs"]
mod outputs;
#[path = "minion/scaffolds.rs"]
mod scaffolds;
#[path = "minion/scaffolds_built.rs"]
mod scaffolds_built;
#[path = "minion/scaffolds_served.rs"]
mod scaffolds_served;
#[path = "minion/scaffolds_shipped.rs"]
mod scaffolds_shipped;
#[path = "minion/shipped.rs"]
mod shipped;
#[path = "minion/skills.rs"]
mod skills;
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
