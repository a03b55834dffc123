import { readEnv } from "./lib/env";

/** Runs once before the first request: a wrong setting ends the start, not the first visitor's request. */
export function register(): void {
  readEnv(process.env);
}
