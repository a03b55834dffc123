import { Transform } from "node:stream";

/** Takes bytes and gives lines, as texts without their line ends. */
export class LineSplitter extends Transform {
  #rest = "";

  constructor() {
    super({ readableObjectMode: true });
  }

  _transform(chunk, encoding, done) {
    const lines = (this.#rest + chunk.toString("utf8")).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) this.push(line);
    done();
  }
}
