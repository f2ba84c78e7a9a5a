import type { DataKey } from '../../storage/key-layout.js';
import type { Quarantine } from '../../storage/quarantine.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { RecordStore } from '../../storage/record-store.js';
import { fnv1a } from '../../storage/writers.js';
import type { Clock, Log } from '../environment.js';
import { applyRecord } from './apply.js';
import { KeyRead, type ReadEffects } from './key-read.js';
import type { Topology } from './topology.js';

/** Known at once: beyond it a damaged record is found again when it is read again. */
const MAX_LISTED = 4096;
/** Repairs under way at once. */
const MAX_REPAIRS = 64;
const RETRY_MS = 5000;
/** How often damage is spoken of in the log. */
const SAY_EVERY_MS = 10_000;
/** Of a key, in the log. */
const KEY_CHARS_SHOWN = 64;

interface Damaged {
  readonly row: DataKey;
  busy: boolean;
  /** By `Clock.elapsed`. */
  retryAtMs: number;
}

/** What becomes of the names under which this node makes versions. */
export interface OwnVersions {
  /** What it had made under the name of a stand-in is gone. */
  forgot(): void;
  /** The disk has lost versions it may have made under any name. Told once. */
  lostSome(): void;
}

/**
 * Records whose bytes on this node's disk are damaged. A copy of the bytes goes into quarantine, the record is fetched from the
 * other home replicas.
 *
 * Promise: a damaged copy is replaced only by what all other home replicas together know. Less could lack a write that
 * was acknowledged because this replica had it, and this replica would vouch for it again. Nor does a later version claim to
 * have seen what this node had made and lost.
 */
export class DamagedRecords {
  readonly messages: readonly number[] = [];
  readonly counters = { found: 0, repaired: 0 };
  private readonly listed = new Map<string, Damaged>();
  private repairs = 0;
  /** Since the last word in the log. */
  private unsaid: DataKey[] = [];
  private unsaidCount = 0;
  private sayAtMs = 0;

  constructor(
    private readonly store: RecordStore,
    private readonly quarantine: Quarantine,
    private readonly topology: () => Topology,
    private readonly effects: () => ReadEffects,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly own: OwnVersions,
  ) {
    store.onCorrupt = (row, bytes) => this.found(row, bytes);
    store.onHealed = (entry) => this.healed(entry);
  }

  /** Records known to be damaged and not replaced yet. */
  get open(): number {
    return this.listed.size;
  }

  onMessage(): boolean {
    return false;
  }

  tick(_nowMs: number, elapsedMs: number): void {
    if (this.unsaidCount > 0 && elapsedMs >= this.sayAtMs) this.say(elapsedMs);
    let looked = Math.min(this.listed.size, MAX_REPAIRS);
    for (const [name, damaged] of this.listed) {
      if (looked-- === 0 || this.repairs >= MAX_REPAIRS) return;
      // To the end: those that have to wait hold up nobody.
      this.listed.delete(name);
      this.listed.set(name, damaged);
      if (!damaged.busy && elapsedMs >= damaged.retryAtMs) this.repair(name, damaged);
    }
  }

  private found({ slot, db, hash, key }: DataKey, bytes: Buffer | null): void {
    const name = `${db} ${key}`;
    if (this.listed.has(name)) return;
    const row = { slot, db, hash, key };
    const isNew = bytes === null || this.quarantine.keep(row, bytes, this.clock.now());
    // The key is damaged itself: whose row this was, nobody knows.
    const nameless = fnv1a(key) !== hash;
    if (nameless && !isNew) return;
    this.own.lostSome();
    this.counters.found++;
    this.unsaidCount++;
    if (this.unsaid.length === 0) this.unsaid.push(row);
    if (nameless || this.listed.size >= MAX_LISTED) return;
    this.listed.set(name, { row, busy: false, retryAtMs: 0 });
  }

  /** Something was put over it. On a node alone that is all there is to hope for; else it may be less than there was. */
  private healed({ db, key }: RecordEntry): void {
    const name = `${db} ${key}`;
    if (this.listed.has(name) && this.isAlone) this.over(name);
  }

