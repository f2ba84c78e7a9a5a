import type { SimNode } from './sim-node.js';

/** What a node holds at a moment, by name. */
type Sample = Readonly<Record<string, number>>;

/** Watches that nothing grows without bound: the most there ever was, and what is left when nothing is under way. */
export class Gauges {
  readonly most = new Map<string, number>();
  /** Where there was more than there may be: one text per node and gauge. */
  readonly exceeded = new Set<string>();

  constructor(private readonly nodes: readonly SimNode[]) {}

  /** To be called regularly. */
  sample(): void {
    for (const { address, life } of this.nodes) {
      if (life === undefined) continue;
      const { bounds } = life;
      for (const [name, value] of Object.entries(life.gauges())) {
        if (value > (this.most.get(name) ?? 0)) this.most.set(name, value);
        if (value > (bounds[name] ?? value))
          this.exceeded.add(`${address} had more ${name} than ${bounds[name]}`);
      }
    }
  }

  /** What is under way on nodes of which nobody wants anything, or kept beyond what may be kept. */
  leftovers(): string[] {
    return this.nodes.flatMap(({ address, life }) =>
      Object.entries((life?.gauges() ?? {}) as Sample)
        .filter(([name, value]) => value > (life!.keeps[name] ?? 0))
        .map(([name, value]) => `${address} still has ${value} ${name}`),
    );
  }
}
