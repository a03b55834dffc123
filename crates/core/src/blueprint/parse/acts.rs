//! The steps that ask no model, beside commands: scaffold, gate, branch, human; and the condition of any step.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::finish::{Given, lacks};
use super::reference::{Destination, Names, Outputs, Text, begins, line_of};
use super::wire::WithWire;
use super::{
    ATTEMPTS_MAX, BlueprintError, Field, Place, Reader, StepPatch, TEMPLATES, check_name, yaml,
};
use crate::blueprint::condition::{Condition, Known, Wrong};
use crate::blueprint::of_task::is_plain_folder;
use crate::blueprint::template::{Part, Template};
use crate::blueprint::{
    ANSWER, Action, Env, GateCheck, OutputKind, PATH_BYTES_MAX, QUESTION_BYTES_MAX,
    SCAFFOLD_BYTES_MAX, ScaffoldFile, Step, chosen,
};
use crate::patch::{self, Unreadable};

/// Files of one scaffold, as many as a patch may have.
const FILES_MAX: usize = 50;
/// Answers that one question offers.
pub(super) const OPTIONS_MAX: usize = 8;
/// Bytes of one of them; they are typed on a command line.
pub(super) const OPTION_BYTES_MAX: usize = 64;
/// Seconds that a person is waited for when the blueprint names none: three working days, as everywhere.
pub(super) const DEADLINE_S: u64 = crate::pipeline::HUMAN_WAIT_MS.unsigned_abs() / 1000;
/// Nobody remembers a question of last month.
const DEADLINE_S_MAX: u64 = 30 * 24 * 3600;

/// What one file says about these steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Acts {
    files: Field<BTreeMap<String, (Text, Text)>>,
    templates: Field<BTreeMap<String, (Text, Named)>>,
    vars: Field<BTreeMap<String, Text>>,
    patch: Field<Text>,
    overwrite: Field<bool>,
    folder: Field<Text>,
    checks: Field<Vec<GateCheck>>,
    goto: Field<Named>,
    max_attempts: Field<u32>,
    question: Field<Text>,
    options: Field<Vec<String>>,
    deadline_s: Field<u64>,
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) place: Place,
}

/// A condition as it was read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct If {
    condition: Condition,
    raw: String,
    place: Place,
}

impl Acts {
    pub(super) fn overlay(&mut self, child: Acts) {
        self.files.overlay(child.files);
        self.templates.overlay(child.templates);
        self.vars.overlay(child.vars);
        self.patch.overlay(child.patch);
        self.overwrite.overlay(child.overwrite);
        self.folder.overlay(child.folder);
        self.checks.overlay(child.checks);
        self.goto.overlay(child.goto);
        self.max_attempts.overlay(child.max_attempts);
        self.question.overlay(child.question);
        self.options.overlay(child.options);
        self.deadline_s.overlay(child.deadline_s);
    }

