/**
 * Where the reply that begins at `at` ends in `bytes` (latin1), in RESP2 and RESP3; -1 when it is not all there yet. A
 * deliberately plain reading of the protocol specification, independent of the code under test.
 */
export function replyEnd(bytes: string, at: number): number {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return -1;
  const next = line + 2;
  switch (bytes[at]) {
    case '+':
    case '-':
    case ':':
    case ',':
    case '#':
    case '_':
    case '(':
      return next;
    case '$':
    case '=':
    case '!': {
      const length = Number(bytes.slice(at + 1, line));
      if (length < 0) return next;
      return bytes.length >= next + length + 2 ? next + length + 2 : -1;
    }
    case '*':
    case '~':
    case '>':
      return elementsEnd(bytes, next, Number(bytes.slice(at + 1, line)));
    case '%':
      return elementsEnd(bytes, next, 2 * Number(bytes.slice(at + 1, line)));
    default:
      throw new Error(`no reply begins with ${JSON.stringify(bytes.slice(at, at + 40))}`);
  }
}

function elementsEnd(bytes: string, at: number, count: number): number {
  for (let i = 0; i < count && at >= 0; i++) at = replyEnd(bytes, at);
  return at;
}
