import type { Greeting } from './membership.js';
import type { Member } from './topology.js';

/** One run of a node's process, as others remember it. */
export interface Life {
  /** Counts the starts of the node's data folder. */
  readonly life: number;
  /** By chance: two starts of two copies of one folder have the same count. */
  readonly boot: number;
  readonly incarnation: number;
}

/** What a node refused as stale has to go beyond. */
export interface Outlived {
  readonly life: number;
  readonly incarnation: number;
}

/** Identities remembered: a cluster of a thousand nodes that all lose their disks three times. The longest known that is no member's goes first. */
const MAX_LIVES = 4096;

/**
 * Remembers the latest life of every node met. A node whose data folder is older than that (a backup was restored, a machine was
 * set back to a snapshot) has forgotten writes of its own that others have. It must not go on under the name it made them with, or
 * its next version of a key would claim to have seen them, and they would be repaired away (riak_kv#679, the amnesia).
 */
export class Lives {
  private readonly lives: Map<string, Life>;

  constructor(saved: Readonly<Record<string, Life>> = {}) {
    this.lives = new Map(Object.entries(saved));
  }

  /** Why this node cannot be let in; null when it can. */
  objection({ nodeId, life, boot }: Greeting): string | null {
    const known = this.lives.get(nodeId);
    if (known === undefined || life > known.life || (life === known.life && boot === known.boot)) return null;
    return `its data folder is older than what was seen of it: life ${known.life}, incarnation ${known.incarnation}`;
  }

  /** Takes note of a node that was let in, besides those that are members now. True when it is a life not met before. */
  met({ nodeId, life, boot, incarnation }: Greeting, members: readonly Pick<Member, 'nodeId'>[]): boolean {
    const known = this.lives.get(nodeId);
    if (known !== undefined && known.life === life && known.boot === boot) return false;
    this.lives.delete(nodeId);
    if (this.lives.size === MAX_LIVES) this.forgetOne(members);
    this.lives.set(nodeId, { life, boot, incarnation });
    return true;
  }

  private forgetOne(members: readonly Pick<Member, 'nodeId'>[]): void {
    const present = new Set(members.map(({ nodeId }) => nodeId));
    const known = [...this.lives.keys()];
    this.lives.delete(known.find((nodeId) => !present.has(nodeId)) ?? known[0]);
  }

  /** To be kept on disk, and given to the constructor. */
  get all(): Readonly<Record<string, Life>> {
    return Object.fromEntries(this.lives);
  }
}

/** What the refused node reads in an `objection`; undefined when it was refused for another reason. */
export function outlivedBy(reason: string): Outlived | undefined {
  const match = /older than what was seen of it: life (\d{1,15}), incarnation (\d{1,5})$/.exec(reason);
  return match === null ? undefined : { life: Number(match[1]), incarnation: Number(match[2]) };
}
