import type { MemoryDisk } from '../../../storage/engine-memory.js';
import { HintStore } from '../../../storage/hint-store.js';
import type { KeyRecord } from '../../../storage/record.js';
import { ReplicaBench, ReplicaRing } from '../anti-entropy/replicas.test-support.js';
import { type Level, QUORUM } from '../levels.js';
import { TokenBucket } from '../token-bucket.js';
import type { Topology } from '../topology.js';
import { Duties } from './duties.js';
import type { DutyWorld } from './duty.js';
import type { RingState } from './ring-state.js';
import { topologyIn } from './rings.test-support.js';

/** Clients' requests take so long at most, ms. */
export const REQUEST_MS = 2000;

/** One node of a ring that changes: its records, anti-entropy and hints are real, its registers the test's. */
export class DutyNode extends ReplicaBench {
  readonly duties: Duties;
  readonly hints: HintStore;
  /** Members' states of the ring, as this node has heard of them. */
  readonly epochs: number[] = [];
  /** What each member's disk is known as. */
  readonly identities: string[] = [];
  /** Slots of which a register remembers something. */
  readonly registers = new Set<number>();
  /** Take-overs that were asked for and have not ended. */
  readonly takingOver: {
    readonly peer: number;
    readonly wants: (slot: number) => boolean;
    readonly done: (whole: boolean) => void;
  }[] = [];
  readonly forgotten: (KeyRecord | null)[] = [];
  /** Peers and slots of each stream, in order. */
  readonly streams: { readonly peer: number; readonly slots: readonly number[] }[] = [];
  /** Is told the number of each stream as it begins. */
  onStream: (number: number) => void = () => {};
  isWhole = true;
  writeQuorum: Level = QUORUM;

  constructor(self: number, topology: Topology, found?: MemoryDisk) {
    super(self, topology, found);
    const { store, trees } = this.disk;
    this.hints = new HintStore(store, () => 1 << 24);
    this.hints.load(() => {});
    this.disk.settle();
    this.duties = new Duties({
      topology: () => this.topology,
      streams: this.watched(),
      memory: this.memory(),
      registers: {
        remembers: (slot) => this.registers.has(slot),
        forget: (slot) => this.registers.delete(slot),
      },
      store,
      trees,
      known: () => this.recounter.known,
      hints: this.hints,
      epochOf: (peer) => this.epochs[peer] ?? 0,
      identityOf: (peer) => this.identities[peer] ?? '',
      writeQuorum: () => this.writeQuorum,
      requestTimeout: () => REQUEST_MS,
      pace: new TokenBucket(() => this.streamThrottle),
      forgot: (record) => this.forgotten.push(record),
      log: { info: () => {}, warn: () => {}, error: () => {} },
    });
    this.duties.formed();
  }

  /** The take-overs end; with whom they were. */
  tookOver(isWhole = true): number[] {
    const all = this.takingOver.splice(0);
    for (const { done } of all) done(isWhole);
    return all.map(({ peer }) => peer).sort();
  }

  private memory(): DutyWorld['memory'] {
    const node = this;
    return {
      get complete() {
        return node.isWhole;
      },
      takeOver: (peer, wants, done) => void node.takingOver.push({ peer, wants, done }),
    };
  }

  private watched(): DutyWorld['streams'] {
    const { repair, streams } = this;
    return {
      get streamed() {
        return repair.streamed;
      },
      streamWith: (peer, slots, way, done) => {
        const has = repair.streamWith(peer, slots, way, done);
        if (has) this.onStream(streams.push({ peer, slots }));
        return has;
      },
    };
  }
}

/** A cluster whose ring changes when the test says so. */
export class DutyRing extends ReplicaRing<DutyNode> {
  constructor(
    private ring: RingState,
    known: number,
    private readonly replicas = 3,
  ) {
    super(
      Array.from({ length: known }, (_, self) => new DutyNode(self, topologyIn(ring, self, known, replicas))),
    );
    this.tell();
  }

  /** The ring is another for these; and everybody hears of it. */
  turn(ring: RingState, ...only: number[]): void {
    this.ring = ring;
    for (const node of this.nodes) {
      if (only.length > 0 && !only.includes(node.self)) continue;
      node.topology = topologyIn(ring, node.self, this.nodes.length, this.replicas, node.topology);
      node.repair.ringChanged();
      node.duties.ringChanged();
    }
    this.tell();
  }

  /** Everybody knows how far the others are. */
  tell(): void {
    for (const node of this.nodes)
      for (const { self, topology } of this.nodes) node.epochs[self] = topology.epoch;
  }

  down(...members: number[]): void {
    this.link(members, false);
  }

  up(...members: number[]): void {
    this.link(members, true);
  }

  /** The node dies, and starts again on what its disk has. */
  restart(self: number): DutyNode {
    const old = this.nodes[self];
    this.down(self);
    old.frames.sent();
    let disk: MemoryDisk | undefined;
    old.disk.store.sync(() => {
      disk = old.disk.diskAfterPowerLoss();
    });
    old.disk.settle();
    this.nodes[self] = new DutyNode(
      self,
      topologyIn(this.ring, self, this.nodes.length, this.replicas),
      disk,
    );
    this.nodes[self].elapsed = old.elapsed;
    this.up(self);
    this.tell();
    return this.nodes[self];
  }

  /** A write that these nodes have. */
  write(slot: number, key: string, payload: string, at: number, ...nodes: readonly number[]): void {
    for (const self of nodes) this.nodes[self].put(slot, key, payload, at);
  }

  private link(members: readonly number[], alive: boolean): void {
    for (const member of members)
      for (const node of this.nodes) {
        if (node.self === member) continue;
        node.topology.setAlive(member, alive);
        this.nodes[member].topology.setAlive(node.self, alive);
        if (alive) continue;
        node.repair.peerDown(member);
        this.nodes[member].repair.peerDown(node.self);
      }
  }

  protected override tick(node: DutyNode): void {
    super.tick(node);
    node.duties.tick(0, node.elapsed);
  }
}
