import { setTimeout as pause } from 'node:timers/promises';
import type { Seeded } from '../../compat-tests/harness/seeded.js';
import { ConnectionLost, type Reply, RespClient } from '../faults/resp-client.js';

const HOST = '127.0.0.1';
/** Above every timeout of the server; a stopped node may need longer, and then nobody knows what came of it. */
const PATIENCE_MS = 4000;
const AGAIN_MS = 20;
/** So many requests at most on one connection: clients meet all nodes, also those that were just away. */
const LONGEST_STAY = 20;

/** A client's connection, to some node; after a while, or when it is lost, to another one. */
export class Caller {
  private client: RespClient | null = null;
  private staysFor = 0;

  /** `serial`: everything on its connections is asked for at SERIAL. */
  constructor(
    private readonly ports: readonly number[],
    private readonly random: Seeded,
    readonly serial: boolean,
  ) {}

  /** Before something new: goes to another node if it has been long enough with this one. */
  moveOn(): void {
    if (this.staysFor-- <= 0) this.close();
  }

  /** Resolves when there is a connection; until then nothing has been sent. */
  async connected(): Promise<void> {
    while (this.client === null || this.client.closed) {
      try {
        this.client = await RespClient.open(HOST, this.ports[this.random.below(this.ports.length)]);
        this.staysFor = this.random.below(LONGEST_STAY);
        if (this.serial) await this.send(['KV.CONSISTENCY', 'READ', 'SERIAL', 'WRITE', 'SERIAL']);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await pause(AGAIN_MS);
      }
    }
  }

  /** Sends all at once; resolves with the replies. Rejects with `ConnectionLost` when one will not come: there is no telling. */
  async send(...commands: readonly string[][]): Promise<readonly Reply[]> {
    const { client } = this;
    if (client === null) throw new ConnectionLost('there is no connection');
    const timer = setTimeout(() => client.close(), PATIENCE_MS);
    try {
      return await Promise.all(commands.map((argv) => client.command(...argv)));
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.client?.close();
  }
}
