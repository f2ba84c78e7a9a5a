import type { CommandRow, CommandTable } from './commands/table.js';
import type { QueuedCommand, WatchedKey } from './exec-run.js';
import type { ReplyBytes, RespVersion } from './resp/reply.js';
import { packStrings, unpackStrings } from './string-list.js';

/** What of a client's state goes along with its commands to another node. */
export interface RemoteSettings {
  readonly db: number;
  readonly resp: RespVersion;
  readonly readLevel: number;
  readonly writeLevel: number;
}

export type RemoteRequest =
  | { readonly kind: 'command'; readonly settings: RemoteSettings; readonly argv: string[] }
  | { readonly kind: 'watch'; readonly settings: RemoteSettings; readonly keys: string[] }
  | {
      readonly kind: 'exec';
      readonly settings: RemoteSettings;
      readonly watches: readonly WatchedKey[];
      readonly queued: readonly QueuedCommand[];
    };

const COMMAND = 'c';
const EXEC = 'x';
const WATCH = 'w';

export function encodeCommand(settings: RemoteSettings, argv: readonly string[]): string {
  return packStrings([COMMAND, head(settings), ...argv]);
}

export function encodeWatch(settings: RemoteSettings, keys: readonly string[]): string {
  return packStrings([WATCH, head(settings), ...keys]);
}

export function encodeExec(
  settings: RemoteSettings,
  watches: readonly WatchedKey[],
  queued: readonly QueuedCommand[],
): string {
  const parts = [EXEC, head(settings), String(watches.length)];
  for (const { db, key, state } of watches) parts.push(String(db), key, state);
  for (const { db, argv } of queued) {
    parts.push(String(db), String(argv.length));
    // One by one: hundreds of thousands of arguments to `push` would not fit on the stack.
    for (const argument of argv) parts.push(argument);
  }
  return packStrings(parts);
}

/** undefined when it is garbled or names a command this node does not have. */
export function decodeRequest(payload: string, table: CommandTable): RemoteRequest | undefined {
  const parts = unpackStrings(payload);
  const settings = parts === undefined ? undefined : parseHead(parts[1]);
  if (parts === undefined || settings === undefined) return undefined;
  if (parts[0] === COMMAND && parts.length > 2) return { kind: 'command', settings, argv: parts.slice(2) };
  if (parts[0] === WATCH && parts.length > 2) return { kind: 'watch', settings, keys: parts.slice(2) };
  return parts[0] === EXEC ? decodeExec(settings, parts, table) : undefined;
}

/** The outcome of a remote EXEC: an error line, null (a watched key had changed) or a reply per command. Of a WATCH, a state per key. */
export type ExecOutcome = string | null | readonly ReplyBytes[];

export function encodeOutcome(outcome: ExecOutcome): string {
  if (outcome === null) return packStrings(['aborted']);
  if (typeof outcome === 'string') return packStrings(['error', outcome]);
  return packStrings(['ok', ...outcome.map((reply) => (typeof reply === 'string' ? reply : reply.join('')))]);
}

export function decodeOutcome(answer: string): ExecOutcome {
  const parts = unpackStrings(answer);
  if (parts?.[0] === 'ok') return parts.slice(1);
  if (parts?.[0] === 'aborted') return null;
  return parts?.[1] ?? 'ERR a garbled answer from another node';
}

function decodeExec(
  settings: RemoteSettings,
  parts: string[],
  table: CommandTable,
): RemoteRequest | undefined {
  const watches: WatchedKey[] = [];
  let at = 3;
  for (let left = Number(parts[2]); left > 0; left--, at += 3) {
    if (at + 3 > parts.length) return undefined;
    watches.push({ db: Number(parts[at]), key: parts[at + 1], state: parts[at + 2] });
  }
  const queued: QueuedCommand[] = [];
  while (at < parts.length) {
    const end = at + 2 + Number(parts[at + 1]);
    if (!(end <= parts.length) || end <= at + 2) return undefined;
    const argv = parts.slice(at + 2, end);
    const row: CommandRow | string = table.resolve(argv);
    if (typeof row === 'string') return undefined;
    queued.push({ db: Number(parts[at]), argv, row });
    at = end;
  }
  return { kind: 'exec', settings, watches, queued };
}

function head({ db, resp, readLevel, writeLevel }: RemoteSettings): string {
  return `${db} ${resp} ${readLevel} ${writeLevel}`;
}

function parseHead(text: string | undefined): RemoteSettings | undefined {
  const [db, resp, readLevel, writeLevel] = (text ?? '').split(' ').map(Number);
  if (![db, resp, readLevel, writeLevel].every(Number.isInteger) || (resp !== 2 && resp !== 3))
    return undefined;
  return { db, resp, readLevel, writeLevel };
}
