import { isCorruption } from '../storage/engine.js';
import type { EngineHealth } from '../storage/engine-rocksdb.js';

export interface DiskHealthEffects {
  readonly log: { error(text: string): void; fatal(text: string): void };
  /** ms, going on evenly. */
  elapsed(): number;
  /** Remembers it for the next start. */
  damaged(what: string): void;
  /** The node cannot go on. */
  end(): void;
}

/** How often the same thing is said. */
const SAY_EVERY_MS = 60_000;
/** Writes that have been stopped for so long, by tables that cannot be merged, will not go on. */
const STOPPED_FOR_MS = 10_000;

/** With so much room it is not for the lack of it that tables cannot be merged. */
export const ROOM_TO_MERGE_BYTES = 512 << 20;

/** What an operator can do about a database that is damaged. */
export function wayOut(alone: boolean): string {
  return alone
    ? 'restore the data folder from a backup'
    : 'start this node with --rebuild yes, which keeps it aside and lets the other nodes fill an empty one';
}

/**
 * Says so when the database itself is damaged, and ends the node when it can no longer write for that: RocksDB holds writes back
 * for ever once damaged tables keep it from merging the others, and tells nobody.
 */
export class DiskHealth {
  private saidAt = Number.NEGATIVE_INFINITY;
  private known = 0;
  private stoppedSince: number | undefined;

  constructor(
    private readonly folder: string,
    private readonly alone: boolean,
    private readonly effects: DiskHealthEffects,
  ) {}

  /** The engine could not read something. */
  failed(error: Error): void {
    if (isCorruption(error)) this.say(error.message);
  }

  /** To be called about once a second. */
  check({ backgroundErrors, writesStopped, roomBytes }: EngineHealth): void {
    const cannotMerge = backgroundErrors > 0 && roomBytes > ROOM_TO_MERGE_BYTES;
    if (cannotMerge && backgroundErrors > this.known) this.say('its tables cannot be merged');
    this.known = backgroundErrors;
    const now = this.effects.elapsed();
    if (!writesStopped || !cannotMerge) this.stoppedSince = undefined;
    else this.stoppedSince ??= now;
    if (this.stoppedSince === undefined || now - this.stoppedSince < STOPPED_FOR_MS) return;
    this.effects.log.fatal(
      `the database in ${this.folder} is damaged and takes no more writes: ${wayOut(this.alone)}`,
    );
    this.effects.end();
  }

  private say(what: string): void {
    const now = this.effects.elapsed();
    if (now - this.saidAt < SAY_EVERY_MS) return;
    this.saidAt = now;
    this.effects.damaged(what);
    this.effects.log.error(`the database in ${this.folder} is damaged: ${what}; ${wayOut(this.alone)}`);
  }
}
