import { RespConnection } from '../harness/connection.js';
import type { RingNode } from '../harness/servers.js';

/** A client that keeps what it has read until it is told to forget it, as client libraries do. */
export class CachingClient {
  readonly cache = new Map<string, string>();
  /** Keys it was told of, in order; `*`: everything. */
  readonly told: string[] = [];
  private readonly asked: ((reply: string) => void)[] = [];

  private constructor(private readonly connection: RespConnection) {
    void this.listen();
  }

  static async connect(node: RingNode, ...options: string[]): Promise<CachingClient> {
    const client = new CachingClient(await RespConnection.open(node.port));
    await client.command('HELLO', '3');
    const reply = await client.command('CLIENT', 'TRACKING', 'ON', ...options);
    if (reply !== '+OK\r\n') throw new Error(reply);
    return client;
  }

  command(...argv: string[]): Promise<string> {
    this.connection.send(
      `*${argv.length}\r\n${argv.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`,
    );
    return new Promise((resolve) => this.asked.push(resolve));
  }

  /** From its cache, or else from the server, in which case it may keep it. */
  async get(key: string): Promise<string> {
    const known = this.cache.get(key);
    if (known !== undefined) return known;
    const reply = new Promise<string>((resolve) => {
      this.asked.push((bytes) => {
        // At once, since a message behind it may take it back.
        if (!bytes.startsWith('-')) this.cache.set(key, bytes);
        resolve(bytes);
      });
    });
    this.connection.send(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`);
    return reply;
  }

  close(): void {
    this.connection.close();
  }

  private async listen(): Promise<void> {
    try {
      for (;;) {
        // Both parts at once: what comes next is delivered in the same turn.
        const bytes = await this.connection.next();
        if (bytes.startsWith('>')) this.forget(bytes);
        else this.asked.shift()!(bytes);
      }
    } catch {
      // It was closed.
    }
  }

  private forget(bytes: string): void {
    const list = /^>2\r\n\$10\r\ninvalidate\r\n(?:_|\*\d+)\r\n([\s\S]*)$/.exec(bytes);
    if (list === null) throw new Error(`an unknown message: ${bytes}`);
    const keys = [...list[1].matchAll(/\$\d+\r\n(.*)\r\n/g)].map(([, key]) => key);
    if (keys.length === 0) {
      this.told.push('*');
      this.cache.clear();
      return;
    }
    this.told.push(...keys);
    for (const key of keys) this.cache.delete(key);
  }
}
