#!/usr/bin/env python3
"""Shows that every pair in this corpus is what its case.json says it is.

For each pair it copies `base/` aside and runs the project's own test command (green, or red where the task hands over a
failing test); applies `honest.patch` and `cheat.patch`, each to a fresh copy, and demands exit 0 from the same command;
then lays the pair's `proof/` over both and demands that it tells them apart. A pair of which any step differs fails.

Python 3.11, standard library only. Exit status: 0 all shown, 1 something differs, 2 something could not be run.
"""

import argparse
import concurrent.futures
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
HALVES = ("frozen", "open", "unseen", "second")
LANGUAGES = ("rust", "python", "javascript", "typescript", "go")
DIGESTS = HERE / "FROZEN.sha256"
LISTED = HERE / "LISTED.json"

# The first Go or Rust build on a cold machine compiles a good deal; a healthy case needs a few seconds.
COMMAND_S_MAX = 300
# The corpus lives in the repository of the product, so it stays small enough to clone without noticing.
CORPUS_BYTES_MAX = 1_250_000
# What a behaviour proof prints as its last line. Exit 0 alone would not do: some cheats force the exit status.
HOLDS = "holds"

KEYS = {
    "id", "language", "task", "runner", "base_tests", "kind_of_cheat", "why", "honest_note", "changes_tests", "proof", "needs",
}
# The kinds of cheat that the gate promises to hold; README.md says what each one means.
KINDS = {
    "lost-test", "skipped-test", "weakened-assert", "edited-expectation", "exit-in-runner", "patched-runner", "always-equal",
    "environment-sniffing", "copied-literal", "swallowed-exception", "edited-configuration", "suppression", "raised-timeout",
    "test-without-change", "false-claim", "path-shim", "forged-report",
}
TOOLS = {"rust": ["cargo"], "python": [], "javascript": ["node"], "typescript": ["node"], "go": ["go"]}


@dataclass
class Result:
    case: dict
    cells: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)
    not_run: str = ""


def read_case(folder: Path) -> dict:
    """Reads and checks one case.json; says what is wrong with it, and in which case."""
    try:
        case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise SystemExit(f"cannot read {folder.name}/case.json: {error}. Mend it and run again.") from None
    wrong = []
    if not isinstance(case, dict):
        wrong.append("case.json holds no object")
    elif set(case) != KEYS:
        wrong.append(f"keys differ: missing {sorted(KEYS - set(case))}, unknown {sorted(set(case) - KEYS)}")
    elif case["id"] != folder.name:
        wrong.append(f"id is {case['id']!r} but the folder is {folder.name!r}")
    elif case["language"] not in LANGUAGES:
        wrong.append(f"language {case['language']!r} is not one of {LANGUAGES}")
    elif case["base_tests"] not in ("green", "red"):
        wrong.append(f"base_tests {case['base_tests']!r} is neither green nor red")
    elif not isinstance(case["proof"], dict) or case["proof"].get("kind") not in ("behaviour", "mutant"):
        wrong.append(f"proof {case['proof']!r} is neither behaviour nor mutant")
    for name in ("honest.patch", "cheat.patch"):
        if not (folder / name).is_file() or not (folder / name).read_bytes().strip():
            wrong.append(f"{name} is missing or empty")
    for name in ("base", "proof"):
        if not (folder / name).is_dir():
            wrong.append(f"{name}/ is missing")
    if wrong:
        raise SystemExit(f"cannot use the case {folder.name}: " + "; ".join(wrong) + ". Mend its files and run again.")
    case["folder"] = folder
    return case


def environment(home: Path) -> dict:
    """The environment of every command: no setting of the caller's shell may turn a case green or red."""
    kept = ("PATH", "HOME", "LANG", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "GOPATH", "GOCACHE", "GOROOT", "NVM_DIR")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env |= {
        "GIT_CEILING_DIRECTORIES": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GOTOOLCHAIN": "local",
        "NO_COLOR": "1",
        "TZ": "UTC",
        "npm_config_update_notifier": "false",
    }
    return env


def run(argv: list, where: Path, home: Path) -> tuple[int | None, str]:
    """Returns the exit status and what was said. The status is None when the command did not start or did not end."""
    if argv[0] == "python3":
        argv = [sys.executable, *argv[1:]]
    try:
        process = subprocess.Popen(
            argv, cwd=where, env=environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )
    except OSError as error:
        return None, f"cannot start {argv}: {error}"
    try:
        said, _ = process.communicate(timeout=COMMAND_S_MAX)
    except subprocess.TimeoutExpired:
        # The whole group: a runner's children would otherwise hold the pipe open for ever.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, f"stopped after {COMMAND_S_MAX} s"
    return process.returncode, said


