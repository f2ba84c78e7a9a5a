const BLANK = /[ \t\n\v\f\r]/;
const HEX_ESCAPE = /^\\x[0-9a-fA-F]{2}/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/**
 * Splits a line into arguments as Redis does for inline commands and its configuration file (`sdssplitargs`): blanks
 * separate, "double quotes" know \n \r \t \b \a \xHH and \anything, 'single quotes' know \' only, and a closing quote must
 * be followed by a blank or the end. `line` holds one char per byte and no NUL. Null when the quotes do not balance.
 */
export function splitArguments(line: string): string[] | null {
  const args: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && BLANK.test(line[at])) at++;
    if (at === line.length) return args;
    let arg = '';
    // Unlike between arguments, a vertical tab or a form feed inside one is an ordinary byte.
    while (at < line.length && !' \n\r\t'.includes(line[at])) {
      const char = line[at];
      if (char !== '"' && char !== "'") {
        arg += char;
        at++;
        continue;
      }
      const quoted = char === '"' ? readDoubleQuoted(line, at + 1) : readSingleQuoted(line, at + 1);
      if (quoted === null || (quoted.end < line.length && !BLANK.test(line[quoted.end]))) return null;
      arg += quoted.text;
      at = quoted.end;
      break; // A closing quote ends the argument, whichever blank follows.
    }
    args.push(arg);
  }
}

interface Quoted {
  text: string;
  /** Index after the closing quote. */
  end: number;
}

function readDoubleQuoted(line: string, at: number): Quoted | null {
  let text = '';
  while (at < line.length) {
    const char = line[at];
    if (char === '"') return { text, end: at + 1 };
    if (char !== '\\' || at + 1 === line.length) {
      text += char;
      at++;
    } else if (HEX_ESCAPE.test(line.slice(at, at + 4))) {
      text += String.fromCharCode(Number.parseInt(line.slice(at + 2, at + 4), 16));
      at += 4;
    } else {
      text += ESCAPES[line[at + 1]] ?? line[at + 1];
      at += 2;
    }
  }
  return null;
}

function readSingleQuoted(line: string, at: number): Quoted | null {
  let text = '';
  while (at < line.length) {
    if (line[at] === "'") return { text, end: at + 1 };
    if (line.startsWith("\\'", at)) at++;
    text += line[at++];
  }
  return null;
}
