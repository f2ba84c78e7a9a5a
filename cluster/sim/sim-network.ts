import { type Roughness, roughen } from './rough-frames.js';
import type { EventQueue } from './sim-clock.js';
import { Connection, End, type Parcel } from './sim-connection.js';
import type { SimRandom } from './sim-random.js';
import type { SimTransport } from './sim-transport.js';

/** A slow wire takes so long at most, ms. */
export const SLOWEST_WIRE_MS = 3000;

export const HEARTBEAT_MS = 200;
const SILENCE_MS = 5000;
const HANDSHAKE_MS = 3000;

/** Hears of everything that reaches a node, for transcripts. */
export type NetworkObserver = (from: SimTransport, to: SimTransport, parcel: Parcel) => void;

/** How long after its time a message comes that was held up or repeated on its way, ms. */
const STRAY_MS = 3000;

/**
 * The wires between simulated nodes. Frames of one connection arrive in order; a cut wire holds them up (TCP would repeat
 * them) until it is mended or one end gives up; what is under way when a connection ends is lost from some point on. Worse
 * than TCP, and only when asked for: single messages of a live connection are lost, repeated or overtaken.
 */
export class SimNetwork {
  observe: NetworkObserver = () => {};
  /** A node closes a connection over a message that makes no sense: never happens between sound nodes. */
  nonsense: (peer: number, to: SimTransport, type: number) => void = () => {};
  /** Changes frames on their way: a test's means to make nodes lie. */
  meddle: (frame: Buffer) => Buffer = (frame) => frame;
  /** One way in ms; by default mostly quick, at times slow. */
  delay: () => number = () => this.usualDelay();
  /** What happens to single messages; null: nothing, as TCP promises. */
  roughness: Roughness | null = null;
  /** When a message last went astray, against what TCP promises: until a while later a node may rightly find no sense in one. */
  strayedAt = Number.NEGATIVE_INFINITY;
  private readonly processes = new Map<string, SimTransport>();
  private readonly connections = new Set<Connection>();
  private readonly cuts = new Set<string>();
  /** Wires that take longer, by so many ms. */
  private readonly lags = new Map<string, number>();

  constructor(
    readonly queue: EventQueue,
    readonly random: SimRandom,
  ) {
    this.armTick();
  }

  /** A process begins to listen. */
  plug(transport: SimTransport): void {
    this.processes.set(transport.address, transport);
  }

  at(address: string): SimTransport | undefined {
    const transport = this.processes.get(address);
    return transport === undefined || transport.dead ? undefined : transport;
  }

  // --- what can go wrong ---

