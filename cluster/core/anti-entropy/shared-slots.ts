import { SLOTS } from '../../../storage/key-layout.js';
import type { SlotTrees } from '../../../storage/slot-trees.js';
import type { PeerId } from '../../transport.js';
import type { Topology } from '../topology.js';

/** Slots are compared in groups before they are compared one by one. */
export const GROUPS = 128;
export const SLOTS_PER_GROUP = SLOTS / GROUPS;

/** A sum of the tree. */
export interface Sum {
  readonly a: number;
  readonly b: number;
}

export const NOTHING: Sum = { a: 0, b: 0 };

export function same(one: Sum, other: Sum): boolean {
  return one.a === other.a && one.b === other.b;
}

/** The part of the trees that two nodes have in common: the slots both are home replicas of. */
export class SharedSlots {
  /** 1 where both are. */
  readonly has: Uint8Array;
  readonly count: number;

  constructor(
    topology: Topology,
    peer: PeerId,
    private readonly trees: SlotTrees,
  ) {
    this.has = topology.slotsOf(peer);
    let count = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      this.has[slot] &= topology.isHome[slot];
      count += this.has[slot];
    }
    this.count = count;
  }

  root(): Sum {
    return this.sum(0, SLOTS);
  }

  group(group: number): Sum {
    return this.sum(group * SLOTS_PER_GROUP, (group + 1) * SLOTS_PER_GROUP);
  }

  slot(slot: number): Sum {
    return this.sum(slot, slot + 1);
  }

  private sum(from: number, end: number): Sum {
    return this.trees.sumOver(this.has, from, end);
  }
}
