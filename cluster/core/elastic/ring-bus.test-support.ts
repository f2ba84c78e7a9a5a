import { metaKey } from '../../../storage/key-layout.js';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { FrameReader } from '../../transport/frame-reader.js';
import { proposerName } from '../register/ballot.js';
import { Frames } from '../register/frames.test-support.js';
import type { Member } from '../topology.js';
import { RING_VOTES_ROW, readVotes } from './ring-acceptor.js';
import { parseRing, ringText } from './ring-json.js';
import type { RingChange } from './ring-proposals.js';
import { RingRegister } from './ring-register.js';
import { changed, firstRing, type RingState } from './ring-state.js';

const RING_ROW = metaKey('ring');

export function memberNamed(name: string): Member {
  return { name, tokens: name, rack: '', weight: 1, nodeId: name, busAddress: name, clientAddress: name };
}

export function ringOfNames(...names: string[]): RingState {
  return firstRing(names.map(memberNamed));
}

/** A step to `copying` with one member more. */
export function joining(name: string): RingChange {
  return (ring) => {
    const target = ring.other ?? ring.current;
    if (target.some((one) => one.name === name)) return null;
    return changed(ring, [...target, memberNamed(name)]) ?? 'wait';
  };
}

/** A step to `copying` with one member less. */
export function leaving(name: string): RingChange {
  return (ring) => {
    const target = ring.other ?? ring.current;
    if (!target.some((one) => one.name === name)) return null;
    const rest = target.filter((one) => one.name !== name);
    return changed(ring, rest) ?? 'wait';
  };
}

/** One node's part in the vote; its disk and its time move only when told. */
export class RingNode {
  readonly frames = new Frames(1 << 24);
  readonly register: RingRegister;
  ring: RingState | undefined;
  /** What became of changes asked for here. */
  readonly ends: (string | null)[] = [];

  constructor(
    readonly bus: RingBus,
    readonly ownName: string,
    life: number,
    first: RingState | undefined,
    readonly disk: StoreBench,
    /** The node's name, and where it has lost its disk the life in which that was. */
    readonly nodeId: string,
  ) {
    const kept = this.row(RING_ROW);
    this.ring = kept === undefined ? first : parseRing(kept.latin1Slice());
    this.register = new RingRegister({
      store: disk.store,
      transport: this.frames.transport,
      clock: {
        now: () => 0,
        elapsed: () => bus.elapsed,
        defer: () => {},
        setTimer: () => 0,
        clearTimer: () => {},
      },
      random: { next: () => bus.chance() },
      log: { info: () => {}, warn: () => {}, error: () => {} },
      host: this,
      nodeId,
      proposer: proposerName(Buffer.from(ownName.padEnd(16)).toString('hex'), life),
      firstRequest: 1 + life * 1000,
      saved: readVotes(this.row(RING_VOTES_ROW)),
    });
  }

  peerOf(name: string): number {
    return this.bus.names.indexOf(name);
  }

  nameOf(peer: number): string {
    return this.bus.names[peer];
  }

  keepRing(ring: RingState): number {
    return this.disk.store.putSynced(RING_ROW, Buffer.from(ringText(ring), 'latin1'));
  }

  useRing(ring: RingState): void {
    this.ring = ring;
    this.bus.used(this.ownName, ring);
  }

  change(change: RingChange): void {
    this.register.change(change, (failure) => void this.ends.push(failure));
  }

  private row(key: Buffer): Buffer | undefined {
    let found: Buffer | undefined;
    this.disk.engine.getMany([key], (_, [value]) => {
      found = value;
    });
    this.disk.settle();
    return found;
  }
}

interface Flying {
  readonly from: string;
  readonly to: string;
  readonly type: number;
  readonly body: Buffer;
}

/** Nodes and the wires between them: a wire loses, doubles and overtakes as it is told to. */
export class RingBus {
  readonly names: readonly string[];
  readonly nodes = new Map<string, RingNode>();
  /** Every ring that anybody has ever used, by epoch: all of one epoch must be the same. */
  readonly history = new Map<number, string>();
  readonly violations: string[] = [];
  elapsed = 0;
  /** Share of messages that are lost, and that come twice. */
  loss = 0;
  doubled = 0;
  /** Whether messages overtake each other. */
  disorder = false;
  readonly cut = new Set<string>();
  private readonly lives = new Map<string, number>();
  private flying: Flying[] = [];
  private seed: number;

  constructor(
    seed: number,
    members: string,
    /** Nodes that are there and belong to no ring yet. */
    others = '',
  ) {
    this.seed = seed * 7919 + 1;
    this.names = [...members, ...others];
    const first = ringOfNames(...members);
    this.history.set(1, ringText(first));
    for (const name of members) this.start(name, first);
    for (const name of others) this.start(name, undefined);
  }