  /** Nothing gets from one address to another any more. */
  cut(from: string, to: string): void {
    this.cuts.add(`${from}>${to}`);
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  /** Everything sent from one address to another takes so much longer. */
  lag(from: string, to: string, ms: number): void {
    this.lags.set(`${from}>${to}`, ms);
  }

  mend(from: string, to: string): void {
    this.cuts.delete(`${from}>${to}`);
    this.lags.delete(`${from}>${to}`);
    this.pumpAll();
  }

  healAll(): void {
    this.cuts.clear();
    this.lags.clear();
    this.roughness = null;
    this.pumpAll();
  }

  /** A frozen process goes on: what came for it meanwhile is there. */
  pumpAll(): void {
    for (const connection of [...this.connections])
      for (const end of connection.ends) this.pump(connection, end);
  }

  isCut(from: string, to: string): boolean {
    return this.cuts.size > 0 && this.cuts.has(`${from}>${to}`);
  }

  /** A connection breaks: both ends are told, each after what happened to get through. */
  reset(a: string, b: string): void {
    for (const connection of this.connections) {
      const [one, two] = connection.ends;
      const addresses = [one.transport.address, two.transport.address];
      if (!addresses.includes(a) || !addresses.includes(b)) continue;
      for (const end of connection.ends) {
        this.loseTail(end);
        this.send(connection, connection.other(end), { kind: 'end' });
      }
    }
  }

  /** The process is gone. With its machine it ends in silence; alone, the machine closes its connections. */
  died(transport: SimTransport, withMachine: boolean): void {
    for (const connection of this.connections) {
      for (const end of connection.ends) {
        if (end.transport !== transport || end.closed) continue;
        end.closed = true;
        this.loseTail(connection.other(end));
        if (!withMachine) this.send(connection, end, { kind: 'end' });
      }
    }
  }

  // --- connections ---

  /** The dialler's greeting arrives at the listener, if it does; `done` says how the attempt went on. */
  dial(from: SimTransport, to: string, hello: Buffer, failed: (reason: string) => void): void {
    this.queue.after(this.delay(), () => {
      const target = this.at(to);
      if (from.dead) return;
      if (this.isCut(from.address, to) || this.isCut(to, from.address) || target?.frozen) {
        this.queue.after(HANDSHAKE_MS, () => failed('no handshake in time'));
      } else if (target === undefined) {
        failed('connection refused');
      } else if (this.between(from, target) !== undefined) {
        from.duplicate(to, target.nodeId);
      } else {
        this.open(from, target, hello);
      }
    });
  }

  send(connection: Connection, from: End, parcel: Parcel): void {
    const to = connection.other(from);
    if (parcel.kind === 'frame') {
      let bytes = this.meddle(parcel.bytes);
      if (this.roughness !== null) {
        const sent = bytes;
        bytes = roughen(sent, this.roughness, this.random, (stray) => this.sendStray(connection, to, stray));
        if (bytes !== sent) this.strayedAt = this.queue.now;
      }
      if (bytes.length === 0) return;
      parcel = { kind: 'frame', bytes };
    }
    const last = to.inbox.at(-1)?.at ?? 0;
    const at = Math.max(last, this.queue.now + this.delay() + this.lagOf(from, to));
    to.inbox.push({ at, parcel });
    this.queue.at(at, () => this.pump(connection, to));
  }

  /** A message out of order: it comes at some time, if the connection is still there. */
  private sendStray(connection: Connection, to: End, bytes: Buffer): void {
    this.queue.after(this.delay() + this.random.between(0, STRAY_MS), () => {
      const from = connection.other(to);
      if (!to.open || !to.up || this.isCut(from.transport.address, to.transport.address)) return;
      this.strayedAt = this.queue.now;
      this.arrive(connection, to, { kind: 'frame', bytes });
    });
  }

  /** Ends one side; the other hears of it after what gets through before. */
  close(connection: Connection, end: End, reason: string): void {
    if (end.closed) return;
    end.closed = true;
    this.loseTail(connection.other(end));
    this.send(connection, end, { kind: 'end' });
    end.transport.ended(end, reason);
  }

  resume(connection: Connection, end: End): void {
    end.paused = false;
    this.pump(connection, end);
  }

  private open(from: SimTransport, target: SimTransport, hello: Buffer): void {
    for (const stale of [...this.connections]) {
      for (const end of stale.ends) {
        if (end.open && end.transport === target && stale.other(end).transport.nodeId === from.nodeId)
          this.close(stale, end, 'replaced by a new connection');
      }
    }
    const { now } = this.queue;
    const dialler = new End(from, true, target.address, now);
    const listener = new End(target, false, '', now);
    const connection = new Connection(dialler, listener);
    this.connections.add(connection);
    const reason = target.greeted(listener, from.nodeId, hello);
    if (reason === null) {
      this.send(connection, listener, { kind: 'welcome', hello: target.hello() });
    } else {
      this.send(connection, listener, { kind: 'refuse', reason });
      listener.closed = true;
    }
  }

  /** The connection two processes have, up or coming up, as far as neither has given it up. */
  private between(a: SimTransport, b: SimTransport): Connection | undefined {
    for (const connection of this.connections) {
      const [one, two] = connection.ends;
      const same =
        (one.transport === a && two.transport === b) || (one.transport === b && two.transport === a);
      if (same && one.open && two.open) return connection;
    }
    return undefined;
  }

  private pump(connection: Connection, to: End): void {
    const from = connection.other(to);
    while (to.inbox.length > 0 && to.inbox[0].at <= this.queue.now) {
      if (!to.open) {
        to.inbox.length = 0;
        return;
      }
      if (to.paused || to.transport.frozen || this.isCut(from.transport.address, to.transport.address))
        return;
      this.arrive(connection, to, to.inbox.shift()!.parcel);
    }
  }

  private arrive(connection: Connection, to: End, parcel: Parcel): void {
    const from = connection.other(to);
    to.heardAt = this.queue.now;
    to.signs++;
    this.observe(from.transport, to.transport, parcel);
    to.transport.receive(connection, to, from.transport.nodeId, parcel);
  }

  private lagOf(from: End, to: End): number {
    if (this.lags.size === 0) return 0;
    return this.lags.get(`${from.transport.address}>${to.transport.address}`) ?? 0;
  }

  /** Of what is on the way to this end only a first part gets through. */
  private loseTail(to: End): void {
    to.inbox.length = this.random.below(to.inbox.length + 1);
  }

  private armTick(): void {
    this.queue.after(HEARTBEAT_MS, () => {
      this.armTick();
      for (const connection of [...this.connections]) this.tick(connection);
    });
  }

  private tick(connection: Connection): void {
    const { now } = this.queue;
    for (const end of connection.ends) {
      const other = connection.other(end);
      if (
        other.open &&
        !other.transport.frozen &&
        !this.isCut(other.transport.address, end.transport.address)
      ) {
        end.heardAt = now;
        end.signs++;
      }
      if (end.transport.frozen) continue;
      if (end.open && now - end.heardAt > SILENCE_MS)
        this.close(connection, end, `nothing heard for ${SILENCE_MS} ms`);
      else if (end.open && !end.up && now - end.bornAt > HANDSHAKE_MS)
        this.close(connection, end, 'no handshake in time');
    }
    if (!connection.dialler.open && !connection.listener.open) this.connections.delete(connection);
  }

  private usualDelay(): number {
    const { random } = this;
    const luck = random.next();
    if (luck < 0.9) return random.between(0.1, 1.5);
    return luck < 0.995 ? random.between(1.5, 20) : random.between(20, 400);
  }
}
