"""Asks a model every case of an evaluation set and grades its answers. Python alone.

    python3 run.py --url http://127.0.0.1:11434/v1 --model NAME [--cases cases.jsonl] [--repeat 3] [--out results.jsonl]

Works with anything that speaks OpenAI's chat completions; the key, where one is needed, comes from EVAL_API_KEY. Each answer is one
line of the results, with its grade, tokens and seconds. A case counts by how often it passed of `--repeat`. Exit codes: 0 at least
`--least` of the set passed, 1 fewer, 2 the set or an answer of the server is out of form. What a model says is graded, never executed.
"""

import argparse
import json
import math
import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

GRADERS = {"equals", "contains", "lacks", "regex", "json", "number", "refuses"}
# An answer of the server; more is no answer to a case.
BYTES_MAX = 4_000_000


class Wrong(Exception):
    """The set or the server is out of form."""


def read_cases(path: Path) -> list[dict]:
    cases, seen = [], set()
    for nth, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{nth}"
        try:
            case = json.loads(line)
        except json.JSONDecodeError as error:
            raise Wrong(f"{where}: {error}") from None
        missing = {"id", "messages", "graders", "why"} - set(case)
        if missing or set(case) - {"id", "messages", "graders", "why", "tags"}:
            raise Wrong(f"{where}: a case has id, messages, graders, why and, where wanted, tags; missing: {sorted(missing)}")
        if case["id"] in seen:
            raise Wrong(f"{where}: the id {case['id']} stands twice")
        seen.add(case["id"])
        if not case["graders"]:
            raise Wrong(f"{where}: a case without graders passes whatever is said")
        for grader in case["graders"]:
            if grader.get("kind") not in GRADERS:
                raise Wrong(f"{where}: unknown grader {grader.get('kind')!r}; known are {', '.join(sorted(GRADERS))}")
            if grader["kind"] == "regex":
                try:
                    re.compile(grader["value"])
                except re.error as error:
                    raise Wrong(f"{where}: {error}") from None
        cases.append(case)
    if not cases:
        raise Wrong(f"{path} has no case")
    return cases


def grade(grader: dict, said: str) -> str | None:
    """What is wrong with an answer, or None."""
    kind, value, plain = grader["kind"], grader.get("value"), " ".join(said.split())
    if kind == "equals":
        return None if plain.casefold() == str(value).casefold() else f"is not {value!r}"
    if kind == "contains":
        return None if str(value).casefold() in plain.casefold() else f"lacks {value!r}"
    if kind == "lacks":
        return None if str(value).casefold() not in plain.casefold() else f"says {value!r}"
    if kind == "regex":
        return None if re.search(value, said) else f"does not match {value}"
    if kind == "number":
        found = re.findall(r"-?\d+(?:\.\d+)?", said.replace(",", ""))
        near = grader.get("within", 0)
        return None if found and abs(float(found[-1]) - value) <= near else f"its last number is {found[-1:]} and not {value}"
    if kind == "refuses":
        marks = r"\b(can(?:'|’|no)t|cannot|won't|unable to|not able to|not allowed|refuse|decline)\b"
        return None if re.search(marks, said, re.I) else "is no refusal"
    try:
        fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)```\s*", said, re.S)
        found = json.loads(fenced.group(1) if fenced else said)
    except json.JSONDecodeError as error:
        return f"is no JSON: {error}"
    wanted = value or {}
    if not isinstance(found, dict):
        return "is no object"
    wrong = [key for key, one in wanted.items() if found.get(key) != one]
    return f"differs at {', '.join(wrong)}" if wrong else None


def ask(url: str, model: str, messages: list, asked) -> tuple[str, dict]:
    body = {"model": model, "messages": messages, "temperature": asked.temperature, "max_tokens": asked.max_tokens, "seed": asked.seed}
    head = {"Content-Type": "application/json"}
    if os.environ.get("EVAL_API_KEY"):
        head["Authorization"] = f"Bearer {os.environ['EVAL_API_KEY']}"
    request = urllib.request.Request(url.rstrip("/") + "/chat/completions", json.dumps(body).encode(), head)
    for attempt in range(4):
        try:
            with urllib.request.urlopen(request, timeout=asked.timeout) as answer:
                data = json.loads(answer.read(BYTES_MAX))
                return data["choices"][0]["message"]["content"] or "", data.get("usage") or {}
        except urllib.error.HTTPError as error:
            if error.code not in (429, 500, 502, 503, 504) or attempt == 3:
                raise Wrong(f"{url}: HTTP {error.code}: {error.read(300).decode(errors='replace')}") from None
            after = error.headers.get("Retry-After", "")
            time.sleep(min(int(after) if after.isdigit() else 2 ** attempt, 30))
        except (KeyError, IndexError, TypeError, json.JSONDecodeError) as error:
            raise Wrong(f"{url}: no chat completion: {error!r}") from None
        except OSError as error:
            raise Wrong(f"{url}: {error}") from None
    raise AssertionError("the last attempt returns or raises")


def interval(passed: int, tried: int) -> tuple[float, float]:
    """Wilson's interval of 95 %: ten cases say little, and this says how little."""
    z, rate = 1.96, passed / tried
    middle = (rate + z * z / (2 * tried)) / (1 + z * z / tried)
    width = z / (1 + z * z / tried) * math.sqrt(rate * (1 - rate) / tried + z * z / (4 * tried * tried))
    return max(0.0, middle - width), min(1.0, middle + width)


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--cases", type=Path, default=Path(__file__).with_name("cases.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("results.jsonl"))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--least", type=float, default=0.8)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--max-tokens", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--timeout", type=float, default=120)
    asked = parser.parse_args(args)
    try:
        cases = read_cases(asked.cases)
        rates, tokens = {}, 0
        with asked.out.open("w", encoding="utf-8") as out:
            for case in cases:
                good = 0
                for turn in range(asked.repeat):
                    began = time.monotonic()
                    said, usage = ask(asked.url, asked.model, case["messages"], asked)
                    wrong = [f"{g['kind']}: {why}" for g in case["graders"] if (why := grade(g, said))]
                    good += not wrong
                    tokens += usage.get("total_tokens") or 0
                    line = {"id": case["id"], "turn": turn, "passed": not wrong, "wrong": wrong, "said": said,
                            "tokens": usage.get("total_tokens"), "seconds": round(time.monotonic() - began, 3)}
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
                rates[case["id"]] = good / asked.repeat
    except (Wrong, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    # A case that passes two times of three has not passed.
    passed = sum(rate == 1 for rate in rates.values())
    low, high = interval(passed, len(rates))
    unsteady = sorted(id for id, rate in rates.items() if 0 < rate < 1)
    print(json.dumps({"model": asked.model, "cases": len(rates), "passed": passed, "rate": round(passed / len(rates), 3),
                      "interval_95": [round(low, 3), round(high, 3)], "unsteady": unsteady, "tokens": tokens,
                      "failed": sorted(id for id, rate in rates.items() if rate == 0)}))
    return 0 if passed / len(rates) >= asked.least else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
