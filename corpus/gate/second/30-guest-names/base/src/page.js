/** The pages of the guest book. An entry is { name, link, text }. */
export class Page {
  constructor(title) {
    this.title = title;
    this.entries = [];
  }

  add(entry) {
    this.entries.push(entry);
    return this;
  }

  html() {
    const items = this.entries.map((entry) => this.#entry(entry)).join("\n");
    return `<h1>${this.title}</h1>\n<ul>\n${items}\n</ul>\n`;
  }

  #entry({ name, link, text }) {
    const who = link ? `<a href="${link}" title="${name}">${name}</a>` : name;
    return `<li>${who}: ${text}</li>`;
  }
}
