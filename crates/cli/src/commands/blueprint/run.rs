//! `alai blueprint run`: `alai minion run` with this blueprint.

use alai_core::cage::Sandbox;
use alai_factory::Home;

use crate::args::{BlueprintRunArgs, MinionCommand, MinionRunArgs, MinionWorkArgs};
use crate::commands::minion;
use crate::error::{CliError, Kind};

pub(super) fn run(home: &Home, args: BlueprintRunArgs) -> Result<(), CliError> {
    let (Some(title), Some(project)) = (args.task, args.project) else {
        let message = "a run needs a task and --project";
        return Err(CliError::new(Kind::Usage, message)
            .hinted("`--dry-run` prints the plan of the blueprint and needs neither"));
    };
    let work = MinionWorkArgs {
        title,
        project,
        mc_task: None,
        description: String::new(),
        blueprint: Some(args.name),
        checks: Vec::new(),
        company: args.company,
        inputs: args.inputs,
        model: None,
        json: args.json,
    };
    let sandbox = Sandbox::On;
    minion::run(home, MinionCommand::Run(MinionRunArgs { work, sandbox })).map(drop)
}