    /// Its keys, and whether they are set.
    pub(super) fn present(&self) -> [(&'static str, bool); 12] {
        [
            ("files", self.files.set().is_some()),
            ("templates", self.templates.set().is_some()),
            ("vars", self.vars.set().is_some()),
            ("patch", self.patch.set().is_some()),
            ("overwrite", self.overwrite.set().is_some()),
            ("folder", self.folder.set().is_some()),
            ("checks", self.checks.set().is_some()),
            ("goto", self.goto.set().is_some()),
            ("max_attempts", self.max_attempts.set().is_some()),
            ("question", self.question.set().is_some()),
            ("options", self.options.set().is_some()),
            ("deadline", self.deadline_s.set().is_some()),
        ]
    }

    /// Where a branch goes, with its place.
    pub(super) fn target(&self) -> Option<(&str, &Place)> {
        let goto = self.goto.set()?;
        Some((&goto.name, &goto.place))
    }
}

impl Reader<'_> {
    /// Takes the keys of these steps out of a step's `with`.
    pub(super) fn acts(&self, with: &mut WithWire) -> Result<Acts, BlueprintError> {
        let take = std::mem::take::<Field<BTreeMap<String, Spanned<String>>>>;
        Ok(Acts {
            files: take(&mut with.files).try_map(|files| {
                let read = |(path, text): (String, Spanned<String>)| {
                    let place = self.place(text.referenced);
                    let at = Text::read(path.clone(), self.text, place.clone())?;
                    // A file may be empty, unlike a prompt.
                    Ok((path, (at, Text::read(text.value, self.text, place)?)))
                };
                files.into_iter().map(read).collect()
            })?,
            templates: take(&mut with.templates).try_map(|templates| {
                let read = |(path, name): (String, Spanned<String>)| {
                    let place = self.place(name.referenced);
                    let at = Text::read(path.clone(), self.text, place.clone())?;
                    let name = Named {
                        name: name.value,
                        place,
                    };
                    Ok((path, (at, name)))
                };
                templates.into_iter().map(read).collect()
            })?,
            vars: take(&mut with.vars).try_map(|vars| {
                let read = |(name, text): (String, Spanned<String>)| {
                    let place = self.place(text.referenced);
                    check_name("var", &name, &place)?;
                    Ok((name, Text::read(text.value, self.text, place)?))
                };
                vars.into_iter().map(read).collect()
            })?,
            patch: std::mem::take(&mut with.patch).try_map(|text| self.patch(text))?,
            overwrite: std::mem::take(&mut with.overwrite),
            // Empty is the repository's root, which an input may be.
            folder: std::mem::take(&mut with.folder).try_map(|text| {
                let place = self.place(text.referenced);
                Text::read(text.value, self.text, place)
            })?,
            checks: std::mem::take(&mut with.checks).try_map(|checks| self.checks(&checks))?,
            goto: std::mem::take(&mut with.goto).try_map(|goto| {
                let place = self.place(goto.referenced);
                check_name("step", &goto.value, &place)?;
                let name = goto.value;
                Ok::<_, BlueprintError>(Named { name, place })
            })?,
            max_attempts: std::mem::take(&mut with.max_attempts)
                .try_map(|n| self.number("max_attempts", n, ATTEMPTS_MAX))?,
            question: std::mem::take(&mut with.question).try_map(|text| self.text(text))?,
            options: std::mem::take(&mut with.options).try_map(|options| self.options(options))?,
            deadline_s: std::mem::take(&mut with.deadline).try_map(|text| self.deadline(&text))?,
        })
    }

    /// A patch. One that names no input is whole already, and each of its lines has a place.
    fn patch(&self, text: Spanned<String>) -> Result<Text, BlueprintError> {
        let text = self.text(text)?;
        if let Some(whole) = text.plain() {
            readable(whole).map_err(|why| {
                let place = line_of(self.text, whole, &text.place, why.line);
                place.invalid(format!("this patch cannot be read: {why}"))
            })?;
        }
        Ok(text)
    }

    /// `if:`, read and not yet checked: names of steps are known when the blueprint is whole.
    pub(super) fn condition(&self, text: &Spanned<String>) -> Result<If, BlueprintError> {
        let raw = text.value.clone();
        let place = begins(self.text, &raw, &self.place(text.referenced));
        let condition = Condition::read(&raw).map_err(|wrong| at(&place, &raw, wrong))?;
        Ok(If {
            condition,
            raw,
            place,
        })
    }

    fn checks(&self, names: &[Spanned<String>]) -> Result<Vec<GateCheck>, BlueprintError> {
        let mut checks = Vec::new();
        for name in names {
            let known = GateCheck::ALL
                .into_iter()
                .find(|c| c.as_str() == name.value);
            let Some(check) = known else {
                let hint = yaml::hint(&name.value, GateCheck::ALL.iter().map(|c| c.as_str()));
                let problem = format!("no check of a run is called `{}`; {hint}", name.value);
                return Err(self.place(name.referenced).invalid(problem));
            };
            if checks.contains(&check) {
                let problem = format!("the check `{}` is listed twice", name.value);
                return Err(self.place(name.referenced).invalid(problem));
            }
            checks.push(check);
        }
        Ok(checks)
    }

    fn options(&self, options: Vec<Spanned<String>>) -> Result<Vec<String>, BlueprintError> {
        let count = options.len();
        let mut read: Vec<String> = Vec::new();
        for option in options {
            let place = self.place(option.referenced);
            let text = option.value.trim().to_owned();
            let problem = if text.is_empty() || text.chars().any(char::is_control) {
                "an option is one line of text".to_owned()
            } else if text.len() > OPTION_BYTES_MAX {
                format!("an option has at most {OPTION_BYTES_MAX} bytes")
            } else if let Some(same) = chosen(&read, &text) {
                match same == text {
                    true => format!("the option `{text}` is listed twice"),
                    false => {
                        format!("the options `{same}` and `{text}` are one: case does not count")
                    }
                }
            } else if !(2..=OPTIONS_MAX).contains(&count) {
                format!("{count} options; a choice has 2 to {OPTIONS_MAX}, and none takes any text")
            } else {
                read.push(text);
                continue;
            };
            return Err(place.invalid(problem));
        }
        Ok(read)
    }

