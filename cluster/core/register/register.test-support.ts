import { type KeyRecord, STRING } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { RecordStore } from '../../../storage/record-store.js';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { type WriterTable, writerId } from '../../../storage/writers.js';
import { slotOf } from '../slot.js';
import { supersede } from '../version.js';
import { Acceptor, type Vote } from './acceptor.js';
import { type Ballot, proposerName } from './ballot.js';
import { HeldUnits } from './held-units.js';
import { readRegisters, type SavedRegisters } from './register-rows.js';
import { serialTwin } from './serial-names.js';
import type { Unit, UnitKey } from './unit.js';

/** All keys of these tests are in it: they begin with `{t}`. */
export const SLOT = slotOf('{t}');

/** A ballot of the node whose id is this hex digit all over. */
export function ballot(round: number, digit = 'b', life = 1): Ballot {
  return { round, proposer: proposerName(digit.repeat(32), life) };
}

/** One node's part as an acceptor: its disk and its turns move only when told. */
export class AcceptorBench {
  readonly store: RecordStore;
  readonly writers: WriterTable;
  /** The serial names of two other nodes. */
  readonly serial: number;
  readonly otherSerial: number;
  /** Who makes plain writes. */
  readonly plain: number;
  readonly held: HeldUnits;
  readonly acceptor: Acceptor;
  /** `key chosen` or `key orphan`, of the first key of each unit. */
  readonly outcomes: string[] = [];
  /** Keys that had to be sent to the other homes. */
  readonly spread: string[] = [];
  elapsed = 0;
  mayVote: (slot: number) => boolean = () => true;
  isHopeless = false;

  constructor(readonly disk = new StoreBench()) {
    const { store, writers } = disk;
    this.store = store;
    this.writers = writers;
    this.serial = this.serialWriter('b');
    this.otherSerial = this.serialWriter('c');
    this.plain = writers.index(writerId('d'.repeat(32), 0));
    this.held = new HeldUnits(
      store,
      () => this.elapsed,
      ({ keys }, chosen) => void this.outcomes.push(`${keys[0].key} ${chosen ? 'chosen' : 'orphan'}`),
      ({ key }) => void this.spread.push(key),
      () => this.isHopeless,
    );
    store.onUnsettledPut = (entry) => this.held.changed(entry);
    store.whenRecordSettles = (entry, run) => this.held.whenSettled(entry, run);
    this.acceptor = new Acceptor(store, this.held, (slot) => this.mayVote(slot));
  }

  private serialWriter(digit: string): number {
    return this.writers.index(serialTwin(writerId(digit.repeat(32), 0)));
  }

  /** A record with one new version above what `on` has. */
  record(payload: string, hlc: number, writer = this.serial, on: KeyRecord | null = null): KeyRecord {
    return supersede(on, writer, hlc, STRING, payload, 0, this.writers);
  }

  /** What a round proposes for one key. */
  key(key: string, hlc: number, writer = this.serial, on: KeyRecord | null = null): UnitKey {
    return { db: 0, key, record: this.record(`${key}=${hlc}`, hlc, writer, on), writer, hlc };
  }

  unit(under: Ballot, ...keys: UnitKey[]): Unit {
    return { slot: SLOT, ballot: under, keys };
  }

  /** Each answer, as it comes. */
  prepare(under: Ballot): Vote[] {
    const votes: Vote[] = [];
    this.acceptor.prepare(SLOT, under, (vote) => void votes.push(vote));
    return votes;
  }

  accept(unit: Unit): Vote[] {
    const votes: Vote[] = [];
    this.acceptor.accept(unit, (vote) => void votes.push(vote));
    return votes;
  }

  /** The key's entry, pinned and loaded. */
  loaded(key: string): RecordEntry {
    const entry = this.store.pin(0, SLOT, key);
    if (entry.record === undefined) {
      this.store.load(entry, { loaded: () => {} });
      this.disk.settle();
    }
    return entry;
  }

  /** Puts a record into the data rows, as replication does, and lets nothing move. */
  put(key: string, record: KeyRecord): void {
    const entry = this.loaded(key);
    this.store.put(entry, record);
    this.store.unpin(entry);
  }

  /** What the data rows have of the key, from the disk if need be. */
  value(key: string): string | null {
    const entry = this.loaded(key);
    this.store.unpin(entry);
    return entry.record?.siblings[0]?.payload ?? null;
  }

  /** Throws everything out of the cache that may go. */
  evict(): void {
    const { cacheBytes } = this.disk;
    this.disk.cacheBytes = 0;
    for (let i = 0; i < 3; i++) this.store.unpin(this.store.pin(0, 0, `other${i}`));
    this.disk.cacheBytes = cacheBytes;
  }

  /** What a start would read from the disk as it is now. */
  saved(): SavedRegisters {
    let found: SavedRegisters | undefined;
    readRegisters(this.disk.engine, (_, saved) => {
      found = saved;
    });
    this.disk.settle();
    return found!;
  }

  /** First keys and rounds of the units whose rows are on the disk. */
  savedRounds(): number[] {
    return this.saved().units.map(({ ballot: { round } }) => round);
  }

  /** Another life of the node, on what the disk has after a loss of power. */
  afterPowerLoss(): AcceptorBench {
    const next = new AcceptorBench(new StoreBench(undefined, this.disk.diskAfterPowerLoss()));
    next.acceptor.restore(next.saved());
    next.disk.settle();
    return next;
  }
}
