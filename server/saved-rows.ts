import type { HybridClock } from '../cluster/core/hlc.js';
import type { MemberList } from '../cluster/core/membership.js';
import { FLUSH_ROW } from '../cluster/keyspace.js';
import { LIVES_ROW, MEMBERS_ROW, type SavedLives } from '../cluster/members.js';
import type { StorageEngine } from '../storage/engine.js';
import { metaKey } from '../storage/key-layout.js';
import type { LiveCounts } from '../storage/live-counts.js';

const COUNTS_ROW = metaKey('counts');
const CLOCK_ROW = metaKey('clock');
/** The mapping of SWAPDB. */
export const DATABASES_ROW = metaKey('databases');

export interface SavedRows {
  readonly clock: number;
  readonly marks: readonly number[] | undefined;
  readonly members: MemberList | undefined;
  readonly lives: SavedLives | undefined;
  readonly counts: Buffer | undefined;
  readonly databases: readonly number[] | undefined;
}

/** What this node kept about itself. The counts are taken out: they are true only after a clean stop. */
export function readRows(engine: StorageEngine): Promise<SavedRows> {
  return new Promise((resolve, reject) => {
    engine.getMany(
      [CLOCK_ROW, FLUSH_ROW, MEMBERS_ROW, COUNTS_ROW, DATABASES_ROW, LIVES_ROW],
      (error, [clock, marks, members, counts, databases, lives]) => {
        if (error) return reject(error);
        const rows = {
          clock: clock === undefined ? 0 : clock.readDoubleBE(0),
          marks: marks === undefined ? undefined : (JSON.parse(marks.toString()) as number[]),
          members: members === undefined ? undefined : (JSON.parse(members.toString()) as MemberList),
          lives: lives === undefined ? undefined : (JSON.parse(lives.toString()) as SavedLives),
          counts,
          databases: databases === undefined ? undefined : (JSON.parse(databases.toString()) as number[]),
        };
        if (counts === undefined) return resolve(rows);
        const batch = engine.batch();
        batch.del(COUNTS_ROW);
        batch.write(false, (failed) => (failed ? reject(failed) : resolve(rows)));
      },
    );
  });
}

/** Before a clean stop: the clock, and the counts when they are complete. Synced. */
export function writeRows(
  engine: StorageEngine,
  hlc: HybridClock,
  counts: LiveCounts | undefined,
): Promise<void> {
  const clock = Buffer.alloc(8);
  clock.writeDoubleBE(hlc.latest);
  const batch = engine.batch();
  batch.put(CLOCK_ROW, clock);
  if (counts !== undefined) batch.put(COUNTS_ROW, counts.save());
  return new Promise((resolve, reject) => {
    batch.write(true, (error) => (error ? reject(error) : resolve()));
  });
}
