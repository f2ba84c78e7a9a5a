import type { Done, StorageEngine } from '../storage/engine.js';
import { metaKey } from '../storage/key-layout.js';
import type { SavedSummaries } from '../storage/summaries.js';
import { RING_VOTES_ROW, readVotes, type Votes } from './core/elastic/ring-acceptor.js';
import { readRegisters, type SavedRegisters } from './core/register/register-rows.js';
import { parseSavedRing, type SavedRing } from './core/saved-ring.js';
import { FLUSH_ROW } from './keyspace.js';
import { LIVES_ROW, MEMBERS_ROW, type SavedLives } from './members.js';

const CLOCK_ROW = metaKey('clock');
const COUNTS_ROW = metaKey('counts');
const TREES_ROW = metaKey('trees');

/** What a node kept about itself over its last stop. */
export interface SavedFacts {
  readonly clock: number;
  readonly marks: readonly number[] | undefined;
  readonly ring: SavedRing | undefined;
  /** undefined: this disk has never been voted with. */
  readonly ringVotes: Votes | undefined;
  readonly lives: SavedLives | undefined;
  readonly registers: SavedRegisters;
  /** Only after a clean stop. */
  readonly summaries: SavedSummaries | undefined;
}

/** Reads them at the start. The summaries are taken out: they are true only after a clean stop. */
export function readFacts(
  engine: StorageEngine,
  done: (error: Error | null, facts: SavedFacts | undefined) => void,
): void {
  const rows = [CLOCK_ROW, FLUSH_ROW, MEMBERS_ROW, RING_VOTES_ROW, LIVES_ROW, COUNTS_ROW, TREES_ROW];
  engine.getMany(rows, (error, [clock, marks, members, votes, lives, counts, trees]) => {
    if (error) return done(error, undefined);
    readRegisters(engine, (failed, registers) => {
      if (registers === undefined) return done(failed, undefined);
      finish(registers);
    });
    const finish = (registers: SavedRegisters): void => {
      const facts: SavedFacts = {
        clock: clock === undefined ? 0 : clock.readDoubleBE(0),
        marks: parse(marks),
        ring: members && parseSavedRing(members.toString()),
        ringVotes: readVotes(votes),
        lives: parse(lives),
        registers,
        summaries: counts === undefined || trees === undefined ? undefined : { counts, trees },
      };
      if (counts === undefined && trees === undefined) return done(null, facts);
      const batch = engine.batch();
      batch.del(COUNTS_ROW);
      batch.del(TREES_ROW);
      batch.write(false, (failure) => done(failure, failure === null ? facts : undefined));
    };
  });
}

/** Before a clean stop: the clock, and the summaries when they are true. Synced. */
export function writeFacts(
  engine: StorageEngine,
  clock: number,
  summaries: SavedSummaries | undefined,
  done: Done,
): void {
  const reading = Buffer.alloc(8);
  reading.writeDoubleBE(clock);
  const batch = engine.batch();
  batch.put(CLOCK_ROW, reading);
  if (summaries !== undefined) {
    batch.put(COUNTS_ROW, summaries.counts);
    batch.put(TREES_ROW, summaries.trees);
  }
  batch.write(true, done);
}

function parse<T>(row: Buffer | undefined): T | undefined {
  return row === undefined ? undefined : (JSON.parse(row.toString()) as T);
}
