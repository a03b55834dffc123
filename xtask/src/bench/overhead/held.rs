//! The times in which a task that could begin was held back by work at the same paths: real, as long as that was at work.

use super::{Record, Span, TaskRow};
use alai_core::overlap::Area;
use serde_json::Value;

const BUILDS: [&str; 3] = ["build", "ops", "docs"];
const JUDGES: [&str; 3] = ["review", "security", "verify"];

impl Record {
    /// What is left of a time in which a task could begin without those in which work at the same paths was at work.
    pub(super) fn free(&self, task: i64, span: Span, end: i64) -> Vec<Span> {
        let Some(task) = self.tasks.get(&task) else {
            return vec![span];
        };
        let mut left = vec![span];
        for held in self.held(task, end) {
            left = left
                .into_iter()
                .flat_map(|span| without(span, held))
                .collect();
        }
        left
    }

    fn held(&self, task: &TaskRow, end: i64) -> Vec<Span> {
        // What goes on with its line keeps its base, mostly, and waits for nobody then; that it had none is not recorded.
        let first = task.lineage.is_none() && task.solo == 0;
        let waits = first && BUILDS.contains(&task.kind.as_str());
        if !waits || task.project.is_some_and(|id| self.together.contains(&id)) {
            return Vec::new();
        }
        let own = root(task);
        let others = { self.tasks.values() }
            .filter(|other| other.lineage.is_none() && other.id != own)
            .filter(|other| other.project == task.project && other.priority >= task.priority);
        others
            .flat_map(|other| self.beside(task, other, end))
            .collect()
    }

    /// When the line of work that begins with `other` was at work, and known to be where the task is.
    fn beside(&self, task: &TaskRow, other: &TaskRow, end: i64) -> Vec<Span> {
        let of_line = |id: i64| {
            let found = self.tasks.get(&id).filter(|t| root(t) == other.id);
            found.is_some_and(|t| {
                let kind = t.kind.as_str();
                t.solo == 0 && (BUILDS.contains(&kind) || JUDGES.contains(&kind))
            })
        };
        let runs = self.runs.iter().filter(|run| of_line(run.task));
        let runs = runs.map(|run| (run.started_ms, run.ended_ms.unwrap_or(end)));
        let merges = self
            .merges
            .iter()
            .filter(|m| m.task == other.id && m.kind == "integrate");
        let merges = merges.map(|m| (m.at_ms, m.ended_ms.unwrap_or(end)));
        let mut told: Vec<i64> = self.entries.iter().map(|entry| entry.at_ms).collect();
        told.sort_unstable();
        let mut held = Vec::new();
        for (from, to) in runs.chain(merges) {
            let mut at = from;
            let cuts = told
                .iter()
                .copied()
                .filter(|cut| (from + 1..to).contains(cut));
            for next in cuts.chain([to]) {
                if self.area(task, at).meets(&self.area(other, at)).is_some() {
                    held.push((at, next));
                }
                at = next;
            }
        }
        held
    }

    /// What was known then of where a task's line works, as `mission/overlap.rs` reads it.
    fn area(&self, task: &TaskRow, at_ms: i64) -> Area {
        let mut lines = vec![root(task)];
        let parent = self.tasks.get(&root(task)).and_then(|first| first.parent);
        let parent = parent.and_then(|id| self.tasks.get(&id));
        lines.extend(
            parent
                .filter(|p| JUDGES.contains(&p.kind.as_str()))
                .map(root),
        );
        let builds = |t: &&TaskRow| lines.contains(&root(t)) && BUILDS.contains(&t.kind.as_str());
        let mut area = Area::default();
        for of in self.tasks.values().filter(builds) {
            let tests = of.changes_tests.as_ref().filter(|_| of.kind == "build");
            for list in of.paths.iter().chain(tests) {
                area.declare(&texts(serde_json::from_str(list).unwrap_or_default()));
            }
        }
        for entry in self
            .entries
            .iter()
            .filter(|e| e.at_ms <= at_ms && e.run.is_some())
        {
            let of = self.tasks.get(&entry.task).filter(builds);
            if let (Some(_), Some(report)) = (of, &entry.report) {
                let mut report: Value = serde_json::from_str(report).unwrap_or_default();
                area.touch(texts(report["files"].take()));
            }
        }
        area
    }
}

