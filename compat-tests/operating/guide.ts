import { readFileSync } from 'node:fs';

/** Commands that are run on one machine, one after the other. */
export interface Block {
  /** Its address in the guide. */
  readonly machine: string;
  readonly commands: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

const SECTION = /^## (.*)$/m;
const BLOCK = /^```sh\n# on (?:each of )?([\d. ]+)(?:, .*)?\n([^`]*)^```$/gm;

/** The sections of the guide that have something to be carried out, in their order. */
export function sections(text: string): Section[] {
  const [, ...parts] = text.split(SECTION);
  return parts.flatMap((title, i) => {
    if (i % 2 === 1) return [];
    const blocks = [...parts[i + 1].matchAll(BLOCK)].flatMap(([, machines, lines]) =>
      machines.split(' ').map((machine) => ({
        machine,
        commands: lines.trim().replaceAll('$NODE', machine).split('\n'),
      })),
    );
    return blocks.length === 0 ? [] : [{ title, blocks }];
  });
}

/** The config file of the guide. */
export function configFile(text: string): string {
  return /^```conf\n([^`]*)^```$/m.exec(text)![1];
}

export function guide(): string {
  return readFileSync('docs/operating.md', 'utf8');
}
