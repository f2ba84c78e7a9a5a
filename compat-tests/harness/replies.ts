/** A RESP2 reply as values: strings, numbers, null, arrays; an error is a string that begins with `-`. */
export type Reply = string | number | null | Reply[];

/** Parses the bytes of one whole reply. */
export function parseReply(bytes: string): Reply {
  return parseAt(bytes, 0)[0];
}

function parseAt(bytes: string, at: number): [reply: Reply, end: number] {
  const lineEnd = bytes.indexOf('\r\n', at);
  const line = bytes.slice(at + 1, lineEnd);
  const next = lineEnd + 2;
  const kind = bytes[at];
  if (kind === '+') return [line, next];
  if (kind === '-') return [`-${line}`, next];
  if (kind === ':') return [Number(line), next];
  const length = Number(line);
  if (length < 0) return [null, next];
  if (kind === '$') return [bytes.slice(next, next + length), next + length + 2];
  const items: Reply[] = [];
  let end = next;
  for (let i = 0; i < length; i++) {
    const [item, itemEnd] = parseAt(bytes, end);
    items.push(item);
    end = itemEnd;
  }
  return [items, end];
}
