import type { ClientState } from './client.js';

/** Arguments kept of a slow command, and characters of each (Redis's `SLOWLOG_ENTRY_MAX_ARGC` and `_STRING`). */
const MAX_ARGUMENTS = 32;
const MAX_CHARS = 128;

export interface SlowEntry {
  readonly id: number;
  /** Unix seconds. */
  readonly at: number;
  readonly usec: number;
  readonly argv: readonly string[];
  readonly address: string;
  readonly name: string;
}

/** SLOWLOG (https://redis.io/docs/latest/commands/slowlog/): the newest slow commands, a bounded number of them. */
export class SlowLog {
  /** Newest first. */
  entries: SlowEntry[] = [];
  private nextId = 0;

  constructor(
    private readonly maxLength: () => number,
    private readonly nowMs: () => number,
  ) {}

  add(argv: readonly string[], usec: number, client: ClientState): void {
    const at = Math.floor(this.nowMs() / 1000);
    const { address, name } = client;
    this.entries.unshift({ id: this.nextId++, at, usec, argv: shortened(argv), address, name });
    if (this.entries.length > this.maxLength()) this.entries.length = this.maxLength();
  }

  reset(): void {
    this.entries = [];
  }
}

function shortened(argv: readonly string[]): string[] {
  const kept = argv.length > MAX_ARGUMENTS ? argv.slice(0, MAX_ARGUMENTS - 1) : argv;
  const shown = kept.map((text) =>
    text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}... (${text.length - MAX_CHARS} more bytes)` : text,
  );
  if (kept.length < argv.length) shown.push(`... (${argv.length - kept.length} more arguments)`);
  return shown;
}
