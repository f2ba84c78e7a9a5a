import { Acceptor, type Vote } from '../../core/register/acceptor.js';
import { Asking } from '../../core/register/asking.js';
import { type Ballot, compareBallots, NO_BALLOT } from '../../core/register/ballot.js';
import { Batch, type Task } from '../../core/register/batch.js';
import { HeldUnits } from '../../core/register/held-units.js';
import { Leader } from '../../core/register/leader.js';
import type { LeaderWorld } from '../../core/register/leader-world.js';
import { RegisterMemory } from '../../core/register/memory.js';
import type { SavedRegisters } from '../../core/register/register-rows.js';
import { Registers } from '../../core/register/registers.js';
import type { Ask, Round } from '../../core/register/rounds.js';
import type { Topology } from '../../core/topology.js';
import { type Mutant, mutantsOf, replace, type Undo } from './mutant.js';

/** Few keys of one slot under many hands, and misfortune all the time. */
const CROWD = {
  clients: 0,
  seconds: 40,
  serial: {
    clients: 6,
    registers: 1,
    pairs: 1,
    counters: 1,
    banks: 1,
    locks: 0,
    mixed: 0,
    slots: 1,
    thinkMs: 20,
  },
} as const;
const EVERY_MS = 1000;
/** For what takes its time, and time in which all is well before it. */
const SELDOM_MS = 3000;
const IN_ROUNDS = ['proposer dies in a round', 'proposer pauses in a round', 'proposer cut off in a round'];
const OF_POWER = ['acceptor loses power in a round', 'power loss', 'crash of all', 'slow disk'];

interface Promised {
  ballot: Ballot;
}

interface Promises {
  readonly promises: Map<number, Promised>;
}

type Done = (vote: Vote) => void;

interface Leading {
  readonly world: LeaderWorld;
  round: Round | null;
  queue: Task[];
  chosen(round: Round): void;
}

const mutant = mutantsOf((plan) => ({ ...CROWD, ...plan }), EVERY_MS);