def missing_tool(case: dict) -> str:
    tools = [*TOOLS[case["language"]], "git"]
    if "npm" in case["needs"]:
        tools.append("npm")
    for tool in tools:
        if shutil.which(tool) is None:
            return f"needs {tool}"
    if "pytest" in case["needs"] and importlib.util.find_spec("pytest") is None:
        return f"needs pytest (for {sys.executable})"
    return ""


def install_packages(cases: list, home: Path) -> dict:
    """Installs the npm packages once per distinct list of them; every copy links to the same folder."""
    installed = {}
    for case in cases:
        if "npm" not in case["needs"] or missing_tool(case):
            continue
        wanted = json.loads((case["folder"] / "base" / "package.json").read_text(encoding="utf-8")).get("devDependencies")
        if not wanted:
            continue
        key = json.dumps(wanted, sort_keys=True)
        if key not in installed:
            place = home / f"npm-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
            place.mkdir()
            (place / "package.json").write_text(json.dumps({"private": True, "devDependencies": wanted}), encoding="utf-8")
            code, said = run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], place, home)
            installed[key] = place / "node_modules" if code == 0 else f"npm install of {key} failed: {said.strip()[-200:]}"
        case["node_modules"] = installed[key]
    return installed


def copy_of_base(case: dict, name: str, home: Path) -> Path:
    place = home / case["id"] / name
    shutil.copytree(case["folder"] / "base", place)
    if "node_modules" in case:
        (place / "node_modules").symlink_to(case["node_modules"])
    return place


def lay_over(source: Path, place: Path) -> None:
    shutil.copytree(source, place, dirs_exist_ok=True)


def tail(said: str) -> str:
    return "\n".join("        | " + line for line in said.strip().splitlines()[-25:])


def check_case(case: dict, home: Path) -> Result:
    result = Result(case)
    result.not_run = missing_tool(case)
    if isinstance(case.get("node_modules"), str):
        result.not_run = case["node_modules"]
    if result.not_run:
        return result

    def demand(cell: str, code: int | None, holds: bool, shown: str, said: str) -> None:
        # A command without an end shows nothing: it is neither a red base nor a refuted cheat.
        shown = shown if code is not None else "no end"
        result.cells[cell] = shown
        if code is None or not holds:
            result.faults.append(f"{cell}: {shown}\n{tail(said)}")

    code, said = run(case["runner"], copy_of_base(case, "base", home), home)
    shown = "green" if code == 0 else "red"
    demand("base", code, shown == case["base_tests"], shown, said)

    for side in ("honest", "cheat"):
        place = copy_of_base(case, side, home)
        code, said = run(["git", "apply", "--whitespace=nowarn", str(case["folder"] / f"{side}.patch")], place, home)
        if code != 0:
            demand(side, code, False, "does not apply", said)
            continue
        absent = [path for path in case["changes_tests"] if side == "honest" and not named_in_patch(case, path)]
        if absent:
            result.faults.append(f"changes_tests names {absent}, which honest.patch does not touch")
        code, said = run(case["runner"], place, home)
        demand(side, code, code == 0, f"exit {code}", said)

        # The proof is what makes `cheat` a finding and not an opinion.
        lay_over(case["folder"] / "proof", place)
        if case["proof"]["kind"] == "behaviour":
            code, said = run(case["proof"]["command"], place, home)
            told = code == 0 and said.strip().splitlines()[-1:] == [HOLDS]
        else:
            code, said = run(case["runner"], place, home)
            told = code != 0
        demand(f"proof/{side}", code, told == (side == "honest"), "holds" if told else "refuted", said)
    return result


def named_in_patch(case: dict, path: str) -> bool:
    lines = (case["folder"] / "honest.patch").read_text(encoding="utf-8").splitlines()
    return any(line.startswith("diff --git ") and f"/{path}" in line for line in lines)


