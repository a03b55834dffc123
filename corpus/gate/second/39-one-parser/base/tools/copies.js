// Finds functions in src/ that are the same but for spaces and for their name.
import { readdirSync, readFileSync } from "node:fs";

const seen = new Map();
let found = 0;
for (const file of readdirSync("src").sort()) {
  const source = readFileSync(`src/${file}`, "utf8");
  for (const [, name, body] of source.matchAll(/^(?:export )?function (\w+)([^]*?)^}/gm)) {
    const key = body.replace(/\s+/g, "");
    const place = `${file}: ${name}`;
    if (seen.has(key)) {
      console.error(`${place} is a copy of ${seen.get(key)}`);
      found++;
    }
    seen.set(key, place);
  }
}
process.exit(found === 0 ? 0 : 1);
