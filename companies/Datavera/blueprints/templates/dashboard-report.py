"""From SQL to one static page with tables and SVG charts. Python alone; the database is opened for reading only.

    python3 report.py --database FILE.db --out report.html [--sql report.sql] [--title TEXT]

`report.sql` holds queries, each with its own head and a semicolon at its end:

    -- title: Portions a day
    -- chart: bar            (bar, line or none; the first column names, the second counts)
    -- note: Whole days, by the day of the order.
    SELECT ...;

The page loads nothing from elsewhere and has no script; what stands in the database is text in it. The same data gives the same bytes.
"""

import argparse
import base64
import hashlib
import html
import os
import re
import sqlite3
import sys
import tempfile
from pathlib import Path

# More belongs into a file of its own; a reader sees no more than this.
ROWS_MAX = 200
CHART_ROWS_MAX = 40
# A query that runs away is stopped after so many thousand steps of SQLite's machine.
STEPS_MAX = 500_000
WIDTH, HEIGHT, LEFT, BELOW = 720, 300, 70, 60
STYLE = """
:root{color-scheme:light dark;--ground:#fbfaf7;--text:#1c2321;--edge:#7f8985;--mark:#1f5a4c}
@media (prefers-color-scheme:dark){:root{--ground:#141816;--text:#eceeea;--edge:#76817c;--mark:#8fd0bd}}
body{margin:2rem auto;width:min(100% - 2.5rem,60rem);font:100%/1.6 system-ui,sans-serif;background:var(--ground);color:var(--text)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding-block:.5rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:left;border-bottom:1px solid var(--edge)}
.n{text-align:right}
svg{width:100%;height:auto}
svg text{fill:var(--text);font-size:13px}
.bar{fill:var(--mark)}
.line{fill:none;stroke:var(--mark);stroke-width:3}
.axis{stroke:var(--edge)}
:focus-visible{outline:3px solid var(--mark)}
"""


class Wrong(Exception):
    """What a person has to mend in the SQL."""


def read_queries(path: Path) -> list[dict]:
    queries, head, lines = [], {}, []
    for nth, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = re.match(r"--\s*(title|chart|note):\s*(.+?)\s*$", line)
        if found and not lines:
            head[found[1]] = found[2]
            continue
        if line.strip() and not (line.lstrip().startswith("--") and not lines):
            lines.append(line)
        if lines and sqlite3.complete_statement("\n".join(lines)):
            if "title" not in head:
                raise Wrong(f"{path}:{nth}: a query without `-- title:`")
            if head.get("chart", "none") not in ("bar", "line", "none"):
                raise Wrong(f"{path}:{nth}: a chart is bar, line or none")
            queries.append({"chart": "none", "note": ""} | head | {"sql": "\n".join(lines)})
            head, lines = {}, []
    if lines or not queries:
        raise Wrong(f"{path}: a query without its semicolon, or no query at all")
    return queries


def ask(database: sqlite3.Connection, query: dict):
    steps = 0

    def step():
        nonlocal steps
        steps += 1
        return steps > STEPS_MAX

    database.set_progress_handler(step, 1000)
    try:
        found = database.execute(query["sql"])
        if found.description is None:
            raise Wrong(f"{query['title']}: it reads nothing")
        return [column[0] for column in found.description], found.fetchmany(ROWS_MAX + 1)
    except sqlite3.Error as error:
        raise Wrong(f"{query['title']}: {error}") from None


def shown(value) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}".replace(",", "\u202f")
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    # Control characters are no part of HTML.
    return html.escape("".join(sign for sign in str(value) if sign >= " " and not "\x7f" <= sign <= "\x9f"))


