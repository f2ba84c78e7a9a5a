/**
 * A hand-written test: commands as one would type them into redis-cli, one per line. `B: GET a` is sent by a second client.
 * Words with blanks or odd bytes are quoted, with \r \n \xff inside.
 */
export type Script = string;

/** Scripts by what they are about. */
export type Cases = Readonly<Record<string, Script>>;

export interface Step {
  readonly client: 'A' | 'B';
  readonly argv: readonly string[];
}

export function stepsOf(script: Script): Step[] {
  return script
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const second = line.startsWith('B: ');
      return { client: second ? 'B' : 'A', argv: words(second ? line.slice(3) : line) };
    });
}

function words(line: string): string[] {
  const found = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return found.map((word) => (word.startsWith('"') ? unquoted(word.slice(1, -1)) : word));
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t' };

function unquoted(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})|\\(.)/gi, (_, hex: string | undefined, char: string) =>
    hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : (ESCAPES[char] ?? char),
  );
}

/** Every way to take at most `most` of the options, in their order, and the pairs also turned around. */
export function choices(options: readonly string[], most: number): string[] {
  const found: string[][] = [[]];
  for (const option of options)
    for (const chosen of [...found]) if (chosen.length < most) found.push([...chosen, option]);
  const turned = found.filter((chosen) => chosen.length === 2).map(([a, b]) => [b, a]);
  return [...found, ...turned].map((chosen) => chosen.join(' '));
}

/** `before` and then the command, for each of its variations. */
export function each(before: Script, variations: readonly string[], after: Script): Script {
  return variations.map((command) => `${before}\n${command}\n${after}`).join('\n');
}
