import type { Keyspace, ScanItem } from '../../keyspace.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import type { CommandSpec } from '../spec.js';

/** Rows that want a server, for a TestBench: they get one with this keyspace and 16 databases. */
export function withServer(rows: readonly ServerCommandSpec[], keyspace: Keyspace): CommandSpec[] {
  const server = { keyspace, settings: { values: { databases: 16 } } };
  return rows.map((row) => ({
    ...row,
    subcommands: undefined,
    run: (call) => {
      const later = () => ({ reply: call.reply, done: () => {} });
      row.run({ ...call, server, later } as unknown as ServerCall);
    },
  }));
}

/** A keyspace of these keys; a cursor is a key's place, as long as it is not past the end. */
export class FakeKeyspace implements Keyspace {
  /** What every question is answered with instead, when set. */
  error: string | null = null;
  /** The questions, in order. */
  readonly asked: unknown[][] = [];

  constructor(private readonly keys: readonly string[]) {}

  scan(
    db: number,
    cursor: number,
    count: number,
    done: (error: string | null, next: number, items: ScanItem[]) => void,
  ): void {
    this.asked.push(['scan', db, cursor, count]);
    const items = this.keys.slice(cursor, cursor + count).map((key) => ({ key, type: 'string' }));
    const next = cursor + count;
    done(this.error, next < this.keys.length ? next : 0, items);
  }

  size(_db: number, done: (error: string | null, keys: number) => void): void {
    done(this.error, this.keys.length);
  }

  slotSize(db: number, slot: number, done: (error: string | null, keys: number) => void): void {
    this.asked.push(['slotSize', db, slot]);
    done(this.error, this.keys.length);
  }

  slotKeys(
    db: number,
    slot: number,
    count: number,
    done: (error: string | null, keys: readonly string[]) => void,
  ): void {
    this.asked.push(['slotKeys', db, slot, count]);
    done(this.error, this.keys.slice(0, count));
  }

  randomKey(_db: number, done: (error: string | null, key: string | undefined) => void): void {
    done(this.error, this.keys[0]);
  }

  flush(db: number | undefined, done: (error: string | null) => void): void {
    this.asked.push(['flush', db]);
    done(this.error);
  }

  swap(a: number, b: number, done: (error: string | null) => void): void {
    this.asked.push(['swap', a, b]);
    done(this.error);
  }
}
