/** What is left of an argument in Redis's error texts: C ends its strings there. */
export function beforeNul(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Redis's own error texts, to the letter (`src/server.c`, `createSharedObjects`, Redis 7.0). */
export const Errors = {
  syntax: 'ERR syntax error',
  notInteger: 'ERR value is not an integer or out of range',
  notFloat: 'ERR value is not a valid float',
  noKey: 'ERR no such key',
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
  crossSlot: "CROSSSLOT Keys in request don't hash to the same slot",
  noAuth: 'NOAUTH Authentication required.',
  notInMulti: 'ERR Command not allowed inside a transaction',
  onlySubscribed: (command: string) =>
    `ERR Can't execute '${command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
  indexRange: 'ERR index out of range',
  outOfRange: 'ERR value is out of range',
  invalidExpire: (command: string) => `ERR invalid expire time in '${command}' command`,
  arity: (command: string) => `ERR wrong number of arguments for '${command}' command`,
} as const;