def table(title: str, names: list, rows: list) -> str:
    numbers = [all(isinstance(row[at], int | float) or row[at] is None for row in rows) for at in range(len(names))]
    mark = lambda at: ' class="n"' if numbers[at] and rows else ""
    head = "".join(f'<th scope="col"{mark(at)}>{shown(name)}</th>' for at, name in enumerate(names))
    body = "\n".join("<tr>" + "".join(f"<td{mark(at)}>{shown(one)}</td>" for at, one in enumerate(row)) + "</tr>" for row in rows[:ROWS_MAX])
    more = f"<p>The first {ROWS_MAX} rows; there are more.</p>" if len(rows) > ROWS_MAX else ""
    none = "<p>No rows.</p>" if not rows else ""
    return f'<section class="wide" tabindex="0" aria-label="{html.escape(title)}: table"><table><caption>{html.escape(title)}</caption>' \
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></section>{more}{none}"


def chart(query: dict, names: list, rows: list, nth: int) -> str:
    if query["chart"] == "none" or not rows:
        return ""
    title = query["title"]
    if len(names) < 2 or any(not isinstance(row[1], int | float) for row in rows):
        raise Wrong(f"{title}: a chart needs a second column of numbers")
    if len(rows) > CHART_ROWS_MAX:
        raise Wrong(f"{title}: {len(rows)} rows; a chart holds {CHART_ROWS_MAX}: group them, or `-- chart: none`")
    # Zero is always on the axis: a bar that begins elsewhere lies.
    top, low = max(0, *(row[1] for row in rows)), min(0, *(row[1] for row in rows))
    span = (top - low) or 1
    y = lambda value: 10 + (top - value) / span * (HEIGHT - BELOW - 10)
    step = (WIDTH - LEFT - 10) / len(rows)
    marks = []
    if query["chart"] == "bar":
        for at, row in enumerate(rows):
            upper, lower = sorted([y(row[1]), y(0)])
            marks.append(f'<rect class="bar" x="{LEFT + at * step + step * .1:.1f}" y="{upper:.1f}" width="{step * .8:.1f}" height="{lower - upper:.1f}"/>')
    else:
        points = " ".join(f"{LEFT + (at + .5) * step:.1f},{y(row[1]):.1f}" for at, row in enumerate(rows))
        marks.append(f'<polyline class="line" points="{points}"/>')
    every = -(-len(rows) // 12)
    labels = "".join(f'<text x="{LEFT + (at + .5) * step:.1f}" y="{HEIGHT - BELOW + 22}" text-anchor="middle">{shown(row[0])[:60]}</text>'
                     for at, row in enumerate(rows) if at % every == 0)
    ends = "".join(f'<text x="{LEFT - 8}" y="{y(value) + 5:.1f}" text-anchor="end">{shown(value)}</text>' for value in sorted({0, top, low}))
    least, most = min(rows, key=lambda row: row[1]), max(rows, key=lambda row: row[1])
    said = f"{query['chart']} chart of {len(rows)} values, from {shown(least[1])} ({shown(least[0])}) to {shown(most[1])} ({shown(most[0])}); the table below has all."
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t{nth} d{nth}"><title id="t{nth}">{html.escape(title)}</title>' \
        f'<desc id="d{nth}">{said}</desc><line class="axis" x1="{LEFT}" y1="{y(0):.1f}" x2="{WIDTH - 10}" y2="{y(0):.1f}"/>{"".join(marks)}{labels}{ends}</svg>'


def page(title: str, parts: list[str]) -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    body = "\n".join(parts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sql", type=Path, default=Path(__file__).with_name("report.sql"))
    parser.add_argument("--title", default="Report")
    asked = parser.parse_args(args)
    try:
        database = sqlite3.connect(f"{asked.database.resolve().as_uri()}?mode=ro", uri=True)
        database.execute("PRAGMA query_only = on")
        parts = []
        for nth, query in enumerate(read_queries(asked.sql)):
            names, rows = ask(database, query)
            note = f"<p>{html.escape(query['note'])}</p>" if query["note"] else ""
            parts.append(f"<section>\n<h2>{html.escape(query['title'])}</h2>\n{note}\n{chart(query, names, rows, nth)}\n{table(query['title'], names, rows)}\n</section>")
        text = page(asked.title, parts)
    except (Wrong, OSError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.NamedTemporaryFile("w", dir=asked.out.resolve().parent, encoding="utf-8", delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, asked.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
