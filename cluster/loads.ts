import type { StorageEngine } from '../storage/engine.js';
import type { LiveCounts } from '../storage/live-counts.js';
import type { NodeLoad } from './core/member-view.js';
import type { Node } from './node.js';

/** The question for it, among those about the keyspace (`keyspace.ts`); frozen. */
export const LOAD_QUERY = 5;

/** Asks the members of the ring what they carry. */
export class Loads {
  constructor(
    private readonly node: Node,
    private readonly counts: LiveCounts,
    private readonly engine: StorageEngine,
    private readonly databases: number,
  ) {}

  /** By the members' numbers; undefined where nobody answered. */
  ask(done: (loads: readonly (NodeLoad | undefined)[]) => void): void {
    const { self, peers, members } = this.node.topology;
    const loads: (NodeLoad | undefined)[] = members.map(() => undefined);
    loads[self] = this.own();
    const live = peers.filter((peer) => this.node.isUp(peer));
    let left = live.length;
    if (left === 0) return done(loads);
    for (const peer of live) {
      this.node.query(peer, LOAD_QUERY, '', (answer) => {
        loads[peer] = parseLoad(answer);
        if (--left === 0) done(loads);
      });
    }
  }

  answer(reply: (answer: string) => void): void {
    const { keys, diskBytes } = this.own();
    reply(JSON.stringify([keys, diskBytes]));
  }

  private own(): NodeLoad {
    let keys = 0;
    for (let db = 0; db < this.databases; db++) keys += this.counts.total(db);
    return { keys, diskBytes: this.engine.stats().diskBytes };
  }
}

function parseLoad(answer: string | null): NodeLoad | undefined {
  try {
    const [keys, diskBytes] = JSON.parse(answer ?? '') as number[];
    return Number.isSafeInteger(keys) && Number.isSafeInteger(diskBytes) ? { keys, diskBytes } : undefined;
  } catch {
    return undefined;
  }
}
