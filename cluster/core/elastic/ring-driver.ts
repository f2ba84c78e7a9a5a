import type { MemberView } from '../member-view.js';
import type { Topology } from '../topology.js';
import type { RingChange, RingChanged } from './ring-proposals.js';
import { advanced } from './ring-state.js';
import { slotsToSeal } from './sealing.js';

/** How often it looks whether the ring may go on, ms. */
const LOOK_MS = 100;
/** So much later than the one before each of the voters takes the step, if nobody has, ms. */
const STAGGER_MS = 250;
/** So long the next step waits for members that live and do not go by the present ring, ms: one whose disk takes nothing, say. */
const BEHIND_PATIENCE_MS = 10_000;

export interface RingDriverWorld {
  readonly topology: () => Topology;
  /** Everybody by number, as this node sees them. */
  readonly views: () => readonly (MemberView | undefined)[];
  readonly change: (change: RingChange, done: RingChanged) => void;
}

/**
 * Takes a change of the ring from phase to phase, as soon as the members have done what the phase asks of them (they say so in their gossip,
 * `MemberFacts.ring`):
 *
 * - `copying` and `sealed` last until all who gain slots, or have to make sure of them, are done, dead or alive: without them the change makes no sense;
 * - `joint` only until all who live go by it, as every phase does: who is two steps behind is refused by all, and so are its clients;
 * - `clearing` until all who lose slots, or leave, are done, as far as they live.
 *
 * The first live voter by name takes the step, the others only if it does not. Should two do it, the register decides it once.
 */
export class RingDriver {
  readonly messages = [];
  private epoch = 0;
  /** When this node began to go by it. */
  private sinceMs = 0;
  private nowMs = 0;
  private lookedMs = Number.NEGATIVE_INFINITY;
  /** Since when nothing holds the ring any more. */
  private freeMs: number | undefined;
  private isProposing = false;
  /** Whether a member has something to do in this epoch, as far as that was asked. */
  private readonly duties = new Map<number, boolean>();

  constructor(private readonly world: RingDriverWorld) {}

  onMessage(): boolean {
    return false;
  }

  /** All who live go by the present ring, or have had their time for it: the ring may go on, as far as they are concerned. */
  get isKnown(): boolean {
    const topology = this.world.topology();
    this.notice(topology);
    const views = this.world.views();
    return topology.peers.every((peer) => !this.isAwaited(topology, peer, views[peer]));
  }

  /** The members that the ring waits for: numbers. */
  get holding(): readonly number[] {
    const topology = this.world.topology();
    if (topology.ring.phase === 'stable') return [];
    this.notice(topology);
    const views = this.world.views();
    return [topology.self, ...topology.peers].filter((member) => this.holds(topology, member, views[member]));
  }

  tick(_: number, elapsedMs: number): void {
    if (elapsedMs - this.lookedMs < LOOK_MS) return;
    this.lookedMs = elapsedMs;
    this.nowMs = elapsedMs;
    const topology = this.world.topology();
    this.notice(topology);
    if (topology.ring.phase === 'stable' || this.isProposing) return;
    const rank = rankOf(topology);
    if (rank === -1) return;
    if (this.holding.length > 0) {
      this.freeMs = undefined;
      return;
    }
    this.freeMs ??= elapsedMs;
    if (elapsedMs - this.freeMs >= rank * STAGGER_MS) this.goOn(topology.epoch);
  }

  private goOn(epoch: number): void {
    this.isProposing = true;
    this.world.change(
      (ring) => (ring.epoch === epoch ? advanced(ring) : null),
      () => {
        // Whatever came of it: if the ring is the same, it looks again.
        this.isProposing = false;
        this.freeMs = undefined;
      },
    );
  }

  private notice({ epoch }: Topology): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.sinceMs = this.nowMs;
    this.freeMs = undefined;
    this.duties.clear();
  }

  private holds(topology: Topology, member: number, view: MemberView | undefined): boolean {
    const { ring, alive } = topology;
    if (this.isAwaited(topology, member, view)) return true;
    if (ring.phase === 'joint') return false;
    const said = view?.facts?.ring;
    if (said?.epoch === ring.epoch && said.done) return false;
    if (ring.phase === 'clearing' && alive[member] === 0) return false;
    return this.hasDuty(topology, member);
  }

  /** It lives and does not go by this ring yet, as far as is known. */
  private isAwaited({ ring, alive, self }: Topology, member: number, view: MemberView | undefined): boolean {
    if (member === self || alive[member] === 0) return false;
    if (this.nowMs - this.sinceMs > BEHIND_PATIENCE_MS) return false;
    return (view?.facts?.ring?.epoch ?? 0) < ring.epoch;
  }

  private hasDuty(topology: Topology, member: number): boolean {
    let has = this.duties.get(member);
    if (has !== undefined) return has;
    if (topology.ring.phase === 'clearing') {
      const { name } = topology.members[member];
      const leaves = !topology.ring.current.some((one) => one.name === name);
      has = leaves || topology.lostBy(member).includes(1);
    } else if (topology.ring.phase === 'sealed') has = slotsToSeal(topology, member).next().done !== true;
    else has = topology.gainedBy(member).includes(1);
    this.duties.set(member, has);
    return has;
  }
}

/** The place of this node among the live voters, by name; -1: it is none. */
function rankOf(topology: Topology): number {
  const { ring, members, alive, self } = topology;
  const live = ring.current.map(({ name }) => name).filter((name) => alive[topology.numberOf(name)!] === 1);
  return live.sort().indexOf(members[self].name);
}
