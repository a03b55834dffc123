export class SheetError extends Error {}

export interface Sheet {
  header: string[];
  rows: string[][];
}

export function read(text: string): Sheet {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const [header, ...rows] = lines.map((line) => line.split(";").map((cell) => cell.trim()));
  return { header: header, rows };
}

export function column(sheet: Sheet, name: string): string[] {
  const at = sheet.header.indexOf(name);
  return sheet.rows.map((row) => row[at]);
}
