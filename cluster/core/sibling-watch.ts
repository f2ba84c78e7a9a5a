import type { KeyRecord } from '../../storage/record.js';
import type { RecordObserver } from '../../storage/record-observer.js';
import { SingleRecord } from '../../storage/single-record.js';
import type { Clock, Log } from '../environment.js';

/** One line so often, however many keys there are. */
const LOG_EVERY_MS = 10_000;

/**
 * Tells of keys that come to hold more concurrent versions than `max-siblings`, on their way to the summaries.
 *
 * Why that is bounded although nothing is thrown away. A node adds a version beside others only for who writes with a context that has
 * not seen them (KV.PUT), and refuses that at the bound; every other write takes the place of all it finds. So what nodes that are cut
 * off from each other can bring together is at most the bound from each of them, and a key with more shows either that or
 * clients that never give a context. To drop one would lose an acknowledged write.
 *
 * The context of a record grows otherwise: by a writer for each life of a node that ended uncleanly, or stood in, and wrote the key. What
 * it says of writers of whom nothing is left goes when the reaper has made sure that it is of no use any more (`reaper.ts`).
 */
export class SiblingWatch implements RecordObserver {
  readonly counters = { exceeded: 0 };
  private silentUntil = 0;

  constructor(
    private readonly next: RecordObserver,
    private readonly maxSiblings: () => number,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  changed(db: number, slot: number, hash: number, before: KeyRecord | null, after: KeyRecord | null): void {
    const isSimple = after === null || after instanceof SingleRecord;
    if (!isSimple && after.siblings.length > 1) this.look(db, slot, before, after);
    this.next.changed(db, slot, hash, before, after);
  }

  cleared(db: number): void {
    this.next.cleared(db);
  }

  doubted(db: number, slot: number, hash: number): void {
    this.next.doubted(db, slot, hash);
  }

  private look(db: number, slot: number, before: KeyRecord | null, after: KeyRecord): void {
    const most = this.maxSiblings();
    const versions = after.siblings.length;
    if (versions <= most || (before !== null && before.siblings.length > most)) return;
    this.counters.exceeded++;
    const now = this.clock.elapsed();
    if (now < this.silentUntil) return;
    this.silentUntil = now + LOG_EVERY_MS;
    this.log.warn({ db, slot, versions, max: most }, 'a key has more concurrent versions than max-siblings');
  }
}