  node(name: string): RingNode {
    return this.nodes.get(name)!;
  }

  /** Uniform in [0, 1), from the seed (mulberry32). */
  chance(): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  used(name: string, ring: RingState): void {
    const known = this.history.get(ring.epoch);
    const text = ringText(ring);
    if (known !== undefined && known !== text) this.violations.push(`${name}: ${known} and ${text}`);
    this.history.set(ring.epoch, text);
  }

  /** Starts on an empty disk, or on this one. */
  start(name: string, first: RingState | undefined, disk?: StoreBench, nodeId?: string): RingNode {
    const life = (this.lives.get(name) ?? 0) + 1;
    this.lives.set(name, life);
    const id = nodeId ?? (life === 1 ? name : `${name}${life}`);
    const node = new RingNode(this, name, life, first, disk ?? new StoreBench(), id);
    this.nodes.set(name, node);
    return node;
  }

  /** The power goes: what was not synced is lost, and what was under way. */
  crash(name: string): () => RingNode {
    const { disk, ring, nodeId } = this.node(name);
    this.nodes.delete(name);
    this.flying = this.flying.filter((one) => one.to !== name);
    for (const other of this.nodes.values()) other.register.linkDown(this.names.indexOf(name));
    const left = disk.diskAfterPowerLoss();
    // The first ring is known from the configuration if need be; a later one must be on the disk.
    const first = ring?.epoch === 1 ? ring : undefined;
    return () => {
      const node = this.start(name, first, new StoreBench(undefined, left), nodeId);
      // What it went by it has acted upon: it must not go back behind that.
      if (ring !== undefined && (node.ring?.epoch ?? 0) < ring.epoch)
        this.violations.push(`${name} has forgotten ring ${ring.epoch}`);
      return node;
    };
  }

  /** It comes back with an empty disk, and is told the ring by somebody. */
  losesDisk(name: string): RingNode {
    const { ring } = this.node(name);
    this.crash(name);
    const another = [...this.nodes.values()].find((one) => one.ring !== undefined);
    return this.start(name, another?.ring ?? ring);
  }

  /** Nobody reaches these any more but each other. */
  isolate(names: string): void {
    this.cut.clear();
    for (const a of this.names)
      for (const b of this.names) if (names.includes(a) !== names.includes(b)) this.cut.add(a + b);
  }

  /** Delivers one message, or lets time go by. */
  step(): void {
    for (const node of this.nodes.values()) {
      for (const { peer, type, body } of node.frames.sent())
        this.flying.push({ from: node.ownName, to: this.names[peer], type, body });
    }
    const at = this.disorder ? Math.floor(this.chance() * this.flying.length) : 0;
    const [one] = this.flying.splice(at, 1);
    if (one === undefined || this.chance() < 0.05) this.tick();
    if (one !== undefined) this.deliver(one);
    for (const { disk } of this.nodes.values()) {
      // Each disk takes its own time.
      if (this.disorder && this.chance() < 0.5) continue;
      disk.settle();
    }
  }

  tick(): void {
    this.elapsed += 50;
    for (const { register } of [...this.nodes.values()]) register.tick(0, this.elapsed);
  }

  /** False: it has not come about in time. */
  runUntil(holds: () => boolean, ms = 60_000): boolean {
    const end = this.elapsed + ms;
    while (!holds()) {
      if (this.elapsed >= end) return false;
      this.step();
    }
    return true;
  }

  run(ms: number): void {
    this.runUntil(() => false, ms);
  }

  /** Everybody remembers all there is to remember, and may vote. */
  settle(): void {
    this.runUntil(() => this.all(({ register }) => register.remembers));
  }

  all(holds: (node: RingNode) => boolean): boolean {
    return [...this.nodes.values()].every((node) => node.ring === undefined || holds(node));
  }

  /** Everybody goes by the ring of that epoch, or a later one. */
  reached(epoch: number): boolean {
    return this.all(({ ring }) => ring!.epoch >= epoch);
  }

  private deliver(one: Flying): void {
    if (this.chance() < this.loss || this.cut.has(one.from + one.to)) return;
    if (this.chance() < this.doubled) this.flying.push(one);
    const node = this.nodes.get(one.to);
    const from = this.names.indexOf(one.from);
    const body = new FrameReader().reset(one.body, 0, one.body.length);
    if (node !== undefined && !node.register.onMessage(one.type, from, body))
      this.violations.push(`${one.to} could not make sense of a message of type ${one.type}`);
  }
}