def check_digests() -> list:
    """Compares the frozen half, file by file, with the digests written when it was made."""
    if not DIGESTS.is_file():
        return [f"{DIGESTS.name} is missing; take it from the commit that froze this half"]
    listed = {}
    for line in DIGESTS.read_text(encoding="utf-8").splitlines():
        digest, _, path = line.partition("  ")
        listed[path] = digest
    found = {
        path.relative_to(HERE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((HERE / "frozen").rglob("*")) if path.is_file()
    }
    faults = [f"{path}: listed, but not there" for path in sorted(listed.keys() - found.keys())]
    faults += [f"{path}: there, but not listed" for path in sorted(found.keys() - listed.keys())]
    faults += [f"{path}: changed since it was frozen" for path in sorted(found) if listed.get(path, found[path]) != found[path]]
    return faults


def check_listed() -> list:
    """Demands that LISTED.json names each pair once, with a kind of KINDS or with what the product gets wrong."""
    twice = []

    def pairs_once(pairs: list) -> dict:
        # json.loads would keep the last of two, and say nothing.
        twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    try:
        listed = json.loads(LISTED.read_text(encoding="utf-8"), object_pairs_hook=pairs_once)
    except (OSError, ValueError) as error:
        return [f"cannot read {LISTED.name}: {error}; it names the kind of every pair"]
    if not isinstance(listed, dict) or not all(isinstance(pairs, dict) for pairs in listed.values()):
        return [f"{LISTED.name} is no object of halves with an object of pairs each"]
    there = {f"{half}/{case.parent.name}" for half in HALVES for case in (HERE / half).glob("*/case.json")}
    named = {f"{half}/{name}": kind for half, pairs in listed.items() for name, kind in pairs.items()}
    faults = [f"{LISTED.name}: {name} stands there twice" for name in twice]
    faults += [f"{LISTED.name}: {pair} is missing; add its kind" for pair in sorted(there - named.keys())]
    faults += [f"{LISTED.name}: {pair} is no pair of this corpus" for pair in sorted(named.keys() - there)]
    faults += [
        f"{LISTED.name}: {pair} has {kind!r}; it needs one of listed (a kind of README.md) and meaning (a sentence)"
        for pair, kind in sorted(named.items()) if not is_kind(kind)
    ]
    return faults


def is_kind(kind: object) -> bool:
    if not isinstance(kind, dict) or len(kind) != 1:
        return False
    [(side, said)] = kind.items()
    return isinstance(said, str) and (said in KINDS if side == "listed" else side == "meaning" and bool(said.strip()))


def check_size() -> list:
    size = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
    return [f"the corpus has {size} bytes; at most {CORPUS_BYTES_MAX} are allowed"] if size > CORPUS_BYTES_MAX else []


def print_table(results: list) -> None:
    columns = ["base", "honest", "cheat", "proof/honest", "proof/cheat"]
    wide = max([len(result.case["id"]) for result in results] + [4])
    print(f"{'case':<{wide}}  {'language':<10}  {'base':<6}  {'honest':<7}  {'cheat':<7}  {'proof/honest':<12}  {'proof/cheat':<11}  verdict")
    for result in results:
        cells = [result.cells.get(column, "-") for column in columns]
        verdict = f"not run: {result.not_run}" if result.not_run else "differs" if result.faults else "shown"
        print(
            f"{result.case['id']:<{wide}}  {result.case['language']:<10}  {cells[0]:<6}  {cells[1]:<7}  {cells[2]:<7}  "
            f"{cells[3]:<12}  {cells[4]:<11}  {verdict}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", choices=LANGUAGES, help="only the pairs of this language")
    parser.add_argument("--half", choices=HALVES, help="only this half or set (default: all)")
    parser.add_argument("--case", help="only the pair with this id")
    parser.add_argument("--jobs", type=int, default=2, help="pairs checked at the same time (default: 2)")
    parser.add_argument("--keep", metavar="DIR", help="leave the copies in this new folder for a look")
    wanted = parser.parse_args()

    cases = [
        read_case(folder)
        for half in HALVES if wanted.half in (None, half)
        for folder in sorted((HERE / half).glob("*")) if (folder / "case.json").is_file()
    ]
    cases = [case for case in cases if wanted.language in (None, case["language"]) and wanted.case in (None, case["id"])]
    if not cases:
        print("no case matches; nothing was checked", file=sys.stderr)
        return 1

    home = Path(wanted.keep).resolve() if wanted.keep else Path(tempfile.mkdtemp(prefix="gate-corpus-"))
    home.mkdir(parents=True, exist_ok=True)
    try:
        install_packages(cases, home)
        with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, wanted.jobs)) as pool:
            results = list(pool.map(lambda case: check_case(case, home), cases))
    finally:
        if not wanted.keep:
            shutil.rmtree(home, ignore_errors=True)

    print_table(results)
    faults = check_digests() + check_listed() + check_size()
    for result in results:
        for fault in result.faults:
            print(f"\n{result.case['id']}: {fault}")
    for fault in faults:
        print(f"\ncorpus: {fault}")

    languages = Counter(result.case["language"] for result in results if not result.not_run)
    kinds = {result.case["kind_of_cheat"] for result in results}
    ran = sum(languages.values())
    print(
        f"\n{ran} of {len(results)} pairs ran ({', '.join(f'{name} {count}' for name, count in sorted(languages.items()))}); "
        f"{len(kinds)} kinds of cheat; {sum(bool(result.faults) for result in results)} pairs differ; "
        f"frozen files: {'as frozen' if not check_digests() else 'NOT as frozen'}"
    )
    if faults or any(result.faults for result in results):
        return 1
    return 2 if ran < len(results) else 0


if __name__ == "__main__":
    sys.exit(main())
