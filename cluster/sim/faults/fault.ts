import type { SimNode } from '../sim-node.js';
import type { SimWorld } from '../sim-world.js';

/** One way in which the world can be bad. */
export interface Fault {
  readonly name: string;
  /** Begins it, and plans its end. False: it could not be now (nobody to strike, or more would be lost than is promised to be kept). */
  strike(world: SimWorld): boolean;
}

export function later({ random, queue }: SimWorld, fromMs: number, toMs: number, run: () => void): void {
  queue.after(random.between(fromMs, toMs), run);
}

/** A node that has something to lose: its process runs. */
export function runningNode({ random, nodes }: SimWorld): SimNode | undefined {
  const running = nodes.filter((node) => node.running);
  return running.length === 0 ? undefined : random.pick(running);
}