fn root(task: &TaskRow) -> i64 {
    task.lineage.unwrap_or(task.id)
}

fn texts(list: Value) -> Vec<String> {
    serde_json::from_value(list).unwrap_or_default()
}

/// A time without another one.
fn without((from, to): Span, (begin, stop): Span) -> Vec<Span> {
    // One that takes no time is there to tell when a run began.
    if stop <= from || to <= begin {
        return vec![(from, to)];
    }
    let before = (from, begin.min(to));
    let after = (stop.max(from), to);
    [before, after]
        .into_iter()
        .filter(|(from, to)| from < to)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(extra: &str) -> Record {
        let task = |id: i64, kind: &str, lineage: &str, paths: &str| {
            format!(
                r#"{{"table":"task","row":{{"id":{id},"kind":"{kind}","state":"done","project":1,"created_ms":0,"run_at_ms":0,
                   "lineage":{lineage},"priority":2,"solo":0,"paths":{paths},"changes_tests":"[]"}}}}"#
            )
            .replace('\n', " ")
        };
        let run = |task: i64, from: i64, to: i64| {
            format!(
                r#"{{"table":"run","row":{{"task":{task},"holder":"factory","started_ms":{from},"ended_ms":{to}}}}}"#
            )
        };
        let lines = [
            task(1, "build", "null", "null"),
            task(2, "review", "1", "null"),
            task(3, "build", "null", r#""[\"src/\"]""#),
            run(1, 0, 40),
            run(2, 50, 60),
            r#"{"table":"entry","row":{"task":1,"run":"r","kind":"report","at_ms":40,"report":"{\"files\":[\"src/x.rs\"]}"}}"#.to_owned(),
            r#"{"table":"merge","row":{"task":1,"kind":"integrate","at_ms":60,"ended_ms":75}}"#.to_owned(),
            extra.to_owned(),
        ];
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        Record::read(&lines.join("\n")).unwrap()
    }

    #[test]
    fn a_task_is_held_by_what_is_at_work_there_and_only_while_it_is() {
        // Until its first run has ended nobody knew where #1 works; between its run and its review nothing was at work.
        let all = record("");
        assert_eq!(all.free(3, (0, 100), 100), [(0, 50), (75, 100)]);
        assert_eq!(all.free(1, (0, 100), 100), [(0, 100)], "#3 never ran");
        assert_eq!(
            all.free(2, (45, 50), 100),
            [(45, 50)],
            "a review waits for nobody"
        );
        let set = r#"{"table":"project","row":{"id":1,"settings":"{\"overlap\":\"together\"}"}}"#;
        assert_eq!(record(set).free(3, (0, 100), 100), [(0, 100)]);
        let elsewhere = r#"{"table":"entry","row":{"task":1,"run":null,"kind":"report","at_ms":0,"report":"{\"files\":[\"src/y.rs\"]}"}}"#;
        assert_eq!(
            record(elsewhere).free(3, (0, 40), 100),
            [(0, 40)],
            "a person's word"
        );
    }

    #[test]
    fn times_are_taken_out_of_times() {
        for (held, want) in [
            ((0, 5), vec![(10, 20)]),
            ((20, 30), vec![(10, 20)]),
            ((0, 30), vec![]),
            ((10, 20), vec![]),
            ((5, 12), vec![(12, 20)]),
            ((15, 30), vec![(10, 15)]),
            ((12, 14), vec![(10, 12), (14, 20)]),
        ] {
            assert_eq!(without((10, 20), held), want, "{held:?}");
        }
        assert_eq!(without((10, 10), (10, 20)), [(10, 10)]);
    }
}