    /// As a duration, and in days.
    fn deadline(&self, text: &Spanned<String>) -> Result<u64, BlueprintError> {
        let days = text.value.strip_suffix('d').map(str::parse::<u64>);
        match days {
            Some(Ok(days)) if (1..=DEADLINE_S_MAX / 86_400).contains(&days) => Ok(days * 86_400),
            Some(_) => Err(self.place(text.referenced).invalid(format!(
                "`{}` is no deadline; write 30m, 4h or 3d, at most 30d",
                text.value
            ))),
            None => self.duration(text),
        }
    }
}

impl If {
    /// The condition with every name of it checked.
    pub(super) fn checked(&self, given: Given<'_>) -> Result<Condition, BlueprintError> {
        let known = Known {
            inputs: given.inputs,
            steps: &outputs(given.earlier),
            options: &options(given.earlier),
        };
        let checked = self.condition.clone().checked(&known);
        checked.map_err(|wrong| at(&self.place, &self.raw, wrong))
    }
}

/// A condition of our own, about a step that stands before.
pub(super) fn certain(
    text: &str,
    earlier: &[Step],
    place: &Place,
) -> Result<Condition, BlueprintError> {
    let known = Known {
        inputs: &BTreeMap::new(),
        steps: &outputs(earlier),
        options: &options(earlier),
    };
    let read = Condition::read(text).and_then(|condition| condition.checked(&known));
    read.map_err(|wrong| place.invalid(wrong.problem))
}

/// The place of what is wrong inside of a condition; one over several lines has its beginning for all of it.
fn at(place: &Place, raw: &str, wrong: Wrong) -> BlueprintError {
    let before = raw.get(..wrong.at).unwrap_or_default();
    let mut place = place.clone();
    if !raw.contains('\n') {
        place.column += before.chars().count() as u64;
    }
    place.invalid(wrong.problem)
}

/// What the steps before hand over, by step.
pub(super) fn outputs(earlier: &[Step]) -> Outputs<'_> {
    earlier
        .iter()
        .map(|step| (step.id.as_str(), handed(&step.action)))
        .collect()
}

/// The answers that the steps before offer, by step.
fn options(earlier: &[Step]) -> BTreeMap<&str, &[String]> {
    let offered = earlier.iter().filter_map(|step| match &step.action {
        Action::Human { options, .. } if !options.is_empty() => {
            Some((step.id.as_str(), options.as_slice()))
        }
        Action::Human { .. }
        | Action::Context
        | Action::Ask { .. }
        | Action::Agent { .. }
        | Action::Run { .. }
        | Action::Scaffold { .. }
        | Action::Gate { .. }
        | Action::Branch { .. }
        | Action::Report => None,
    });
    offered.collect()
}

fn handed(action: &Action) -> Vec<(&str, OutputKind)> {
    match action {
        Action::Agent { outputs, .. } => {
            let all = outputs.iter().map(|o| (o.name.as_str(), o.kind));
            all.collect()
        }
        Action::Human { .. } => vec![(ANSWER, OutputKind::String)],
        Action::Context
        | Action::Ask { .. }
        | Action::Run { .. }
        | Action::Scaffold { .. }
        | Action::Gate { .. }
        | Action::Branch { .. }
        | Action::Report => Vec::new(),
    }
}

/// The texts that a step makes for its templates.
pub(super) fn vars(
    patch: &StepPatch,
    env: &Env,
    given: Given<'_>,
) -> Result<BTreeMap<String, Template>, BlueprintError> {
    let names = Names {
        inputs: given.inputs,
        vars: &BTreeMap::new(),
        env: &env.values,
        outputs: &outputs(given.earlier),
    };
    let mut vars = BTreeMap::new();
    for (name, text) in patch.acts.vars.set().into_iter().flatten() {
        vars.insert(
            name.clone(),
            text.template(names, &patch.id, SCAFFOLD_BYTES_MAX)?,
        );
    }
    Ok(vars)
}

