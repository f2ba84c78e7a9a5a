import { checked, DamagedRow, jsonRow, parseJsonRow, uncheckedBody } from '../storage/checked-row.js';
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

const CLOCK_BYTES = 8;

/**
 * The last reading of the hybrid clock is lost, which is known to the disk now: after a clean stop too the node must go on under a new
 * incarnation, or with a clock set back it could make the same dot twice.
 */
export class LostClock extends DamagedRow {
  constructor() {
    super('the clock');
  }
}

/** What a node kept about itself over its last stop. */
export interface SavedFacts {
  readonly clock: number;
  readonly marks: readonly number[] | undefined;
  readonly ring: SavedRing | undefined;
  /** undefined: this disk has never been voted with. */
  readonly ringVotes: Votes | undefined;
  /** undefined: none were met, or the row is damaged: they are learned anew. */
  readonly lives: SavedLives | undefined;
  readonly registers: SavedRegisters;
  /** Only after a clean stop. */
  readonly summaries: SavedSummaries | undefined;
}

/**
 * Reads them at the start. The summaries are taken out: they are true only after a clean stop. A flush mark without a checksum that is above
 * `latestMark`, a reading of the hybrid clock, is not believed.
 */
export function readFacts(
  engine: StorageEngine,
  latestMark: number,
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
      const batch = engine.batch();
      batch.del(COUNTS_ROW);
      batch.del(TREES_ROW);
      const reading = clock === undefined ? 0 : readClock(clock);
      if (reading === undefined) {
        batch.del(CLOCK_ROW);
        return batch.write(true, (failure) => done(failure ?? new LostClock(), undefined));
      }
      let facts: SavedFacts;
      try {
        facts = {
          clock: reading,
          marks: marks && readMarks(marks, latestMark),
          ring: members && readRing(members),
          ringVotes: readVotes(votes),
          lives: lives && (parseJsonRow(lives) as SavedLives | undefined),
          registers,
          summaries: counts === undefined || trees === undefined ? undefined : { counts, trees },
        };
      } catch (damage) {
        return done(damage as Error, undefined);
      }
      // On a disk from before they were checked they are not.
      if (facts.marks !== undefined) batch.put(FLUSH_ROW, jsonRow(facts.marks));
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
  const reading = Buffer.alloc(CLOCK_BYTES);
  reading.writeDoubleBE(clock);
  const batch = engine.batch();
  batch.put(CLOCK_ROW, checked(reading));
  if (summaries !== undefined) {
    batch.put(COUNTS_ROW, summaries.counts);
    batch.put(TREES_ROW, summaries.trees);
  }
  batch.write(true, done);
}

/** undefined: it is damaged. From before it was checked it has only the reading. */
function readClock(row: Buffer): number | undefined {
  const reading = row.length === CLOCK_BYTES ? row : uncheckedBody(row);
  return reading?.length === CLOCK_BYTES ? reading.readDoubleBE(0) : undefined;
}

/** Peers know the marks too, but not before they are met, and until then what was flushed would be seen again. */
function readMarks(row: Buffer, latest: number): readonly number[] {
  const marks = parseJsonRow(row);
  if (!Array.isArray(marks) || !marks.every((mark) => Number.isSafeInteger(mark) && mark >= 0))
    throw new DamagedRow('the flush marks');
  if (uncheckedBody(row) === undefined && Math.max(...marks) > latest)
    throw new Error(
      'a database was flushed in the future, by what the disk says: set the clock of this machine right; if it is, the row of the flush marks is damaged: start with an empty data folder, or from a backup',
    );
  return marks;
}

function readRing(row: Buffer): SavedRing {
  const ring = parseSavedRing(parseJsonRow(row));
  if (ring === undefined) throw new DamagedRow('the ring and its members');
  return ring;
}
