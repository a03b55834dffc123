/**
 * Tabs by the pattern of the ARIA Authoring Practices, chosen as they take focus. Without this script they are links to the sections
 * below them; with it, sections become panels of which one is shown.
 *
 *   <div class="${{ vars.name }}">
 *     <ul data-heading="id of a heading"><li><a href="#a">A</a></li> ...</ul>
 *     <section id="a"> ... </section> ...
 *   </div>
 */

/** Where a key leads from the tab `at` of `count`; null for a key that is not the tabs'. */
export function target(key, at, count, rightToLeft = false) {
  const [back, on] = rightToLeft ? ["ArrowRight", "ArrowLeft"] : ["ArrowLeft", "ArrowRight"];
  switch (key) {
    case on:
      return (at + 1) % count;
    case back:
      return (at - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    case " ":
    case "Enter":
      return at;
    default:
      return null;
  }
}

/** Makes tabs of a list, its links and the sections that they lead to, in the same order. Returns the way to choose one. */
export function tabs({ list, items, links, panels, heading, rightToLeft = false, chosen = 0 }) {
  if (links.length === 0 || links.length !== panels.length) {
    throw new Error("each tab leads to a section of its own, and there is one at least");
  }
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-labelledby", heading);
  items.forEach((item) => item.setAttribute("role", "presentation"));
  const choose = (at, focus) => {
    links.forEach((link, index) => {
      const is = index === at;
      link.setAttribute("aria-selected", String(is));
      link.tabIndex = is ? 0 : -1;
      panels[index].hidden = !is;
    });
    if (focus) {
      links[at].focus();
    }
  };
  links.forEach((link, index) => {
    const panel = panels[index];
    link.id ||= `${panel.id}-tab`;
    link.setAttribute("role", "tab");
    link.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", link.id);
    panel.tabIndex = 0;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      choose(index, true);
    });
    link.addEventListener("keydown", (event) => {
      // With these keys down it is the browser's or the reader's.
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
        return;
      }
      const next = target(event.key, index, links.length, rightToLeft);
      if (next !== null) {
        event.preventDefault();
        choose(next, true);
      }
    });
  });
  choose(chosen, false);
  return choose;
}

/** All of a page. A tab that the address names is the chosen one. */
export function start(page) {
  for (const root of page.querySelectorAll(".${{ vars.name }}")) {
    const list = root.querySelector("ul");
    const links = [...list.querySelectorAll("a[href^='#']")];
    const panels = links.map((link) => page.getElementById(link.hash.slice(1)));
    const named = links.findIndex((link) => link.hash === page.location?.hash);
    const rightToLeft = page.defaultView.getComputedStyle(root).direction === "rtl";
    const { heading } = list.dataset;
    tabs({ list, items: [...list.children], links, panels, heading, rightToLeft, chosen: Math.max(named, 0) });
  }
}

if (typeof document !== "undefined") {
  start(document);
}
