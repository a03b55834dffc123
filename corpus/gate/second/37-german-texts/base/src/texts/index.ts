import { en, Texts } from "./en.js";

/** The texts of a language; English where we have no others. */
export function texts(language: string): Texts {
  switch (language) {
    default:
      return en;
  }
}