pub(super) fn scaffold(
    patch: &StepPatch,
    env: &Env,
    given: Given<'_>,
) -> Result<Action, BlueprintError> {
    let vars = vars(patch, env, given)?;
    let names = Names {
        inputs: given.inputs,
        vars: &vars,
        env: &env.values,
        outputs: &outputs(given.earlier),
    };
    let below = Below::of(patch, given)?;
    let mut files = files(patch, names, &below)?;
    files.extend(templates(patch, given, names, &below)?);
    if let (Some(text), false) = (patch.acts.patch.set(), below.is_root()) {
        return Err(text.place.invalid(
            "a patch names its files from the repository's root; give it a step without `folder`",
        ));
    }
    let change = match patch.acts.patch.set() {
        Some(text) => Some(patched(text, given)?),
        None => None,
    };
    if files.is_empty() && change.is_none() {
        return Err(lacks(
            patch,
            "with.files` or `with.templates` or `with.patch",
        ));
    }
    let bytes: usize = files.iter().map(|file| file.content.bytes()).sum();
    if files.len() > FILES_MAX || bytes > SCAFFOLD_BYTES_MAX {
        let problem = format!(
            "step `{}` writes {} files of {bytes} bytes; at most {FILES_MAX} of {SCAFFOLD_BYTES_MAX} together",
            patch.id,
            files.len()
        );
        return Err(patch.place.invalid(problem));
    }
    Ok(Action::Scaffold {
        files,
        patch: change,
        overwrite: patch.acts.overwrite.set().copied().unwrap_or(false),
    })
}

fn files(
    patch: &StepPatch,
    names: Names<'_>,
    below: &Below,
) -> Result<Vec<ScaffoldFile>, BlueprintError> {
    let written = patch.acts.files.set().into_iter();
    let made = written.flat_map(BTreeMap::values).map(|(path, content)| {
        Ok(ScaffoldFile {
            path: checked_path(path, names, &patch.id, below)?,
            content: content.template(names, &patch.id, SCAFFOLD_BYTES_MAX)?,
        })
    });
    made.collect()
}

/// A template belongs to no blueprint, so it names nothing of one but what it is given.
fn templates(
    patch: &StepPatch,
    given: Given<'_>,
    names: Names<'_>,
    below: &Below,
) -> Result<Vec<ScaffoldFile>, BlueprintError> {
    let own = Names {
        inputs: &BTreeMap::new(),
        outputs: &Outputs::new(),
        ..names
    };
    let named = patch.acts.templates.set().into_iter();
    let made = named.flat_map(BTreeMap::values).map(|(path, name)| {
        let content = shipped(name, given)?;
        Ok(ScaffoldFile {
            path: checked_path(path, names, &patch.id, below)?,
            content: content.template(own, &patch.id, SCAFFOLD_BYTES_MAX)?,
        })
    });
    made.collect()
}

/// A patch with its inputs, which may have changed its lines.
fn patched(text: &Text, given: Given<'_>) -> Result<String, BlueprintError> {
    let filled = text.fill(given.inputs, Destination::Setting)?;
    readable(&filled).map_err(|why| {
        let line = why.line;
        let problem = format!("line {line} of this patch, inputs filled in, cannot be read: {why}");
        text.place.invalid(problem)
    })?;
    Ok(filled)
}

/// Whether a patch is one, and of files inside of the repository.
fn readable(text: &str) -> Result<(), Unreadable> {
    for change in patch::parse(text)? {
        for path in change.paths() {
            if let Some(problem) = path_problem(path) {
                let at = text
                    .lines()
                    .position(|line| line.trim_end().ends_with(path));
                let problem = format!("the path `{}` {problem}", path.escape_debug());
                let line = at.map_or(1, |at| at + 1);
                return Err(Unreadable { line, problem });
            }
        }
    }
    Ok(())
}

/// A path that is known by now must be one inside of the repository; the run looks at all of them again.
pub(super) fn checked_path(
    path: &Text,
    names: Names<'_>,
    step: &str,
    below: &Below,
) -> Result<Template, BlueprintError> {
    let template = below.put(path.template(names, step, PATH_BYTES_MAX)?);
    let settled = template.settled();
    match settled.and_then(|path| path_problem(&path).map(|problem| (path, problem))) {
        None => Ok(template),
        Some((settled, problem)) => Err(path
            .place
            .invalid(format!("the path `{}` {problem}", settled.escape_debug()))),
    }
}

