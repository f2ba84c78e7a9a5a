import type { KeyRecord, VersionType } from '../../../storage/record.js';
import { Coordinator } from '../../core/coordinator.js';
import type { Operation } from '../../core/operation.js';
import type { Mix } from '../sim-client.js';
import { type Mutant, replace } from './mutant.js';

type Seen = readonly number[] | null;

const MIX: Mix = { get: 20, put: 20, forget: 5, set: 2 };

/** Mistakes in what a write takes the place of whose client says what it has seen. */
export const contextMutants: readonly Mutant[] = [
  {
    name: 'put over the unseen',
    mistake: 'a put takes the place of all that is there, also of what its client has not seen',
    faults: [],
    plan: { mix: MIX },
    make: () => changeSeen((_, record) => record?.context ?? []),
  },
  {
    name: 'put over nothing',
    mistake: 'a put leaves what its client has seen beside it',
    faults: [],
    plan: { mix: MIX },
    make: () => changeSeen(() => []),
  },
  {
    name: 'unheard-of versions stay',
    mistake: 'a put does not take the place of what its client has seen and its coordinator has not heard of',
    faults: ['partition', 'partial partition', 'crash'],
    plan: { mix: MIX, settings: { sloppy: true, readQuorum: 1, writeQuorum: 1 } },
    make: () => changeSeen((seen, record) => seen.filter((_, i) => knows(record, seen[i - (i % 2)]))),
  },
];

function knows(record: KeyRecord | null, writer: number): boolean {
  return record?.context.some((one, i) => i % 2 === 0 && one === writer) === true;
}

/** What the client has seen is changed before its write takes the place of it. */
function changeSeen(change: (seen: readonly number[], record: KeyRecord | null) => readonly number[]) {
  return replace<Coordinator, [Operation, number, VersionType, string, number, Seen?], void>(
    Coordinator.prototype,
    'write',
    (original) =>
      function (operation, index, type, payload, expireAt, seen = null) {
        const changed = seen === null ? null : change(seen, operation.record(index));
        original.call(this, operation, index, type, payload, expireAt, changed);
      },
  );
}
