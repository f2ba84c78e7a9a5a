import type { RespConnection } from './connection.js';

const KEYS_PER_WRITER = 64;
const PATIENCE_MS = 30_000;

/** What is known of one key's writes. */
interface Written {
  sent: number;
  acknowledged: number;
  /** Told that they were not applied: must never be seen. */
  readonly refused: Set<number>;
}

/**
 * Writes under way on several connections, each with keys of its own, so that what a reader may see is known: the last
 * acknowledged value, or one sent later. Values name their key and sequence number. A key has one write under way at a time.
 */
export class WriteLoad {
  acknowledged = 0;
  readonly errors: string[] = [];
  private readonly keys = new Map<string, Written>();
  private stopped = false;
  private writers = 0;
  private running: Promise<void>[] = [];

  constructor(private readonly name: string) {}

  /** Writes on the connection, a pipeline at a time, until it closes or `stop`. */
  add(connection: RespConnection): void {
    const writer = this.writers++;
    const names = Array.from({ length: KEYS_PER_WRITER }, (_, i) => `${this.name}:${writer}:${i}`);
    this.running.push(this.write(connection, names));
  }

  /** Resolves once so many writes were acknowledged; rejects when they are not within a time that a busy machine needs. */
  async reaches(acknowledged: number): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.acknowledged < acknowledged) {
      if (Date.now() > deadline)
        throw new Error(`only ${this.acknowledged} writes: ${this.errors.slice(0, 3)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves when every writer has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.ended();
  }

  async ended(): Promise<void> {
    await Promise.all(this.running);
    this.running = [];
    this.stopped = false;
  }

  /** What is wrong with what this connection reads; empty when every acknowledged write is there. */
  async check(connection: RespConnection): Promise<string[]> {
    const wrong: string[] = [];
    const all = [...this.keys];
    for (let at = 0; at < all.length; at += 500) {
      const part = all.slice(at, at + 500);
      const replies = await connection.pipeline(part.map(([key]) => ['GET', key]));
      part.forEach(([key, written], i) => {
        const objection = judge(key, written, replies[i]);
        if (objection !== null) wrong.push(objection);
      });
    }
    return wrong;
  }

  private async write(connection: RespConnection, names: readonly string[]): Promise<void> {
    const known = names.map((key) => {
      const written = { sent: 0, acknowledged: 0, refused: new Set<number>() };
      this.keys.set(key, written);
      return written;
    });
    while (!this.stopped && !connection.closed) {
      const replies = names.map((key, i) => {
        const seq = ++known[i].sent;
        const reply = connection.command('SET', key, valueNamed(key, seq));
        return reply.then((text) => this.note(known[i], seq, text));
      });
      try {
        await Promise.all(replies);
      } catch {
        // The connection is gone; those answered before it have been noted.
      }
    }
    connection.close();
  }

  private note(written: Written, seq: number, reply: string): void {
    if (reply === '+OK\r\n') {
      written.acknowledged = seq;
      this.acknowledged++;
      return;
    }
    if (/not applied|nothing was/.test(reply)) written.refused.add(seq);
    this.errors.push(reply.trim());
  }
}

function valueNamed(key: string, seq: number): string {
  return `${key}#${seq}#${'x'.repeat((seq * 37) % 500)}`;
}

function judge(key: string, written: Written, reply: string): string | null {
  const { acknowledged, sent, refused } = written;
  const expected = `${key}: acknowledged #${acknowledged}, sent #${sent}, read`;
  if (reply === '$-1\r\n') return acknowledged === 0 ? null : `${expected} nothing`;
  const seq = Number(/#(\d+)#/.exec(reply)?.[1] ?? Number.NaN);
  const value = valueNamed(key, seq);
  if (reply !== `$${value.length}\r\n${value}\r\n`) return `${expected} ${reply.slice(0, 80)}`;
  if (seq < acknowledged || seq > sent) return `${expected} #${seq}`;
  return refused.has(seq) ? `${expected} #${seq}, which was said not to be applied` : null;
}
