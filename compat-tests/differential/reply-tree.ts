import { replyEnd } from '../harness/reply-end.js';

/** A reply taken apart: its type byte with its line or text, or with its elements. */
export interface Reply {
  readonly type: string;
  readonly text: string;
  readonly elements: readonly Reply[];
}

const WITH_ELEMENTS = '*~>%';
const WITH_LENGTH = '$=!';

/** Takes the bytes of one whole reply apart. */
export function parseReply(bytes: string): Reply {
  const type = bytes[0];
  const line = bytes.slice(1, bytes.indexOf('\r\n'));
  const body = line.length + 3;
  if (WITH_LENGTH.includes(type) && !line.startsWith('-'))
    return { type, text: bytes.slice(body, body + Number(line)), elements: [] };
  if (!WITH_ELEMENTS.includes(type) || line.startsWith('-')) return { type, text: line, elements: [] };
  const elements: Reply[] = [];
  for (let at = body; at < bytes.length; ) {
    const end = replyEnd(bytes, at);
    elements.push(parseReply(bytes.slice(at, end)));
    at = end;
  }
  return { type, text: line, elements };
}

export function sameTree(a: Reply, b: Reply): boolean {
  return (
    a.type === b.type &&
    a.text === b.text &&
    a.elements.length === b.elements.length &&
    a.elements.every((element, i) => sameTree(element, b.elements[i]))
  );
}
