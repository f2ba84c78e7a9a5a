/** Several byte strings as one: a line of their lengths, then the strings. */
export function packStrings(strings: readonly string[]): string {
  let head = '';
  for (const one of strings) head += `${one.length} `;
  return `${head}\n${strings.join('')}`;
}

/** undefined when it is garbled. */
export function unpackStrings(packed: string): string[] | undefined {
  const end = packed.indexOf('\n');
  if (end < 0) return undefined;
  const strings: string[] = [];
  let at = end + 1;
  // Below 0: no digit of the next length has been read.
  let length = -1;
  for (let i = 0; i < end; i++) {
    const digit = packed.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      length = Math.max(length, 0) * 10 + digit;
    } else {
      if (length < 0 || packed[i] !== ' ' || at + length > packed.length) return undefined;
      strings.push(packed.slice(at, at + length));
      at += length;
      length = -1;
    }
  }
  return length < 0 && at === packed.length ? strings : undefined;
}
