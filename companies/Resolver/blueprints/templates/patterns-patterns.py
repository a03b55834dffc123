"""Groups findings by the rules beside this file: the first rule with a word in the title wins, else `other: FIRST FOLDER`.

    python3 patterns.py FINDINGS.json --least 3 --report report.md --tasks tasks.json

FINDINGS is a list, or an object with the list `findings`. The same findings in any order give the same bytes. No model, no network.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

SEVERITIES = ["low", "medium", "high", "critical"]
BYTES_MAX = 50_000_000


def read(path: Path) -> list[dict]:
    if path.stat().st_size > BYTES_MAX:
        sys.exit(f"{path} has more than {BYTES_MAX} bytes; export a shorter time")
    data = json.loads(path.read_text(encoding="utf-8"))
    found = data.get("findings") if isinstance(data, dict) else data
    if not isinstance(found, list):
        sys.exit(f"{path}: neither a list nor an object with the list `findings`")
    for nth, one in enumerate(found):
        if not isinstance(one, dict) or not isinstance(one.get("title"), str) or one.get("severity") not in SEVERITIES:
            sys.exit(f"{path}: finding {nth} lacks a title, or a severity of {', '.join(SEVERITIES)}")
    return found


def pattern_of(finding: dict, rules: list[dict]) -> str:
    title = " ".join(finding["title"].lower().split())
    for rule in rules:
        # A word begins where a word begins: `race` is not in `trace`.
        if any(re.search(r"\b" + re.escape(word), title) for word in rule["words"]):
            return rule["pattern"]
    folder = str(finding.get("path") or "").split("/")[0]
    return f"other: {folder or 'no place'}"


def place(finding: dict) -> str:
    where = str(finding.get("path") or "no place")
    return f"{where}:{finding['line']}" if finding.get("line") else where


def unique(findings: list[dict]) -> list[dict]:
    """One finding that two reviews made counts once."""
    kept = {}
    for one in sorted(findings, key=lambda f: json.dumps(f, sort_keys=True, ensure_ascii=False)):
        kept.setdefault((one.get("project"), one.get("path"), one.get("line"), " ".join(one["title"].lower().split())), one)
    return list(kept.values())


def group(findings: list[dict], rules: list[dict], least: int) -> list[tuple[str, list[dict]]]:
    groups = defaultdict(list)
    for one in unique(findings):
        groups[pattern_of(one, rules)].append(one)
    for members in groups.values():
        members.sort(key=lambda f: (-SEVERITIES.index(f["severity"]), place(f), f["title"]))
    found = [(name, members) for name, members in groups.items() if len(members) >= least]
    return sorted(found, key=lambda g: (-SEVERITIES.index(g[1][0]["severity"]), -len(g[1]), g[0]))


def said(text: str) -> str:
    """A title as text of a Markdown table: it is not ours, and makes no link, image or HTML."""
    text = " ".join(text.split())[:160]
    return re.sub(r"([\\`*_\[\]<>|!])", r"\\\1", text)


def report(groups, total: int, rules: list[dict]) -> str:
    lines = ["# Patterns", "", f"{total} findings, {len(groups)} patterns.", ""]
    lines += ["| Pattern | Findings | Worst | Projects |", "|---|---|---|---|"]
    for name, members in groups:
        projects = sorted({str(f.get("project") or "-") for f in members})
        lines.append(f"| {said(name)} | {len(members)} | {members[0]['severity']} | {said(', '.join(projects))} |")
    for name, members in groups:
        lines += ["", f"## {said(name)}", "", "| Severity | Place | Finding |", "|---|---|---|"]
        lines += [f"| {f['severity']} | {said(place(f))} | {said(f['title'])} |" for f in members]
    return "\n".join(lines) + "\n"


def tasks(groups, total: int, rules: list[dict]) -> dict:
    titles = {rule["pattern"]: rule["title"] for rule in rules}
    made = []
    for name, members in groups:
        worst = members[0]["severity"]
        made.append({
            "pattern": name,
            "title": titles.get(name, f"Look into the findings of {name}"),
            "findings": len(members),
            "severity": worst,
            "priority": {"critical": "H", "high": "H", "medium": "M", "low": "L"}[worst],
            "examples": [f"{place(f)}: {f['title']}" for f in members[:5]],
        })
    return {"findings": total, "patterns": len(groups), "tasks": made}


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("findings", type=Path)
    parser.add_argument("--least", type=int, default=3)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, required=True)
    asked = parser.parse_args(args)
    rules = json.loads(Path(__file__).with_name("rules.json").read_text(encoding="utf-8"))
    findings = read(asked.findings)
    groups, total = group(findings, rules, asked.least), len(unique(findings))
    for path, text in [
        (asked.report, report(groups, total, rules)),
        (asked.tasks, json.dumps(tasks(groups, total, rules), ensure_ascii=False, indent=2) + "\n"),
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
