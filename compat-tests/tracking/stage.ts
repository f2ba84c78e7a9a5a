import { connect, type Socket } from 'node:net';
import { encode } from '../harness/connection.js';

/** Nothing more comes when nothing has come for so long, ms. */
const QUIET_MS = 30;
const PATIENCE_MS = 10_000;

/** One of the connections of a scene: everything it gets, replies and pushed messages alike. */
class Actor {
  received = '';
  heardAt = Date.now();
  id = '';

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      this.received += bytes.toString('latin1');
      this.heardAt = Date.now();
    });
  }
}

/** A server with connections by name, made when they first speak. */
export class Stage {
  private readonly actors = new Map<string, Actor>();

  constructor(private readonly port: number) {}

  /** Until it is answered. `b> SET k 1 ; GET k`: all at once; `b> close`; `b> wait 300` does nothing for so long. `{a}` is the id of a's connection. */
  async play(line: string): Promise<void> {
    const [, name, text] = /^(\w+)> (.*)$/.exec(line)!;
    const actor = await this.actor(name);
    if (text === 'close') {
      actor.socket.destroy();
      this.actors.delete(name);
      await pause(QUIET_MS);
      return;
    }
    if (text.startsWith('wait ')) return pause(Number(text.slice(5)));
    for (const [, other] of text.matchAll(/\{(\w+)\}/g)) await this.actor(other);
    const commands = text
      .split(' ; ')
      .map((command) => command.split(' ').map((word) => this.named(word).replace('(empty)', '')));
    const before = actor.received.length;
    actor.socket.write(commands.map(encode).join(''), 'latin1');
    // Nothing at all where replies are turned off. Else a slow server's silence would be taken for the end of the line.
    const deadline = Date.now() + (/CLIENT REPLY|PING$/.test(text) ? QUIET_MS : PATIENCE_MS);
    while (actor.received.length === before && Date.now() < deadline) await pause(1);
    actor.heardAt = Date.now();
  }

  /** What each has got so far, with the ids of connections as their names. */
  heard(): string[] {
    return [...this.actors].map(
      ([name, { received }]) => `${name}: ${JSON.stringify(this.anonymous(received))}`,
    );
  }

  /** Until so much of it has come, on all connections together. */
  async hears(what: RegExp, times: number): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while ([...`${this.heard()}`.matchAll(what)].length < times) {
      if (Date.now() > deadline) throw new Error(`never heard ${what} so often: ${this.heard()}`);
      await pause(10);
    }
  }

  async quiet(): Promise<void> {
    for (;;) {
      const since = Math.max(...[...this.actors.values()].map(({ heardAt }) => heardAt));
      if (Date.now() - since >= QUIET_MS) return;
      await pause(5);
    }
  }

  close(): void {
    for (const { socket } of this.actors.values()) socket.destroy();
  }

  private async actor(name: string): Promise<Actor> {
    const known = this.actors.get(name);
    if (known !== undefined) return known;
    const actor = await new Promise<Actor>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: this.port }, () => resolve(new Actor(socket)));
      socket.once('error', reject);
    });
    actor.socket.write(encode(['CLIENT', 'ID']));
    while (!actor.received.endsWith('\r\n')) await pause(1);
    actor.id = actor.received.slice(1, -2);
    actor.received = '';
    this.ids.set(name, actor.id);
    this.actors.set(name, actor);
    return actor;
  }

  private readonly ids = new Map<string, string>();

  private named(word: string): string {
    return word.replace(/\{(\w+)\}/, (_, name: string) => this.ids.get(name)!);
  }

  private anonymous(received: string): string {
    let text = received.replace(/\$\d+\r\n(id=)/g, '$1').replace(/=\d+\r\n(txt:id=)/g, '$1');
    for (const [name, id] of this.ids)
      text = text
        .replaceAll(`:${id}\r\n`, `:{${name}}\r\n`)
        .replaceAll(`redir=${id} `, `redir={${name}} `)
        .replaceAll(`id=${id} `, `id={${name}} `);
    // What a connection is about only, of a line of CLIENT LIST.
    return text.replace(
      /id=(\S+) .*? flags=(\w+) .*? sub=(\d+) .*? redir=(\S+) .*\n/g,
      'id=$1 flags=$2 sub=$3 redir=$4\n',
    );
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
