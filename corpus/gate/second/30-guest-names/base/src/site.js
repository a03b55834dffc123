import { Page } from "./page.js";

/** All pages of the site by their path. */
export function build(books) {
  const pages = {};
  for (const [path, { title, entries }] of Object.entries(books)) {
    const page = new Page(title);
    for (const entry of entries) page.add(entry);
    pages[path] = page.html();
  }
  return pages;
}
