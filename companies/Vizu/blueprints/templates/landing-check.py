"""What a machine can say of the page without a browser: python3 check.py

Contrast of each pair of colours (WCAG 2.2, 1.4.3 and 1.4.11) in light and dark, headings in order, names of links, ids, what the page
loads from elsewhere, what its policy would stop, and its weight. Keyboard, zoom and a screen reader are a person's to try.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Foreground, background, least contrast.
PAIRS = [
    ("text", "ground", 4.5), ("text", "raised", 4.5), ("quiet", "ground", 4.5), ("quiet", "raised", 4.5),
    ("on-accent", "accent", 4.5), ("accent", "ground", 3), ("accent", "raised", 3), ("edge", "ground", 3), ("edge", "raised", 3),
]
# All that a first visit loads; a page of this kind needs no more.
BYTES_MAX = 100_000


def luminance(colour: str) -> float:
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colours(css: str) -> list[str]:
    wrong = []
    light, _, dark = css.partition("@media (prefers-color-scheme: dark)")
    base = dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6});", light))
    for scheme, found in [("light", base), ("dark", base | dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6});", dark)))]:
        for front, back, least in PAIRS:
            if front not in found or back not in found:
                wrong.append(f"styles.css: {scheme}: --{front} or --{back} is missing or not #rrggbb")
            elif contrast(found[front], found[back]) < least:
                wrong.append(f"styles.css: {scheme}: {front} on {back} has {contrast(found[front], found[back]):.2f}:1, not {least}:1")
    rest = re.sub(r"--[a-z-]+:\s*#[0-9a-f]{6};", "", css)
    wrong += [f"styles.css: the colour {one} is none of the pairs" for one in re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{]*;)", rest)]
    return wrong


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.wrong, self.ids, self.targets, self.heads, self.lang, self.policy = [], [], [], [], None, ""
        self.link, self.local = None, []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "html":
            self.lang = found.get("lang")
        if "id" in found:
            self.ids.append(found["id"])
        if re.fullmatch("h[1-6]", tag):
            self.heads.append(int(tag[1]))
        if tag == "a":
            self.link = found.get("aria-label") or ""
            if (found.get("href") or "").startswith("#"):
                self.targets.append(found["href"][1:])
        if tag == "img" and "alt" not in found:
            self.wrong.append("an image without alt")
        if tag in ("script", "style", "iframe") or "style" in found or any(name.startswith("on") for name in found):
            self.wrong.append(f"<{tag}>: the policy stops scripts, frames and inline styles")
        if found.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = found["content"]
        loaded = found.get("src") or (found.get("href") if tag == "link" else None)
        if loaded and re.match(r"([a-z]+:)?//|data:", loaded):
            self.wrong.append(f"<{tag}> loads {loaded} from elsewhere")
        elif loaded:
            self.local.append(loaded)

    def handle_data(self, data):
        if self.link is not None:
            self.link += data.strip()

    def handle_endtag(self, tag):
        if tag == "a":
            if not self.link:
                self.wrong.append("a link without a name")
            elif self.link.lower() in ("here", "click here", "read more", "more", "her", "les mer", "ovdje"):
                self.wrong.append(f"a link named `{self.link}` says nothing alone")
            self.link = None


def main() -> None:
    text, css = (HERE / "index.html").read_text(encoding="utf-8"), (HERE / "styles.css").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    wrong = page.wrong + colours(css)
    if not page.lang:
        wrong.append("the page says no language")
    if page.heads.count(1) != 1 or any(after - before > 1 for before, after in zip(page.heads, page.heads[1:])):
        wrong.append(f"headings are {page.heads}: one first, none left out")
    wrong += [f"the id {one} stands twice" for one in set(page.ids) if page.ids.count(one) > 1]
    wrong += [f"#{target} leads nowhere" for target in page.targets if target not in page.ids]
    if "default-src 'none'" not in page.policy or "unsafe" in page.policy:
        wrong.append("the policy begins with default-src 'none' and has nothing unsafe")
    if re.search(r"url\(\s*['\"]?([a-z]+:)?//|@import", css):
        wrong.append("styles.css loads from elsewhere")
    files = [HERE / name for name in ["index.html", *page.local]]
    wrong += [f"{file.name} is not there" for file in files if not file.is_file()]
    weight = sum(file.stat().st_size for file in files if file.is_file())
    if weight > BYTES_MAX:
        wrong.append(f"a first visit loads {weight} bytes; {BYTES_MAX} are enough")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{weight} bytes, {len(PAIRS) * 2} pairs of colours, nothing from elsewhere")


if __name__ == "__main__":
    main()
