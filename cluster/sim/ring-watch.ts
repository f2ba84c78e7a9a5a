import { advanced, changed, type RingState, rolledBack } from '../core/elastic/ring-state.js';
import type { Member } from '../core/topology.js';
import type { Checker } from './checker.js';

/** Hears that a node has taken on a state of the ring that nobody had taken on before. */
export type RingListener = (ring: RingState, address: string) => void;

/**
 * Hears of every state of the ring that a node takes on, and holds them to the rules: there is one for each epoch, it comes from the one before
 * by a step that is known, and no node goes back.
 */
export class RingWatch {
  /** Of all states that any node has taken on, that with the highest epoch. */
  latest: RingState | undefined;
  readonly listeners = new Set<RingListener>();
  private readonly byEpoch = new Map<number, RingState>();
  /** The epoch of each node, by address. */
  private readonly reached = new Map<string, number>();

  constructor(
    private readonly checker: Checker,
    private readonly tell: (text: string) => void,
  ) {}

  sees(address: string, ring: RingState): void {
    const { checker, byEpoch, reached } = this;
    const { epoch } = ring;
    const before = reached.get(address) ?? 0;
    reached.set(address, epoch);
    this.tell(`${address} is at ${ringText(ring)}`);
    if (epoch < before)
      checker.violation(`${address} goes back from epoch ${before} to ${epoch} of the ring`);
    const known = byEpoch.get(epoch);
    if (known !== undefined) {
      if (ringText(known) === ringText(ring)) return;
      checker.violation(`two rings of one epoch: ${ringText(known)}, and for ${address} ${ringText(ring)}`);
      return;
    }
    byEpoch.set(epoch, ring);
    this.checkStep(byEpoch.get(epoch - 1), ring);
    this.checkStep(ring, byEpoch.get(epoch + 1));
    if (epoch > (this.latest?.epoch ?? 0)) this.latest = ring;
    for (const listener of [...this.listeners]) listener(ring, address);
  }

  /** A node would not begin a change that was wanted. */
  refused(address: string, why: string): void {
    this.tell(`${address} will not: ${why}`);
  }

  /** Its disk no longer is what it was: it may know less than before. */
  forget(address: string): void {
    this.reached.delete(address);
  }

  private checkStep(from: RingState | undefined, to: RingState | undefined): void {
    if (from === undefined || to === undefined) return;
    const allowed = [advanced(from), rolledBack(from), changed(from, to.other ?? [])];
    if (!allowed.some((one) => one !== null && ringText(one) === ringText(to)))
      this.checker.violation(`no step leads from ${ringText(from)} to ${ringText(to)}`);
  }
}

/** All of it but what may differ from node to node: who is the process behind an address, and where its clients go. */
export function ringText({ epoch, phase, current, other }: RingState): string {
  const sides = other === null ? membersText(current) : `${membersText(current)} | ${membersText(other)}`;
  return `epoch ${epoch}, ${phase}: ${sides}`;
}

function membersText(members: readonly Member[]): string {
  return members
    .map(({ name, tokens, rack, weight }) => {
      const more = [tokens === name ? '' : `as ${tokens}`, rack, weight === 1 ? '' : `x${weight}`];
      return [name, ...more.filter((word) => word !== '')].join(' ');
    })
    .join(', ');
}