/// The folder that a step's files stand in: `folder/`, or nothing for the repository's root.
#[derive(Debug, Default)]
pub(super) struct Below(String);

impl Below {
    pub(super) fn of(patch: &StepPatch, given: Given<'_>) -> Result<Below, BlueprintError> {
        let Some(text) = patch.acts.folder.set() else {
            return Ok(Below::default());
        };
        let folder = text.fill(given.inputs, Destination::Setting)?;
        if folder.is_empty() {
            return Ok(Below::default());
        }
        if !is_plain_folder(&folder) {
            return Err(text.place.invalid(format!(
                "the folder `{}` is none that files can be put into: names of letters, digits, `-`, `_` and `.` with `/` between them, \
                 from the repository's root, none hidden and none `..`; empty is the root",
                folder.escape_debug()
            )));
        }
        Ok(Below(format!("{folder}/")))
    }

    fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// A path in it, from the repository's root.
    fn put(&self, path: Template) -> Template {
        let mut parts = vec![Part::Text(self.0.clone())];
        parts.extend(path.parts);
        Template::of(parts)
    }
}

fn path_problem(path: &str) -> Option<&'static str> {
    let parts = || path.split('/');
    if path.trim().is_empty() || path.ends_with('/') {
        Some("names no file")
    } else if path.starts_with('/') || path.starts_with('~') {
        Some("is not relative to the repository")
    } else if parts().any(|part| part == "..") {
        Some("leads out of the repository")
    } else if parts().any(|part| part.eq_ignore_ascii_case(".git")) {
        Some("belongs to git")
    } else if path.chars().any(char::is_control) || path.len() > PATH_BYTES_MAX {
        Some("is no path of one line and 512 bytes at most")
    } else {
        None
    }
}

/// A template of the pack or the home.
pub(super) fn shipped(name: &Named, given: Given<'_>) -> Result<Text, BlueprintError> {
    let key = format!("{TEMPLATES}{}", name.name);
    let Some(text) = given.library.get(&key) else {
        let known = given
            .library
            .keys()
            .filter_map(|k| k.strip_prefix(TEMPLATES));
        let hint = yaml::hint(&name.name, known);
        let problem = format!("no template is called `{}`; {hint}", name.name);
        return Err(name.place.invalid(problem));
    };
    let place = Place {
        origin: key,
        line: 1,
        column: 1,
    };
    Text::read(text.clone(), text, place)
}

pub(super) fn gate(patch: &StepPatch) -> Result<Action, BlueprintError> {
    let checks = patch.acts.checks.set().filter(|checks| !checks.is_empty());
    let gated = patch.gates.set().is_some_and(|gates| !gates.is_empty());
    match checks {
        Some(checks) => Ok(Action::Gate {
            checks: checks.clone(),
        }),
        // Then it looks at those alone.
        None if gated => Ok(Action::Gate { checks: Vec::new() }),
        None => Err(lacks(patch, "with.checks")),
    }
}

/// Whether it goes back is known when the blueprint is whole.
pub(super) fn branch(patch: &StepPatch) -> Result<Action, BlueprintError> {
    let (goto, _) = patch
        .acts
        .target()
        .ok_or_else(|| lacks(patch, "with.goto"))?;
    Ok(Action::Branch {
        goto: goto.to_owned(),
        // As with `retry`, the first try is counted.
        ways_max: patch.acts.max_attempts.set().map(|attempts| attempts - 1),
    })
}

pub(super) fn human(patch: &StepPatch, given: Given<'_>) -> Result<Action, BlueprintError> {
    let question = patch.acts.question.set();
    let question = question.ok_or_else(|| lacks(patch, "with.question"))?;
    let names = Names {
        inputs: given.inputs,
        vars: &BTreeMap::new(),
        env: &BTreeMap::new(),
        outputs: &outputs(given.earlier),
    };
    Ok(Action::Human {
        question: question.template(names, &patch.id, QUESTION_BYTES_MAX)?,
        options: patch.acts.options.set().cloned().unwrap_or_default(),
        deadline_s: patch.acts.deadline_s.set().copied().unwrap_or(DEADLINE_S),
        wants: None,
    })
}
