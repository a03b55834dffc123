import { renderComment } from './comment.js';

export function renderPage(title, comments) {
  return `<h1>${title}</h1>\n<ul>\n${comments.map(renderComment).join('\n')}\n</ul>`;
}
