import { execFileSync } from 'node:child_process';

export interface Entry {
  commit: string;
  subject: string;
}

/** The commits after `from` up to `to`, newest first. */
export function entries(repository: string, from: string, to: string): Entry[] {
  const said = execFileSync('git', ['log', '--format=%h|%s', `${from}..${to}`], { cwd: repository, encoding: 'utf8' });
  return said
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [commit, subject] = line.split('|');
      return { commit, subject };
    });
}

/** Notes as a list. */
export function notes(repository: string, from: string, to: string): string {
  return entries(repository, from, to)
    .map((entry) => `- ${entry.subject} (${entry.commit})\n`)
    .join('');
}
