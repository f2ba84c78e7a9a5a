import { setTimeout as pause } from 'node:timers/promises';
import type { Seeded } from '../../compat-tests/harness/seeded.js';
import type { RingNode } from '../../compat-tests/harness/servers.js';
import type { WiredCluster } from '../../compat-tests/harness/wired-cluster.js';

/** Short ones end before anybody is suspected, long ones well after others have taken over. */
const SHORT_MS = [50, 400] as const;
const LONG_MS = [800, 3000] as const;
const LONGEST_PEACE_MS = 800;
const LONGEST_PHASE_MS = 8000;
/** On a machine that has much else to do a process may take its time. */
const START_TRIES = 4;

/** What may go wrong in a phase: often one thing alone, since nobody can go on after two where there are three nodes. */
const PHASES = ['wires', 'wires', 'wires', 'nodes', 'nodes', 'both'] as const;

/** Kills, stops and cuts off nodes at random and mends all of it. */
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
    while (!this.ended.signal.aborted) {
      const phase = PHASES[this.random.below(PHASES.length)];
      const until = performance.now() + this.random.below(LONGEST_PHASE_MS);
      const again = async (harm: () => Promise<void>): Promise<void> => {
        while (performance.now() < until && !this.ended.signal.aborted) await harm();
      };
      await Promise.all([
        phase === 'nodes' ? undefined : again(() => this.cutWires()),
        phase === 'wires' ? undefined : again(() => this.hurtNode()),
      ]);
      this.cluster.wires.heal();
      await this.moments(this.random.below(LONGEST_PEACE_MS));
    }
  }

  end(): void {
    this.ended.abort();
  }

  /** Mostly one, at times several, all of them even. */
  private async hurtNode(): Promise<void> {
    const { nodes } = this.cluster;
    const victims =
      this.random.below(3) > 0
        ? [nodes[this.random.below(nodes.length)]]
        : nodes.filter(() => this.random.below(2) === 0);
    const kill = this.random.below(2) === 0;
    if (kill) {
      this.kills += victims.length;
      await Promise.all(victims.map((node) => node.process.stop('SIGKILL')));
    } else {
      this.stops += victims.length;
      for (const node of victims) node.process.signal('SIGSTOP');
    }
    await this.moments(this.duration());
    if (kill) await Promise.all(victims.map(restarted));
    else for (const node of victims) node.process.signal('SIGCONT');
    await this.moments(this.random.below(LONGEST_PEACE_MS));
  }

  /** In two parts, or one way only; the next cut may come straight after it. */
  private async cutWires(): Promise<void> {
    const { nodes, wires } = this.cluster;
    const numbers = nodes.map((_, node) => node);
    const alone = this.random.below(nodes.length);
    const some = this.random.below(2) === 0 ? [alone] : numbers.filter(() => this.random.below(2) === 0);
    const others = numbers.filter((node) => !some.includes(node));
    this.cuts++;
    wires.heal();
    const kind = this.random.below(4);
    if (kind === 0) wires.silence(some, others);
    else if (kind === 1) wires.silence(others, some);
    else wires.part(some, others);
    await this.moments(this.duration());
    if (this.random.below(2) === 0) return;
    wires.heal();
    await this.moments(this.random.below(LONGEST_PEACE_MS));
  }

  private duration(): number {
    const [shortest, longest] = this.random.below(3) === 0 ? SHORT_MS : LONG_MS;
    return shortest + this.random.below(longest - shortest);
  }

  private async moments(ms: number): Promise<void> {
    // Cut short by the end.
    await pause(ms, undefined, { signal: this.ended.signal }).catch(() => {});
  }
}

/** Starts it again; rejects when it does not get ready. */
async function restarted(node: RingNode): Promise<void> {
  node.spawn();
  for (let tries = 1; ; tries++) {
    try {
      await node.process.says(/ready in/);
      return;
    } catch (error) {
      if (!node.process.running || tries === START_TRIES) throw error;
    }
  }
}
