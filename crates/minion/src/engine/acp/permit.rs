//! What an agent of the protocol may do when it asks: decided by the role, the step's tools and the paths of the task. The cage
//! holds it whatever the answer is; a refusal spares the work that the scope check would throw away.

use alai_core::blueprint::ToolName;
use alai_core::brief::Role;
use serde_json::Value;

use crate::engine::order::Lent;
use crate::scope::Scope;
use crate::text::cut;

/// What the answers go by.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) role: Role,
    pub(crate) tools: Vec<ToolName>,
    pub(crate) scope: Scope,
    /// The clone, as the agent names it.
    pub(crate) folder: String,
    /// The servers that it was told of.
    pub(crate) lent: Vec<Lent>,
}

/// What an agent asks leave for: the kind of its tool (`ToolKind` of the schema) and the files that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) paths: Vec<String>,
}

impl Rules {
    /// Allowed, or why not.
    pub(crate) fn judge(&self, wish: &Wish) -> Result<(), String> {
        let has = |tools: &[ToolName]| tools.iter().any(|tool| self.tools.contains(tool));
        let writes = match self.role {
            Role::Builder => true,
            Role::Lead | Role::Reviewer => false,
        };
        match wish.kind.as_str() {
            "read" | "search" => self.all(&wish.paths, |rules, path| {
                rules
                    .inside(path)
                    .map(drop)
                    .ok_or("is outside the repository")
            }),
            "edit" | "delete" | "move" => {
                if !writes || !has(&[ToolName::Edit, ToolName::Write]) {
                    return Err("this step changes no files".into());
                }
                self.all(&wish.paths, |rules, path| {
                    let path = rules.inside(path).ok_or("is outside the repository")?;
                    match rules.scope.allows(path) {
                        true => Ok(()),
                        false => Err("is outside the paths that this task may write"),
                    }
                })
            }
            "execute" if has(&[ToolName::Run]) => Ok(()),
            "execute" => Err("this step runs no commands".into()),
            "think" => Ok(()),
            // What may be asked there is decided there.
            "other" if self.is_lent(&wish.title) => Ok(()),
            // No network but the provider's, no mode that asks less, and nothing that nobody can tell what it does.
            other => Err(format!("`{}` is not among its tools", cut(other, 60))),
        }
    }

    /// Whether a call is named as one of a server that it was lent: `mcp__SERVER__TOOL`, as Claude's agent names it.
    fn is_lent(&self, title: &str) -> bool {
        let named = title
            .strip_prefix("mcp__")
            .and_then(|rest| rest.split_once("__"));
        named.is_some_and(|(server, _)| self.lent.iter().any(|lent| lent.name == server))
    }

    fn all(
        &self,
        paths: &[String],
        one: impl Fn(&Rules, &str) -> Result<(), &'static str>,
    ) -> Result<(), String> {
        for path in paths {
            one(self, path).map_err(|why| format!("{} {why}", cut(path, 200)))?;
        }
        Ok(())
    }

    /// A path as the repository names it; none when it lies elsewhere.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        let relative = match path.strip_prefix(self.folder.trim_end_matches('/')) {
            Some("") => "",
            Some(rest) => rest.strip_prefix('/')?,
            None => path,
        };
        let climbs = relative.split('/').any(|part| part == "..");
        (!climbs && !relative.starts_with('/')).then_some(relative)
    }
}

/// The option that says so, by its id. Never one that is remembered: the next call would not be asked about.
pub(crate) fn option(options: &Value, allow: bool) -> Option<String> {
    let wanted: &[&str] = if allow {
        &["allow_once"]
    } else {
        &["reject_once", "reject_always"]
    };
    let all = options.as_array()?;
    wanted.iter().find_map(|kind| {
        let found = all.iter().find(|option| option["kind"] == *kind)?;
        found["optionId"].as_str().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(role: Role, tools: &[ToolName]) -> Rules {
        Rules {
            role,
            tools: tools.to_vec(),
            scope: Scope::new(&["src/**".into()], &["src/key".into()]).expect("globs"),
            folder: "/repo".into(),
            lent: vec![Lent {
                name: "tickets".into(),
                command: "/alai/launcher".into(),
                args: Vec::new(),
            }],
        }
    }

    #[test]
    fn leave_goes_by_role_tools_and_paths() {
        let builder = rules(Role::Builder, &ToolName::ALL);
        let reviewer = rules(Role::Reviewer, &ToolName::ALL);
        let looker = rules(Role::Builder, &[ToolName::Read]);
        for (rules, kind, paths, allowed) in [
            (&builder, "edit", &["/repo/src/a.rs"][..], true),
            (&builder, "edit", &["src/a.rs"], true),
            (&builder, "edit", &[], true),
            (&builder, "edit", &["/repo/a.rs"], false),
            (&builder, "edit", &["/repo/src/a.rs", "/etc/passwd"], false),
            (&builder, "edit", &["/repo/src/../../etc/passwd"], false),
            (&builder, "edit", &["/repository/src/a.rs"], false),
            (&builder, "delete", &["src/key"], false),
            (&builder, "move", &["src/a", "b"], false),
            (&builder, "execute", &[], true),
            (&builder, "read", &["/repo/README.md"], true),
            (&builder, "read", &["/repo"], true),
            (
                &builder,
                "read",
                &["/home/agent/.claude/.credentials.json"],
                false,
            ),
            (&builder, "search", &["../other"], false),
            (&builder, "think", &[], true),
            (&builder, "fetch", &[], false),
            (&builder, "switch_mode", &[], false),
            (&builder, "other", &[], false),
            (&builder, "", &[], false),
            (&reviewer, "edit", &["src/a.rs"], false),
            (&reviewer, "execute", &[], true),
            (&looker, "edit", &["src/a.rs"], false),
            (&looker, "execute", &[], false),
        ] {
            let wish = Wish {
                kind: kind.into(),
                title: String::new(),
                paths: paths.iter().map(|p| (*p).to_owned()).collect(),
            };
            assert_eq!(rules.judge(&wish).is_ok(), allowed, "{kind} {paths:?}");
        }
    }

    #[test]
    fn leave_for_a_server_goes_by_what_was_lent() {
        let rules = rules(Role::Reviewer, &[]);
        for (kind, title, allowed) in [
            ("other", "mcp__tickets__echo", true),
            ("other", "mcp__evil__echo", false),
            ("other", "mcp__tickets", false),
            ("other", "tickets", false),
            ("fetch", "mcp__tickets__echo", false),
        ] {
            let wish = Wish {
                kind: kind.into(),
                title: title.into(),
                paths: Vec::new(),
            };
            assert_eq!(rules.judge(&wish).is_ok(), allowed, "{kind} {title}");
        }
    }

    #[test]
    fn nothing_is_allowed_for_good() {
        let options = json!([{"optionId": "a", "kind": "allow_always"}, {"optionId": "b", "kind": "allow_once"},
            {"optionId": "c", "kind": "reject_always"}]);
        assert_eq!(option(&options, true).as_deref(), Some("b"));
        assert_eq!(option(&options, false).as_deref(), Some("c"));
        assert_eq!(
            option(&json!([{"optionId": "a", "kind": "allow_always"}]), true),
            None
        );
        assert_eq!(option(&json!("x"), false), None);
    }
}
