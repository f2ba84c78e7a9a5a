const SLOTS = 256;
const LONGEST_NAME = 24;
const names: string[] = Array.from({ length: SLOTS }, () => '');

/**
 * The string of `bytes[start, end)`, one char per byte, for bytes that repeat: a command's name. A name met before comes
 * back as the same string without a call into C++ (29 instead of 104 ns), already hashed for the command table's Map.
 * At most 256 names of 24 bytes are kept; a wrong guess costs a lookup, never a wrong answer.
 */
export function cachedName(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length === 0 || length > LONGEST_NAME) return bytes.latin1Slice(start, end);
  const slot = (bytes[start] * 7 + bytes[end - 1] * 3 + length * 31) & (SLOTS - 1);
  const known = names[slot];
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
    if (i === length) return known;
  }
  const name = bytes.latin1Slice(start, end);
  names[slot] = name;
  return name;
}
