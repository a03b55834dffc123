//! `alai schema`: the JSON Schemas that docs/schema holds.

use std::process::ExitCode;

use include_dir::{Dir, include_dir};

use crate::args::SchemaArgs;
use crate::error::{CliError, Kind};
use crate::show;

static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docs/schema");

pub(crate) fn run(args: &SchemaArgs) -> Result<ExitCode, CliError> {
    // `blueprint.v1.json` is called `blueprint`; a newer form of it stands behind the older in order, and is meant.
    let files = || {
        let files = SCHEMAS.files().filter_map(|file| {
            let name = file.path().to_str()?.strip_suffix(".json")?;
            let name = name.split_once('.').map_or(name, |(name, _)| name);
            Some((name, file.contents_utf8()?))
        });
        files.collect::<Vec<_>>()
    };
    let Some(wanted) = &args.of else {
        let mut names: Vec<&str> = files().into_iter().map(|(name, _)| name).collect();
        names.dedup();
        names.into_iter().for_each(show::line);
        return Ok(ExitCode::SUCCESS);
    };
    let found = files().into_iter().rfind(|(name, _)| name == wanted);
    let Some((_, text)) = found else {
        let message = format!("there is no schema of `{}`", show::clean(wanted));
        return Err(CliError::new(Kind::NotFound, message).hinted("`alai schema` lists them"));
    };
    show::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
