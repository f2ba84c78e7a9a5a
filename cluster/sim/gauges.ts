import type { SimNode } from './sim-node.js';

/** What a node holds at a moment, by name. */
type Sample = Readonly<Record<string, number>>;

/** Watches that nothing grows without bound: the most there ever was, and what is left when nothing is under way. */
export class Gauges {
  readonly most = new Map<string, number>();

  constructor(private readonly nodes: readonly SimNode[]) {}

  /** To be called regularly. */
  sample(): void {
    for (const { life } of this.nodes)
      for (const [name, value] of Object.entries(life?.gauges() ?? {}))
        if (value > (this.most.get(name) ?? 0)) this.most.set(name, value);
  }

  /** What is under way on nodes of which nobody wants anything. */
  leftovers(): string[] {
    return this.nodes.flatMap(({ address, life }) =>
      Object.entries((life?.gauges() ?? {}) as Sample)
        .filter(([name, value]) => value > 0 && !name.includes(' kept '))
        .map(([name, value]) => `${address} still has ${value} ${name}`),
    );
  }
}