  private get isAlone(): boolean {
    return this.topology().alone;
  }

  private over(name: string): void {
    const damaged = this.listed.get(name);
    if (damaged === undefined) return;
    this.counters.repaired++;
    this.listed.delete(name);
    // Whoever summed the records meanwhile has left it out, and writing again what the cache held adds nothing.
    this.store.doubt(damaged.row);
  }

  private repair(name: string, damaged: Damaged): void {
    const { db, slot, key } = damaged.row;
    const topology = this.topology();
    const entry = this.store.pin(db, slot, key);
    const size = topology.sizeOf(slot);
    if (topology.isHome[slot] === 1 && size > 1) {
      if (topology.liveHomes(slot) === size) return this.readOthers(name, damaged, entry);
    } else if (entry.record !== undefined) {
      // An iterator met it: the disk is damaged, the cache is not.
      this.store.put(entry, entry.record);
      this.over(name);
    } else if (!topology.alone) {
      // What a stand-in kept for others is lost; there is nobody to ask.
      return this.dropKept(name, damaged, entry);
    }
    this.store.unpin(entry);
  }

  private readOthers(name: string, damaged: Damaged, entry: RecordEntry): void {
    damaged.busy = true;
    this.repairs++;
    if (entry.record !== undefined) return this.readAll(name, damaged, entry);
    // What was met may have been misread, or replaced since, and may be all there is of an acknowledged write.
    this.store.load(entry, { loaded: () => this.readAll(name, damaged, entry) });
  }

  private readAll(name: string, damaged: Damaged, entry: RecordEntry): void {
    const { db, slot, key } = damaged.row;
    const { store } = this;
    const topology = this.topology();
    const size = topology.sizeOf(slot);
    const later = (): void => {
      damaged.retryAtMs = this.clock.elapsed() + RETRY_MS;
    };
    const ended = (): void => {
      this.repairs--;
      damaged.busy = false;
    };
    if (entry.loadError !== null || topology.isHome[slot] === 0 || size === 1) {
      ended();
      later();
      store.unpin(entry);
      return;
    }
    const readDone: KeyRead['owner']['readDone'] = (read, record, failed) => {
      ended();
      if ((failed ?? read.loadFailure) !== null) later();
      else {
        if (record === null && entry.record === undefined) store.adoptAbsence(entry);
        else if (record === null || !applyRecord(store, entry, record))
          store.put(entry, entry.record ?? null);
        this.over(name);
      }
      store.unpin(entry);
    };
    // A register that waits to know what came of its last round would make this wait for the record, and the record wait for this.
    const own = entry.record === undefined ? undefined : entry;
    const copies = own === undefined ? size - 1 : size;
    if (own !== undefined) own.pins++;
    const read = new KeyRead(
      { readDone },
      0,
      db,
      slot,
      key,
      own,
      topology.self,
      copies,
      copies,
      false,
      0,
      this.effects(),
      Math.floor(this.clock.elapsed()),
      topology.epoch,
    );
    const others = [...topology.homes(slot)].filter((home) => home !== topology.self);
    read.start(others, others.length);
  }

  private dropKept(name: string, damaged: Damaged, entry: RecordEntry): void {
    damaged.busy = true;
    this.repairs++;
    const loaded = (): void => {
      this.repairs--;
      damaged.busy = false;
      if (entry.corrupt) {
        this.own.forgot();
        this.store.adoptAbsence(entry);
      }
      if (entry.loadError === null) this.over(name);
      this.store.unpin(entry);
    };
    this.store.load(entry, { loaded });
  }

  private say(elapsedMs: number): void {
    const [{ slot, db, key }] = this.unsaid;
    this.log.error(
      { records: this.unsaidCount, one: { slot, db, key: key.slice(0, KEY_CHARS_SHOWN) } },
      this.isAlone
        ? 'damaged records on this disk, and no other replica has them: they can only be overwritten or deleted'
        : 'damaged records on this disk: they are replaced from the other replicas',
    );
    this.sayAtMs = elapsedMs + SAY_EVERY_MS;
    this.unsaidCount = 0;
    this.unsaid = [];
  }
}
