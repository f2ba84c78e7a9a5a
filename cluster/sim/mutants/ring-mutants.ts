import { RingAcceptor } from '../../core/elastic/ring-acceptor.js';
import { RingDriver } from '../../core/elastic/ring-driver.js';
import { RingProposals } from '../../core/elastic/ring-proposals.js';
import { isJoint, type RingState } from '../../core/elastic/ring-state.js';
import { Sealing } from '../../core/elastic/sealing.js';
import { ALL, type Level, replicasNeeded } from '../../core/levels.js';
import type { HomeList, Placement } from '../../core/placement.js';
import { NO_BALLOT } from '../../core/register/ballot.js';
import { Registers } from '../../core/register/registers.js';
import { type ReplicaSet, Topology } from '../../core/topology.js';
import { Members } from '../../members.js';
import { type Mutant, mutantsOf, replace, replaceGetter } from './mutant.js';

const CHANGES = ['node joins', 'node leaves', 'weight changed'];
const IN_STEPS = ['crash in a step of the ring', 'cut in a step of the ring'];
const EVERY_MS = 2500;
/** Much is written while slots move. */
const BUSY = {
  nodes: 4,
  seconds: 40,
  clients: 8,
  keys: 60,
  thinkMs: 40,
  mix: { get: 40, set: 40 },
} as const;

/** Whoever lacks a write shows it as soon as it is asked. */
const READS_OF_ONE = { settings: { readQuorum: 1, writeQuorum: ALL } } as const;
/** Clients that only take steps, on few keys. */
const STEPS = {
  clients: 0,
  serial: {
    clients: 6,
    registers: 2,
    pairs: 1,
    counters: 1,
    banks: 0,
    locks: 0,
    mixed: 0,
    slots: 3,
    thinkMs: 50,
  },
} as const;

const ELASTIC = { leastMembers: 3, racks: 0 } as const;
const QUIET = { sloppy: false, syncMode: 'always', maxHintsBytes: 0, repairIntervalSeconds: 0 } as const;

const mutant = mutantsOf(
  (plan) => ({ ...BUSY, elastic: ELASTIC, ...plan, settings: { ...QUIET, ...plan.settings } }),
  EVERY_MS,
);

/** Mistakes in the rules by which slots move, and the ring is changed. */
export const ringMutants: readonly Mutant[] = [
  mutant(
    'gaining homes answer walks',
    'a home that is only becoming one answers SCAN by itself',
    CHANGES,
    () =>
      replace(
        Topology.prototype,
        'isSource',
        () =>
          function (this: Topology, slot: number) {
            return this.keeps[slot] === 1;
          },
      ),
    { walks: { clients: 4, thinkMs: 20, level: ALL } },
  ),
  mutant(
    'new homes not written to',
    'while slots move, writes go to the old homes alone, whose quorum is enough',
    CHANGES,
    () => {
      const counted = replace<Sides, [number], HomeList>(
        Topology.prototype,
        'listOf',
        (original) =>
          function (slot) {
            return isJoint(this.ring)
              ? this.current.lists[this.current.listOf[slot]]
              : original.call(this, slot);
          },
      );
      const sent = replace<Topology, [number], ReplicaSet>(
        Topology.prototype,
        'setOf',
        (original) =>
          function (slot) {
            const set = original.call(this, slot);
            const old = this.sources(slot);
            return isJoint(this.ring)
              ? { ...set, peers: set.peers.filter((peer) => old.includes(peer)) }
              : set;
          },
      );
      return () => {
        counted();
        sent();
      };
    },
  ),
  mutant(
    'incomplete owners obeyed',
    'new homes answer reads alone as soon as they are written to, before they have what was written before',
    CHANGES,
    () =>
      replace<Sides, [number], HomeList>(
        Topology.prototype,
        'listOf',
        (original) =>
          function (slot) {
            const { other } = this;
            return isJoint(this.ring) ? other!.lists[other!.listOf[slot]] : original.call(this, slot);
          },
      ),
  ),
  mutant(
    'homes of both sides counted alike',
    'a quorum of old and new homes together is as large as without a change, and need not hold a quorum of the old ones',
    [...CHANGES, ...IN_STEPS, 'partition', 'partial partition'],
    () =>
      replace<Sides, [number, Level, Level], number>(
        Topology.prototype,
        'needed',
        (original) =>
          function (slot, level, byDefault) {
            const { current } = this;
            const { homes } = current.lists[current.listOf[slot]];
            return isJoint(this.ring)
              ? replicasNeeded(level, homes.length, byDefault)
              : original.call(this, slot, level, byDefault);
          },
      ),
  ),
  mutant(
    'two majorities of a register',
    'a round among old and new homes together is decided by as few as a majority of the old ones',
    [...CHANGES, ...IN_STEPS, 'partition'],
    () =>
      replace<Sides, [number], number>(
        Topology.prototype,
        'majorityOf',
        (original) =>
          function (slot) {
            const { current } = this;
            return isJoint(this.ring)
              ? current.lists[current.listOf[slot]].majority
              : original.call(this, slot);
          },
      ),
    STEPS,
  ),
  mutant(
    'ring decided by a minority',
    'the next state of the ring is decided as soon as one member has voted for it',
    [...CHANGES, ...IN_STEPS, 'partition'],
    () =>
      replace<{ yes: Set<string> }, [{ yes: Set<string> }], boolean>(
        RingProposals.prototype,
        'isWon',
        () =>
          ({ yes }) =>
            yes.size > 0,
      ),
  ),
  mutant(
    'ring votes forgotten',
    'a member does not remember which state of the ring it has voted for',
    [...CHANGES, ...IN_STEPS, 'partition'],
    () => replace(RingAcceptor.prototype, 'about', () => () => ({ promised: NO_BALLOT, accepted: null })),
  ),
  mutant(
    'ring not kept',
    'a state of the ring is used before the disk has it, and never gets there',
    [...CHANGES, 'crash', 'crash in a step of the ring'],
    () =>
      replace<Members, [RingState], number>(
        Members.prototype,
        'keepRing',
        (original) =>
          function (ring) {
            return ring.epoch === 1 ? original.call(this, ring) : 0;
          },
      ),
  ),
  mutant(
    'sealed in name only',
    'the new homes serve alone before they have made sure that they have everything',
    CHANGES,
    () => replace(Sealing.prototype, 'isEnough', () => () => true),
    READS_OF_ONE,
  ),
  mutant(
    'register not forgotten',
    'who has lost a slot keeps what it has promised and accepted there',
    CHANGES,
    () => replace(Registers.prototype, 'forget', () => () => true),
    STEPS,
  ),
  mutant(
    'ring goes on by itself',
    'a change goes from phase to phase without anybody having done his part',
    CHANGES,
    () => replaceGetter(RingDriver.prototype, 'holding', () => []),
    READS_OF_ONE,
  ),
  mutant(
    'one old home asked',
    'a new home makes sure of a slot with a single one of the old homes',
    [...CHANGES, 'crash', 'partition', 'partial partition'],
    () =>
      replace<Sealed, [number], boolean>(
        Sealing.prototype,
        'isEnough',
        () =>
          function (slot) {
            return [...this.sources.values()].some(({ isTaken, todo }) => isTaken && !todo.has(slot));
          },
      ),
  ),
];

/** What a topology has of the two sides. */
interface Sides {
  readonly ring: Topology['ring'];
  readonly current: Placement;
  readonly other: Placement | null;
}

/** What a duty of `sealed` knows of the old homes. */
interface Sealed {
  readonly sources: ReadonlyMap<number, { readonly isTaken: boolean; readonly todo: ReadonlySet<number> }>;
}
