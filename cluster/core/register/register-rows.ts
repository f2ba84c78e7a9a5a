import { checked, uncheckedBody } from '../../../storage/checked-row.js';
import type { StorageEngine } from '../../../storage/engine.js';
import { metaKey, SLOTS } from '../../../storage/key-layout.js';
import { FORGOTTEN_VOTES, RING_VOTES_ROW } from '../elastic/ring-acceptor.js';
import type { Ballot } from './ballot.js';
import type { Unit } from './unit.js';

/**
 *     'p' slot:u16                        -> crc:u32 round:f64 proposer: what this node has promised
 *     'u' slot:u16 round:f64 proposer     -> crc:u32 unit: what it has accepted and does not know the outcome of
 */
/**
 * WHOLE while this node remembers all it ever promised and accepted (`memory.ts`); LOST when it is known not to. A disk without it is new, and
 * has never been voted with.
 */
export const MEMORY_ROW = metaKey('registers');
export const WHOLE = Buffer.from('whole', 'latin1');
const LOST = Buffer.from('lost', 'latin1');

const PROMISE = 0x70;
const UNIT = 0x75;
const ROWS_PER_STEP = 512;

export function promiseRow(slot: number): Buffer {
  return Buffer.from([PROMISE, slot >> 8, slot & 0xff]);
}

export function unitRow({ slot, ballot }: Pick<Unit, 'slot' | 'ballot'>): Buffer {
  const out = Buffer.alloc(11 + ballot.proposer.length);
  out[0] = UNIT;
  out.writeUInt16BE(slot, 1);
  out.writeDoubleBE(ballot.round, 3);
  out.latin1Write(ballot.proposer, 11);
  return out;
}

export function promiseValue({ round, proposer }: Ballot): Buffer {
  const body = Buffer.alloc(8 + proposer.length);
  body.writeDoubleBE(round, 0);
  body.latin1Write(proposer, 8);
  return checked(body);
}

export interface SavedUnit {
  readonly slot: number;
  readonly ballot: Ballot;
  readonly bytes: Buffer;
}

/** What the disk remembers of this node's part in registers. */
export interface SavedRegisters {
  readonly promises: ReadonlyMap<number, Ballot>;
  readonly units: readonly SavedUnit[];
  /** Slots with a row that is damaged: nobody knows what was promised there. */
  readonly damaged: ReadonlySet<number>;
  /** Otherwise it may not be all it once was. */
  readonly whole: boolean;
  /** The disk has never been voted with. */
  readonly blank: boolean;
}

/** Reads all of it at the start: a row per slot at most, and few units. */
export function readRegisters(
  engine: StorageEngine,
  done: (error: Error | null, saved: SavedRegisters | undefined) => void,
): void {
  const promises = new Map<number, Ballot>();
  const units: SavedUnit[] = [];
  const damaged = new Set<number>();
  walk(engine, PROMISE, promiseVisitor(promises, damaged), (error) => {
    if (error !== null) return done(error, undefined);
    walk(engine, UNIT, unitVisitor(units, damaged), (failure) => {
      if (failure !== null) return done(failure, undefined);
      engine.getMany([MEMORY_ROW], (failed, [row]) => {
        const whole = row?.equals(WHOLE) === true;
        const blank = row === undefined && promises.size + units.length + damaged.size === 0;
        done(failed, { promises, units, damaged, whole, blank });
      });
    });
  });
}

/** This node no longer remembers everything: it is to find that at its next start. Synced. */
export function forgetMemory(engine: StorageEngine, done: (error: Error | null) => void): void {
  const batch = engine.batch();
  batch.put(MEMORY_ROW, LOST);
  batch.put(RING_VOTES_ROW, FORGOTTEN_VOTES);
  batch.write(true, done);
}

type Visitor = (key: Buffer, value: Buffer) => void;

function promiseVisitor(promises: Map<number, Ballot>, damaged: Set<number>): Visitor {
  return (key, value) => {
    if (key.length !== 3) return;
    const slot = key.readUInt16BE(1);
    const body = uncheckedBody(value);
    if (slot >= SLOTS) return;
    if (body === undefined || body.length < 8) damaged.add(slot);
    else promises.set(slot, { round: body.readDoubleBE(0), proposer: body.latin1Slice(8) });
  };
}

function unitVisitor(units: SavedUnit[], damaged: Set<number>): Visitor {
  return (key, value) => {
    if (key.length < 11) return;
    const slot = key.readUInt16BE(1);
    const body = uncheckedBody(value);
    if (slot >= SLOTS) return;
    const ballot = { round: key.readDoubleBE(3), proposer: key.latin1Slice(11) };
    if (body === undefined) damaged.add(slot);
    else units.push({ slot, ballot, bytes: body });
  };
}

function walk(
  engine: StorageEngine,
  prefix: number,
  visit: Visitor,
  done: (error: Error | null) => void,
): void {
  const rows = engine.iterate({ from: Buffer.from([prefix]), to: Buffer.from([prefix + 1]) });
  const step = (): void => {
    rows.next(ROWS_PER_STEP, (error, entries) => {
      for (const { key, value } of entries) visit(key, value);
      if (error === null && entries.length === ROWS_PER_STEP) step();
      else rows.close(() => done(error));
    });
  };
  step();
}
