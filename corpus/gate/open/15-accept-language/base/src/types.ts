export interface Greeting {
  language: string;
  text: string;
}
