import { RecordStore } from '../../../storage/record-store.js';
import { SlotTrees } from '../../../storage/slot-trees.js';
import { Intake } from '../../core/anti-entropy/intake.js';
import { Handoff } from '../../core/handoff.js';
import { ReapJudge } from '../../core/reap-judge.js';
import { Reaper } from '../../core/reaper.js';
import { Sweeper } from '../../core/sweeper.js';
import type { Clock } from '../../environment.js';
import { type Mutant, replace, replaceGetter } from './mutant.js';

const FORGETFUL = { gcGraceMs: 10_000 } as const;
const EARLY_MS = 60_000;

/** Mistakes in hints, repair, and the forgetting of what was deleted. */
export const healingMutants: readonly Mutant[] = [
  {
    name: 'hint dropped early',
    mistake: 'a stand-in takes a hint, and the copy with it, for delivered once it is sent',
    faults: ['crash', 'partition', 'broken connection'],
    plan: { settings: { sloppy: true, maxHintsBytes: 1 << 20 } },
    make: () =>
      replace<
        { settle(id: number, request: unknown, ok: boolean): void; requests: Map<number, unknown> },
        [number, number, unknown, number],
        boolean
      >(
        Handoff.prototype,
        'write',
        () =>
          function (_peer, id) {
            this.settle(id, this.requests.get(id), true);
            return true;
          },
      ),
  },
  {
    name: 'hints never delivered',
    mistake: 'what a member missed is written down and never sent',
    faults: ['crash', 'partition'],
    plan: { settings: { maxHintsBytes: 1 << 20 } },
    make: () => replace(Handoff.prototype, 'pump', () => () => {}),
  },
  {
    name: 'tombstone gone too soon',
    mistake: 'a deletion is forgotten while a replica that has not heard of it is down',
    faults: ['crash', 'partition'],
    plan: { settings: { ...FORGETFUL, maxHintsBytes: 0, repairIntervalSeconds: 0 } },
    make: () => {
      const alive = replaceGetter(Reaper.prototype, 'mayReap', () => true);
      const ask = replace<Forgetful, [boolean, readonly Candidate[]], void>(
        Reaper.prototype,
        'ask',
        () =>
          function (_drop, candidates) {
            // Without asking anybody.
            for (const { entry, row } of candidates) {
              this.store.put(entry, null);
              this.store.putRow(row, null);
            }
            this.release(candidates);
          },
      );
      return () => {
        alive();
        ask();
      };
    },
  },
  {
    name: 'yes to everything',
    mistake: 'a replica agrees to forget a key that it has another version of',
    faults: ['crash', 'partition'],
    plan: { settings: { ...FORGETFUL, maxHintsBytes: 0, repairIntervalSeconds: 0 } },
    make: () => replace(ReapJudge.prototype, 'agrees', () => () => true),
  },
  {
    name: 'expired too early',
    mistake: 'values are cleared a minute before their time is over',
    faults: ['crash'],
    plan: { mix: { get: 10, set: 2, expiring: 5 } },
    make: () =>
      replace<{ clock: Clock }, [() => void], void>(
        Sweeper.prototype,
        'sweepExpired',
        (original) =>
          function (done) {
            const { clock } = this;
            this.clock = { ...clock, now: () => clock.now() + EARLY_MS };
            original.call(this, done);
            this.clock = clock;
          },
      ),
  },
  {
    name: 'repair not kept',
    mistake: 'what comes by a repair is confirmed and not kept',
    faults: ['crash', 'partition'],
    plan: { settings: { sloppy: false, maxHintsBytes: 0 } },
    make: () =>
      replace<Intake, [number, number, string, unknown, (taken: string, seq: number) => void], void>(
        Intake.prototype,
        'take',
        () => (_db, _slot, _key, _record, done) => done('changed', 0),
      ),
  },
  {
    name: 'trees that do not follow',
    mistake: 'one write in four is not entered in the Merkle tree',
    faults: ['crash', 'partition'],
    plan: { settings: { sloppy: false, maxHintsBytes: 0 } },
    make: () => {
      let writes = 0;
      return replace<SlotTrees, unknown[], void>(
        SlotTrees.prototype,
        'changed',
        (original) =>
          function (...args) {
            if (++writes % 4 !== 0) original.apply(this, args);
          },
      );
    },
  },
  {
    name: 'kept trees of a busy disk',
    mistake:
      'a clean stop keeps the Merkle trees while records are still being read and what comes of that is put',
    faults: ['clean stop', 'slow disk'],
    plan: { settings: { cacheBytes: 1000, repairIntervalSeconds: 0 }, repairedBy: 'reads' },
    make: () =>
      replace<RecordStore, [() => void], void>(
        RecordStore.prototype,
        'seal',
        () =>
          function (done) {
            this.whenSettled(done);
          },
      ),
  },
];

interface Candidate {
  readonly entry: unknown;
  readonly row: Buffer;
}

interface Forgetful {
  readonly store: { put(entry: unknown, record: null): void; putRow(row: Buffer, value: null): void };
  release(candidates: readonly Candidate[]): void;
}
