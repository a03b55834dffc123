export function renderComment({ author, text }) {
  return `<li title="${author}">${text}</li>`;
}
