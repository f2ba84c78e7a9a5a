import { setTimeout as pause } from 'node:timers/promises';
import type { Seeded } from '../../compat-tests/harness/seeded.js';
import type { WiredCluster } from '../../compat-tests/harness/wired-cluster.js';

/** From a moment that nobody notices to one after which everybody is known to be gone. */
const SHORTEST_MS = 100;
const LONGEST_MS = 4000;
const LONGEST_PEACE_MS = 2500;

/** Kills, stops and cuts off nodes at random, more than one thing at a time, and mends all of it. */
export class Chaos {
  kills = 0;
  stops = 0;
  cuts = 0;
  private readonly ended = new AbortController();

  constructor(
    private readonly cluster: WiredCluster,
    private readonly random: Seeded,
  ) {}

  /** Resolves after `end`, when all is mended; rejects when a node does not come back. */
  async run(): Promise<void> {
    await Promise.all([this.again(() => this.hurtNode()), this.again(() => this.cutWires())]);
  }

  end(): void {
    this.ended.abort();
  }

  private async again(harm: () => Promise<void>): Promise<void> {
    while (!this.ended.signal.aborted) {
      await this.moments(this.random.below(LONGEST_PEACE_MS));
      if (!this.ended.signal.aborted) await harm();
    }
  }

  private async hurtNode(): Promise<void> {
    const victims = this.cluster.nodes.filter(() => this.random.below(this.cluster.nodes.length) === 0);
    const kill = this.random.below(2) === 0;
    if (kill) {
      this.kills += victims.length;
      await Promise.all(victims.map((node) => node.process.stop('SIGKILL')));
    } else {
      this.stops += victims.length;
      for (const node of victims) node.process.signal('SIGSTOP');
    }
    await this.moments(this.duration());
    if (kill) await Promise.all(victims.map((node) => node.start()));
    else for (const node of victims) node.process.signal('SIGCONT');
  }

  /** In two parts, or one way only. */
  private async cutWires(): Promise<void> {
    const { nodes, wires } = this.cluster;
    const numbers = nodes.map((_, node) => node);
    const some = numbers.filter(() => this.random.below(2) === 0);
    const others = numbers.filter((node) => !some.includes(node));
    this.cuts++;
    if (this.random.below(3) === 0) wires.silence(some, others);
    else wires.part(some, others);
    await this.moments(this.duration());
    wires.heal();
  }

  /** Short ones as often as long ones. */
  private duration(): number {
    const share = this.random.below(1000) / 1000;
    return SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** share;
  }

  private async moments(ms: number): Promise<void> {
    // Cut short by the end.
    await pause(ms, undefined, { signal: this.ended.signal }).catch(() => {});
  }
}
