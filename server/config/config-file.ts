import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** One `name value` line of a config file. */
export interface ConfigLine {
  readonly name: string;
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

const SETTING_LINE = /^\s*([\w-]+)\s*(.*?)\s*$/;

/** Reads a config file: `name value` lines, `#` comments, values in quotes where they hold spaces. Throws with the path. */
export function readConfigFile(path: string): ConfigLine[] {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`the config file ${path} cannot be read: ${(error as Error).message}`);
  }
  const lines: ConfigLine[] = [];
  content.split(/\r?\n/).forEach((text, i) => {
    if (/^\s*(#|$)/.test(text)) return;
    const parts = SETTING_LINE.exec(text);
    if (parts === null)
      throw new Error(`${path} line ${i + 1}: '${text.trim()}' is not of the form: name value`);
    lines.push({ name: parts[1].toLowerCase(), value: unquoted(parts[2]), line: i + 1 });
  });
  return lines;
}

/** Puts settings into a config file: their lines are replaced where they stand, new ones go to the end. Atomic. */
export function rewriteConfigFile(path: string, settings: ReadonlyMap<string, string>): void {
  const left = new Map(settings);
  const lines = readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
  const kept = lines.flatMap((text) => {
    const name = /^\s*#/.test(text) ? undefined : SETTING_LINE.exec(text)?.[1].toLowerCase();
    if (name === undefined || !settings.has(name)) return [text];
    const value = left.get(name);
    left.delete(name);
    // A name that stands twice is kept once: the last one would have won.
    return value === undefined ? [] : [`${name} ${quoted(value)}`];
  });
  for (const [name, value] of left) kept.push(`${name} ${quoted(value)}`);
  writeFileSync(`${path}.new`, `${kept.join('\n')}\n`);
  renameSync(`${path}.new`, path);
}

function unquoted(value: string): string {
  return /^(["'])((?!\1).)*\1$/.test(value) ? value.slice(1, -1) : value;
}

function quoted(value: string): string {
  return value === '' || /\s/.test(value) ? `"${value}"` : value;
}
