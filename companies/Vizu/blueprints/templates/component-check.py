"""What a machine can say of the component without a browser: python3 check.py

Contrast of each pair of colours in light and dark (1.4.3, 1.4.11), what takes focus away or moves it (2.4.3, 2.4.7), sizes of targets
(2.5.8), fixed heights (1.4.12), names and their sections on the demo page (2.4.4, 2.4.6, 2.5.3), its policy, and the checklist: every
criterion there, and nobody named as its proof who does none.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = HERE.name
# Foreground, background, least contrast.
PAIRS = [
    ("text", "ground", 4.5), ("text", "raised", 4.5), ("quiet", "ground", 4.5), ("accent", "ground", 3), ("accent", "raised", 3), ("edge", "ground", 3),
]
# Criteria of levels A and AA that a component can meet or miss; the rest is the page's.
CRITERIA = {
    "1.1.1": "A", "1.3.1": "A", "1.3.2": "A", "1.3.4": "AA", "1.4.1": "A", "1.4.3": "AA", "1.4.4": "AA", "1.4.10": "AA", "1.4.11": "AA",
    "1.4.12": "AA", "1.4.13": "AA", "2.1.1": "A", "2.1.2": "A", "2.1.4": "A", "2.2.2": "A", "2.4.3": "A", "2.4.4": "A", "2.4.6": "AA",
    "2.4.7": "AA", "2.4.11": "AA", "2.5.2": "A", "2.5.3": "A", "2.5.7": "AA", "2.5.8": "AA", "3.2.1": "A", "3.2.2": "A", "4.1.2": "A", "4.1.3": "AA",
}
# What only somebody who looks can tell.
PERSONS = {"1.4.4", "1.4.10", "2.4.11"}
# By these a tap is met; 2.5.8 itself asks for 24.
TARGET_PX = 44


def luminance(colour: str) -> float:
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def style(css: str) -> list[str]:
    wrong = []
    light, _, dark = css.partition("@media (prefers-color-scheme: dark)")
    found = r"--([a-z-]+):\s*(#[0-9a-f]{6});"
    base = dict(re.findall(found, light))
    for scheme, known in [("light", base), ("dark", base | dict(re.findall(found, dark)))]:
        for front, back, least in PAIRS:
            if front not in known or back not in known:
                wrong.append(f"1.4.3: {scheme}: --{front} or --{back} is missing or not #rrggbb")
            elif contrast(known[front], known[back]) < least:
                wrong.append(f"1.4.3, 1.4.11: {scheme}: {front} on {back} has {contrast(known[front], known[back]):.2f}:1, not {least}:1")
    if re.search(r"outline(-style|-width)?:\s*(none|0)", css) or not re.search(r":focus-visible\s*{[^}]*outline:\s*[2-9]px", css):
        wrong.append("2.4.7: focus is seen: `:focus-visible` has an outline of 2 pixels or more, and nothing takes one away")
    sizes = re.findall(r"min-(?:block|inline)-size:\s*(\d+)px", css)
    if len(sizes) < 2 or min(map(int, sizes)) < TARGET_PX:
        wrong.append(f"2.5.8: a tab is {TARGET_PX} by {TARGET_PX} pixels at least, in both directions")
    if re.search(r"(?<![-\w])(height|block-size):\s*\d", css):
        wrong.append("1.4.12: a fixed height cuts text that is spaced wider; take a least one")
    for query in ["forced-colors: active", "prefers-reduced-motion: reduce"]:
        if query not in css:
            wrong.append(f"the style sheet says nothing for `{query}`")
    if re.search(r"url\(\s*['\"]?([a-z]+:)?//|@import", css):
        wrong.append("the style sheet loads from elsewhere")
    if re.search(r"@keyframes|animation:(?!\s*none)", css):
        wrong.append("2.2.2: something moves by itself")
    return wrong


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.wrong, self.ids, self.heads, self.links, self.sections, self.policy = [], [], [], [], [], ""
        self.link, self.lists, self.loaded, self.named = None, 0, [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        if re.fullmatch("h[1-6]", tag):
            self.heads.append(int(tag[1]))
        if tag == "ul":
            self.lists += 1
            self.named.append(found.get("data-heading"))
        if tag == "a":
            self.link = [found.get("href") or "", ""]
            if "aria-label" in found:
                self.wrong.append("2.5.3: a tab's name is its visible word")
        if tag == "section":
            self.sections.append(found.get("id"))
        if tag == "img" and "alt" not in found:
            self.wrong.append("1.1.1: an image without alt")
        if int(found.get("tabindex") or 0) > 0:
            self.wrong.append("2.4.3: a tabindex above 0")
        if tag == "style" or "style" in found or any(name.startswith("on") for name in found):
            self.wrong.append(f"<{tag}>: the policy stops what is written into the page")
        if tag == "script" and not found.get("src"):
            self.wrong.append("<script>: the policy stops what is written into the page")
        if found.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = found["content"]
        loaded = found.get("src") or (found.get("href") if tag == "link" else None)
        if loaded and re.match(r"([a-z]+:)?//|data:", loaded):
            self.wrong.append(f"<{tag}> loads {loaded} from elsewhere")
        elif loaded:
            self.loaded.append(loaded)

    def handle_data(self, data):
        if self.link is not None:
            self.link[1] += data.strip()

    def handle_endtag(self, tag):
        if tag == "a":
            self.links.append(self.link)
            self.link = None


def page(text: str) -> list[str]:
    seen = Page()
    seen.feed(text)
    wrong = seen.wrong
    wrong += [f"2.4.4: a tab without a word leads to {href}" for href, word in seen.links if not word]
    wrong += [f"{href} leads nowhere" for href, _ in seen.links if href[1:] not in seen.ids]
    wrong += ["2.4.6: a list of tabs without a heading that names it" for one in seen.named if one not in seen.ids]
    led = [href[1:] for href, _ in seen.links]
    wrong += [f"1.3.2: no tab leads to the section {one}" for one in seen.sections if one not in led]
    order = [one for one in led if one in seen.sections]
    if [one for one in dict.fromkeys(order)] != seen.sections:
        wrong.append("1.3.2: sections stand in the order of their tabs")
    wrong += [f"the id {one} stands twice" for one in set(seen.ids) if seen.ids.count(one) > 1]
    if seen.heads[:1] != [1] or seen.heads.count(1) != 1 or any(b - a > 1 for a, b in zip(seen.heads, seen.heads[1:])):
        wrong.append(f"headings are {seen.heads}: one first, none left out")
    if seen.lists < 4:
        wrong.append(f"the demo page shows {seen.lists} states; as it is used, one, many and empty are four")
    if "default-src 'none'" not in seen.policy or "unsafe" in seen.policy:
        wrong.append("the policy begins with default-src 'none' and has nothing unsafe")
    wrong += [f"{one} is not there" for one in seen.loaded if not (HERE / one).is_file()]
    return wrong


def checklist(text: str, tests: str) -> list[str]:
    wrong, seen = [], {}
    for line in text.splitlines():
        row = re.match(r"\|\s*(\d\.\d\.\d+) [^|]+\|\s*(A{1,2})\s*\|\s*([^|]+?)\s*\|\s*([^|]+?)\s*\|$", line)
        if row:
            number, level, how, by = row.groups()
            seen[number] = level
            if by not in ("check.py", "test", "person"):
                wrong.append(f"{number}: proven by `{by}`; it is check.py, test or person")
            if by != "person" and number in PERSONS:
                wrong.append(f"{number}: no machine here sees that; it is a person's")
            if by == "test" and number not in tests:
                wrong.append(f"{number}: no test names it")
            if len(how) < 8:
                wrong.append(f"{number}: it does not say how")
    wrong += [f"{number} ({level}) is missing from ACCESSIBILITY.md" for number, level in CRITERIA.items() if seen.get(number) != level]
    return wrong


def main() -> None:
    read = lambda name: (HERE / name).read_text(encoding="utf-8")
    wrong = style(read(f"{NAME}.css")) + page(read("index.html"))
    wrong += checklist(read("ACCESSIBILITY.md"), read(f"{NAME}.test.mjs"))
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(PAIRS) * 2} pairs of colours, {len(CRITERIA)} criteria, every state on the demo page")


if __name__ == "__main__":
    main()
