//! `alai blueprint graph`.

use alai_core::blueprint::Plan;
use alai_factory::Home;

use crate::args::GraphForm;
use crate::error::CliError;
use crate::{door, show};

pub(super) fn graph(
    home: &Home,
    name: &str,
    company: Option<&str>,
    form: GraphForm,
) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let company = super::company(&packs, company)?;
    let found = packs.resolved(company, name, &Default::default());
    let plan = Plan::of(&found.map_err(|e| super::refused(&e))?.blueprint);
    let text = match form {
        GraphForm::Mermaid => plan.mermaid(),
        GraphForm::Dot => plan.dot(),
    };
    show::line(show::clean(text.trim_end()));
    Ok(())
}