/** Mistakes in the rules of the registers, each of which CASPaxos and what is built upon it rest on. */
export const registerMutants: readonly Mutant[] = [
  mutant('accept without promise', 'an acceptor accepts what is below its promise', IN_ROUNDS, () =>
    replace<Promises, [Round['unit'], Done], void>(
      Acceptor.prototype,
      'accept',
      (original) =>
        function (unit, done) {
          const promised = this.promises.get(unit.slot)?.ballot ?? NO_BALLOT;
          this.promises.delete(unit.slot);
          original.call(this, unit, done);
          const now = this.promises.get(unit.slot);
          if (now !== undefined && compareBallots(promised, now.ballot) > 0) now.ballot = promised;
        },
    ),
  ),
  mutant(
    'promise without looking',
    'an acceptor promises every ballot it is asked for, even one below what it has promised',
    IN_ROUNDS,
    () =>
      replace<Promises, [number, Ballot, Done], void>(
        Acceptor.prototype,
        'prepare',
        (original) =>
          function (slot, ballot, done) {
            const promised = this.promises.get(slot);
            if (promised !== undefined && compareBallots(ballot, promised.ballot) < 0)
              this.promises.delete(slot);
            original.call(this, slot, ballot, done);
          },
      ),
  ),
  mutant(
    'promises forgotten at restart',
    'a node that starts again knows nothing of what it has promised',
    ['restart between two proposers'],
    () => restoring((saved) => ({ ...saved, promises: new Map() })),
    { nodes: 3 },
    SELDOM_MS,
  ),
  mutant(
    'units forgotten at restart',
    'a node that starts again knows nothing of what it has accepted',
    [...IN_ROUNDS, 'crash', 'crash of all', 'acceptor loses power in a round'],
    () => restoring((saved) => ({ ...saved, units: [] })),
  ),
  mutant(
    'voted before the disk',
    'an acceptor says yes before its disk has it',
    OF_POWER,
    () =>
      replace<object, [number, Promised, Done], void>(
        Acceptor.prototype,
        'persist',
        (original) =>
          function (slot, promised, done) {
            done({ vote: 'yes', promised: promised.ballot });
            original.call(this, slot, promised, () => {});
          },
      ),
    { settings: { syncMode: 'no' } },
  ),
  mutant(
    'twice is yes',
    'a proposal that comes a second time is confirmed although the first is not on the disk yet',
    ['slow disk', 'acceptor loses power in a round', 'crash of all', 'lost, late and repeated messages'],
    () =>
      replace<object, [Promised, Done], void>(
        Acceptor.prototype,
        'acceptAgain',
        () =>
          ({ ballot }, done) =>
            done({ vote: 'yes', promised: ballot }),
      ),
    { nodes: 3, seconds: 60, settings: { syncMode: 'no', requestTimeoutMs: 5000 } },
    SELDOM_MS,
  ),
  mutant(
    'minority accept',
    'a round is taken for won as soon as its proposer has accepted it itself',
    IN_ROUNDS,
    () =>
      replace<Leading, [Round], void>(
        Leader.prototype,
        'roundMayEnd',
        (original) =>
          function (round) {
            if (this.round === round && round.yes.has(this.world.self())) this.chosen(round);
            else original.call(this, round);
          },
      ),
  ),
  mutant('minority promise', 'a proposer goes on when it has only its own promise', IN_ROUNDS, () =>
    replace<{ readonly world: LeaderWorld }, [Ask], void>(
      Asking.prototype,
      'mayEnd',
      (original) =>
        function (ask) {
          const own = ask.answers.get(this.world.self());
          // As if a second one had said the same.
          if (own !== undefined) ask.answers.set(-1, own);
          original.call(this, ask);
        },
    ),
  ),
  mutant(
    'fallback with a vote',
    'where home replicas are dead, who stands in for them votes in their place',
    ['partition', 'partial partition', 'crash', ...IN_ROUNDS],
    () => {
      const undo = [
        changeWorld((world) => ({ ...world, topology: () => withStandIns(world.topology()) })),
        ...['onPrepare', 'onAccept'].map((name) => atHome(name)),
      ];
      return () => {
        for (const one of undo) one();
      };
    },
    { settings: { sloppy: true } },
  ),
  mutant(
    'value in flight left alone',
    'a proposer does not look at what others have accepted before it',
    IN_ROUNDS,
    () => {
      const inherit = replace(Leader.prototype, 'inherit', () => () => {});
      const unsettled = replace(Leader.prototype, 'isUnsettled', () => () => false);
      return () => {
        inherit();
        unsettled();
      };
    },
  ),
  mutant(
    'ballots of nobody',
    'proposers do not put their names into their ballots, so that two use the same',
    ['proposer cut off in a round', 'partial partition'],
    () => changeWorld((world) => ({ ...world, proposer: '' })),
    { settings: { requestTimeoutMs: 500 } },
  ),
  mutant('refusals not heard', 'a proposer takes a no for a yes', IN_ROUNDS, () =>
    replace<object, [Round, number, Vote], void>(
      Leader.prototype,
      'voted',
      (original) =>
        function (round, peer, vote) {
          original.call(this, round, peer, vote.vote === 'no' ? { ...vote, vote: 'yes' } : vote);
        },
    ),
  ),
  mutant(
    'reads of the leader alone',
    'what only reads, or compared in vain, is told without asking whether this node still leads',
    ['partition', 'one-way cut'],
    () =>
      replace<object, [Task], void>(
        Leader.prototype,
        'take',
        (original) =>
          function (task) {
            original.call(this, { ...task, confirmed: true });
          },
      ),
  ),
  mutant(
    'records of an earlier lease',
    'a leader that was not one for a while goes by what it knew before',
    IN_ROUNDS,
    () => changeWorld((world) => ({ ...world, takeLease: () => 1 })),
  ),
  mutant('accepted is chosen', 'an acceptor takes whatever it has accepted for chosen', IN_ROUNDS, () =>
    replace(HeldUnits.prototype, 'judge', () => () => 'chosen'),
  ),
  mutant(
    'done twice',
    'operations of a round whose outcome is not known run again in the next',
    IN_ROUNDS,
    () =>
      replace<Leading, [Ballot], void>(
        Leader.prototype,
        'lose',
        (original) =>
          function (promised) {
            const { round } = this;
            if (round !== null) {
              this.queue = [...round.tasks, ...this.queue];
              round.tasks = [];
            }
            original.call(this, promised);
          },
      ),
  ),
  mutant('doubts denied', 'what may have been applied is said not to have been', IN_ROUNDS, () =>
    replace<object, [Task, string | null], void>(
      Registers.prototype,
      'end',
      (original) =>
        function (task, failure) {
          original.call(this, task, failure?.replace(/(it|the write) may have been/, '$1 was not') ?? null);
        },
    ),
  ),
  mutant(
    'looked at and not touched',
    'a round does not carry what it has read, only what it has written',
    ['proposer cut off in a round'],
    () => replace(Batch.prototype, 'touch', () => () => {}),
    { serial: { ...CROWD.serial, registers: 0, pairs: 5, counters: 0, banks: 0 } },
  ),
  mutant(
    'votes without memory',
    'a node whose disk was lost or set back votes as if it remembered everything',
    ['lost disk beside one that missed something'],
    () => replace(RegisterMemory.prototype, 'mayVote', () => () => true),
    { nodes: 3 },
    SELDOM_MS,
  ),
];

function restoring(change: (saved: SavedRegisters) => SavedRegisters): Undo {
  return replace<object, [SavedRegisters], unknown>(
    Acceptor.prototype,
    'restore',
    (original) =>
      function (saved) {
        return original.call(this, change(saved));
      },
  );
}

/** The message of that name is taken as if this node were a home replica of all slots. */
function atHome(name: string): Undo {
  return replace<{ options: { topology(): Topology } }, unknown[], boolean>(
    Registers.prototype,
    name,
    (original) =>
      function (...args) {
        const { isHome } = this.options.topology();
        const truly = isHome.slice();
        isHome.fill(1);
        const isSound = original.apply(this, args);
        isHome.set(truly);
        return isSound;
      },
  );
}

/** Stand-ins in the places of those home replicas they stand in for. */
function withStandIns(topology: Topology): Topology {
  const standFor = (slot: number, home: number): number =>
    topology.setOf(slot).standIns.find((standIn) => standIn.home === home)?.member ?? home;
  return Object.create(topology, {
    homes: { value: (slot: number) => topology.homes(slot).map((home) => standFor(slot, home)) },
    liveHomes: { value: (slot: number) => topology.setOf(slot).reachable },
  }) as Topology;
}

function changeWorld(change: (world: LeaderWorld) => LeaderWorld): Undo {
  return replace<object, [], LeaderWorld>(
    Registers.prototype,
    'makeWorld',
    (original) =>
      function () {
        return change(original.call(this));
      },
  );
}
