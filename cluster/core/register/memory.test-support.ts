import { Message } from '../../messages.js';
import { FrameReader } from '../../transport/frame-reader.js';
import { Topology } from '../topology.js';
import { membersOf } from '../topology.test-support.js';
import { Frames } from './frames.test-support.js';
import { RegisterMemory } from './memory.js';
import { AcceptorBench } from './register.test-support.js';

/** A message on its way. */
export interface Flying {
  readonly from: number;
  readonly to: number;
  readonly type: number;
  readonly body: Buffer;
}

/** One node's memory over its acceptor's disk. */
export class MemoryNode {
  readonly memory: RegisterMemory;
  topology: Topology;
  /** With whom data rows are being compared, and how to end that. */
  readonly comparing: { readonly peer: number; readonly end: (failure: string | null) => void }[] = [];
  readonly frames = new Frames(1 << 24);

  constructor(
    readonly self: number,
    members: number,
    replicas: number,
    readonly bench = new AcceptorBench(),
    topology?: Topology,
  ) {
    this.topology = topology ?? new Topology(membersOf(members), self, replicas, 8);
    const saved = bench.saved();
    this.memory = new RegisterMemory({
      store: bench.store,
      topology: () => this.topology,
      transport: this.frames.transport,
      acceptor: () => bench.acceptor,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      nodeId: this.topology.members[self].nodeId,
      firstRequest: 1,
      saved,
      repairWith: (peer, end) => void this.comparing.push({ peer, end }),
    });
    bench.mayVote = (slot) => this.memory.mayVote(slot);
    for (const slot of bench.acceptor.restore(saved)) this.memory.doubt(slot);
  }

  /** All comparisons end, with `failure` in vain; with whom they were. */
  compared(failure: string | null = null): number[] {
    const all = this.comparing.splice(0);
    for (const { end } of all) end(failure);
    return all.map(({ peer }) => peer).sort();
  }

  /** What it has sent since the last call. */
  sent(): Flying[] {
    return this.frames.sent().map(({ peer, type, body }) => ({ from: this.self, to: peer, type, body }));
  }

  /** False: the message was refused as garbled. */
  take({ from, type, body }: Flying): boolean {
    return this.memory.onMessage(type, from, new FrameReader().reset(body, 0, body.length));
  }
}

/** The memories of a cluster; time, disks and messages move only when told. */
export class MemoryRing {
  readonly nodes: MemoryNode[];
  elapsed = 0;

  constructor(
    readonly members: number,
    private readonly replicas = members,
  ) {
    this.nodes = Array.from({ length: members }, (_, self) => new MemoryNode(self, members, replicas));
    for (const { self } of this.nodes) this.up(self);
  }

  /** Everybody who is up hears the member, and it them. */
  up(...members: number[]): void {
    this.link(members, true);
  }

  down(...members: number[]): void {
    this.link(members, false);
  }

  private link(members: readonly number[], alive: boolean): void {
    for (const member of members)
      for (const { self, topology, memory } of this.nodes) {
        if (self === member) continue;
        const other = this.nodes[member];
        topology.setAlive(member, alive);
        other.topology.setAlive(self, alive);
        if (alive) continue;
        memory.linkDown(member);
        other.memory.linkDown(self);
      }
  }

  /** A member that comes back with an empty disk, or with this one. */
  comesBack(member: number, bench = new AcceptorBench()): MemoryNode {
    this.down(member);
    this.nodes[member] = new MemoryNode(member, this.members, this.replicas, bench);
    this.up(member);
    return this.nodes[member];
  }

  tick(ms = 50): void {
    this.elapsed += ms;
    for (const { memory } of this.nodes) memory.tick(0, this.elapsed);
  }

  /** Messages arrive, are answered, and are written down, until there are no more. */
  deliver(): void {
    for (;;) {
      const all = this.nodes.flatMap((node) => node.sent());
      for (const { bench } of this.nodes) bench.disk.settle();
      if (all.length === 0) return;
      for (const one of all)
        if (!this.nodes[one.to].take(one)) throw new Error(`${Message[one.type as never]} was refused`);
    }
  }

  /** So much time goes by, with all that comes of it but comparisons. */
  pass(ms: number): void {
    const end = this.elapsed + ms;
    while (this.elapsed < end) {
      this.tick(Math.min(250, end - this.elapsed));
      this.deliver();
    }
  }

  votes(): boolean[] {
    return this.nodes.map(({ memory }) => memory.complete);
  }
}
