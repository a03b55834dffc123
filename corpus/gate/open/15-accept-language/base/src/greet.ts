import type { Greeting } from './types.js';

const GREETINGS: Greeting[] = [
  { language: 'en-GB', text: 'Hello' },
  { language: 'de', text: 'Guten Tag' },
  { language: 'fr', text: 'Bonjour' },
];

/** Returns the greeting in a language, or in English. */
export function greet(language?: string): string {
  return (GREETINGS.find((greeting) => greeting.language === language) ?? GREETINGS[0]!).text;
}
