import { sum } from "../vendor/tinysum/index.js";

/** The list of an archive: a line for each file with its sum in hex, two spaces, its name. */
export function list(files) {
  return Object.keys(files).sort().map((name) => `${line(files[name])}  ${name}\n`).join("");
}

function line(text) {
  return sum(text).toString(16).padStart(8, "0");
}

/** The names of files that are missing or other than the list says. */
export function damaged(files, listing) {
  const entries = listing.split("\n").filter(Boolean).map((row) => row.split("  "));
  return entries.filter(([known, name]) => files[name] === undefined || line(files[name]) !== known).map(([, name]) => name);
}
