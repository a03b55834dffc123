//! `alai why ID`.

use std::process::ExitCode;

use alai_factory::{Home, Views};

use crate::args::WhyArgs;
use crate::error::CliError;
use crate::{door, show};

pub(crate) fn run(home: &Home, args: &WhyArgs) -> Result<ExitCode, CliError> {
    let reader = door::reader(home)?;
    let around = door::around(home)?;
    let now = door::now_ms();
    let view = Views::new(&reader, now, around).task(args.task)?;
    if args.json {
        show::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    let why = &view.why;
    show::line(format!(
        "{} is {}: {}",
        view.task.id,
        view.shown,
        show::clean(&why.text)
    ));
    if let Some(class) = &view.task.class {
        show::line(format!("class     {class}"));
    }
    // The reasons behind it are in `mc show --explain`.
    if let Some(choice) = view
        .choice
        .as_deref()
        .and_then(|all| all.split("; ").next())
    {
        show::line(format!("model     {}", show::clean(choice)));
    }
    // One that was put in another's place is what a person asks after; the others are in `mc show --explain` too.
    if let Some(instead) = { view.choice.as_deref().into_iter() }
        .flat_map(|all| all.split("; "))
        .find_map(|part| {
            part.strip_prefix("blueprint ")
                .filter(|part| part.contains(" instead of "))
        })
    {
        show::line(format!("blueprint {}", show::clean(instead)));
    }
    show::line(format!("rule      {}", why.rule));
    show::line(format!("owner     {}", why.owner));
    if let Some(deadline) = why.deadline_ms {
        let left = deadline - now;
        let text = if left >= 0 {
            format!("in {}", show::age(left))
        } else {
            format!("{} ago", show::age(-left))
        };
        show::line(format!("deadline  {text}"));
    }
    show::line(format!("next      {}", show::clean(&why.next_action)));
    Ok(ExitCode::SUCCESS)
}
