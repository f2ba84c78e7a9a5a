import { type FolderLife, folderLives } from '../../../storage/folder-lives.js';
import { type KeyRecord, STRING, visible } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { RecordStore } from '../../../storage/record-store.js';
import { ClockGuard } from '../../core/clock-guard.js';
import { Coordinator } from '../../core/coordinator.js';
import { HybridClock } from '../../core/hlc.js';
import { Lives } from '../../core/lives.js';
import type { Operation } from '../../core/operation.js';
import { OwnWriters } from '../../core/own-writers.js';
import type { SimWorld } from '../sim-world.js';
import { type Mutant, replace } from './mutant.js';

/** Mistakes in what versions are called, and how they come together. */
export const versionMutants: readonly Mutant[] = [
  {
    name: 'newest wins',
    mistake: 'of concurrent versions only the newest is kept, as by the clock on the wall',
    faults: ['partition', 'partial partition'],
    make: () => changeRecords(({ context, siblings }) => ({ context, siblings: siblings.slice(0, 1) })),
  },
  {
    name: 'increments by newest wins',
    mistake: 'an increment writes the sum as a value, of which the newest wins',
    faults: ['partition', 'partial partition'],
    plan: { mix: { incr: 10, get: 1 }, settings: { sloppy: true } },
    make: () =>
      replace<Coordinator, [Operation, number, number], void>(
        Coordinator.prototype,
        'increment',
        () =>
          function (operation, index, amount) {
            const value = visible(operation.record(index), operation.now, this.writers)?.payload ?? '0';
            this.write(operation, index, STRING, String(Number(value) + amount), 0);
          },
      ),
  },
  {
    name: 'wrong order',
    mistake: 'concurrent versions are merged oldest first, so that clients see the oldest',
    faults: ['partition', 'partial partition'],
    make: () => changeRecords(({ context, siblings }) => ({ context, siblings: [...siblings].reverse() })),
  },
  {
    name: 'pruned history',
    mistake: 'a record forgets the writers of whom it has no version left',
    faults: ['crash', 'partition'],
    plan: { settings: { sloppy: false } },
    make: () =>
      changeRecords(({ context, siblings }) => {
        const writers = new Set(siblings.map(({ writer }) => writer));
        return { context: context.filter((_, i) => writers.has(context[i - (i % 2)])), siblings };
      }),
  },
  {
    name: 'dots used again',
    mistake:
      'a node that may have forgotten versions goes on under the same name, while its clock is set back',
    faults: ['power loss'],
    plan: {
      settings: { syncMode: 'no', writeQuorum: 2 },
      prepare: (world: SimWorld) => {
        const { nodes, queue } = world;
        const setBack = (): void => {
          if (!world.calm) for (const node of nodes) node.skewMs = -queue.now;
          queue.after(500, setBack);
        };
        setBack();
      },
    },
    make: () =>
      replace<object, [FolderLife], FolderLife>(folderLives, 'begin', () => ({ life, incarnation }) => ({
        life: life + 1,
        incarnation,
        cleanShutdown: false,
      })),
  },
  {
    name: 'stand-in under an old name',
    mistake: 'a stand-in that has handed its copy over goes on under the name it made it with',
    faults: ['partition', 'crash', 'one-way cut'],
    plan: { settings: { sloppy: true, readQuorum: 1, writeQuorum: 1 }, keys: 10 },
    make: () => replace(OwnWriters.prototype, 'forgot', () => () => {}),
  },
  {
    name: 'amnesia',
    mistake:
      'a node whose data folder is older than what was seen of it is let in as if nothing had happened',
    faults: ['backup restored', 'crash'],
    plan: { settings: { sloppy: false, gcGraceMs: 3_600_000 } },
    make: () => replace(Lives.prototype, 'objection', () => () => null),
  },
  {
    name: 'any clock is right',
    mistake: 'nodes whose clocks are far off are let in, and their readings taken over',
    faults: ['clock jumps ahead'],
    make: () => {
      const observe = replace<{ last: number }, [number, number], boolean>(
        HybridClock.prototype,
        'observe',
        () =>
          function (reading) {
            this.last = Math.max(this.last, reading);
            return true;
          },
      );
      const greeted = replace(ClockGuard.prototype, 'greeted', () => () => null);
      const measured = replace(ClockGuard.prototype, 'measured', () => () => null);
      return () => {
        observe();
        greeted();
        measured();
      };
    },
  },
];

/** Whatever a node is about to keep is changed first. */
function changeRecords(change: (record: KeyRecord) => KeyRecord) {
  return replace<RecordStore, [RecordEntry, KeyRecord | null], void>(
    RecordStore.prototype,
    'put',
    (original) =>
      function (entry, record) {
        original.call(this, entry, record === null ? null : change(record));
      },
  );
}
