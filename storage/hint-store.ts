import { dataKey, hintKey, hintRange, parseHintKey } from './key-layout.js';
import type { RecordStore } from './record-store.js';
import { fnv1a } from './writers.js';

/** What names a key; a `RecordEntry` does. */
export interface HintedKey {
  readonly db: number;
  readonly slot: number;
  readonly hash: number;
  readonly key: string;
}

/** How things stand with one member. */
export interface HintFigures {
  /** The member's name. */
  readonly target: string;
  readonly count: number;
  readonly bytes: number;
  /** Unix ms when the oldest was first kept. */
  readonly oldestMs: number;
}

/** Where a hint's row is, if not in the group commit of that number. */
const ON_DISK = 0;
/** The group commit failed: the row may be there or not. */
const UNSURE = -1;

/** "The member lacks the newest record of this key." */
export class Hint {
  /** The group commit that carries its row; ON_DISK once that is over; UNSURE if it failed. */
  rowSeq = ON_DISK;
  /** Goes up each time the member has missed another write of the key. */
  kept = 1;

  constructor(
    /** Database and key in one string: the hint's place in the index, without a copy of its own. */
    readonly id: string,
    readonly slot: number,
    /** Unix ms. */
    readonly sinceMs: number,
    /** Hints are delivered in this order. */
    readonly order: number,
  ) {}

  get db(): number {
    return this.id.charCodeAt(0);
  }

  get key(): string {
    return this.id.slice(1);
  }

  get hash(): number {
    return fnv1a(this.key);
  }
}

/** What a hint costs in memory beyond its key, in bytes: measured on a heap of a million hints. Its row costs less. */
const HINT_OVERHEAD = 180;
/** Rows fetched in one trip when the hints are read at the start. */
const ROWS_PER_TRIP = 2000;
/** `order` is a reading of the clock times this, so that it goes on rising over restarts. */
const ORDERS_PER_MS = 1024;

/** What became of hints in one group commit. */
interface Changes {
  readonly seq: number;
  readonly kept: Hint[];
  readonly forgotten: { readonly target: string; readonly hint: Hint }[];
}

/**
 * Who lacks which writes: by member the keys whose newest record it has to be sent once it is back, oldest first. The record itself
 * lies in this node's ordinary data row, so a hint is small, and many writes of one key are one hint. (Dynamo, section 4.6.)
 *
 * Promise: when the write that a hint was kept with is in the log, so is the hint. A hint that a failed disk or a crash brings back
 * after it was forgotten does no harm: it is delivered once more.
 */
export class HintStore {
  readonly counters = { kept: 0, delivered: 0, refused: 0, dropped: 0 };
  /** The hints of earlier lives are known too. */
  loaded = false;
  bytes = 0;
  private readonly index = new Map<string, TargetHints>();
  private changes: Changes | undefined;
  private lastOrder = 0;

  constructor(
    private readonly store: RecordStore,
    private readonly maxBytes: () => number,
  ) {}

  /** The bound is reached: nothing new can be kept. */
  get full(): boolean {
    return this.bytes >= this.maxBytes();
  }

  get count(): number {
    let count = 0;
    for (const { byId } of this.index.values()) count += byId.size;
    return count;
  }

  /** Reads the rows of earlier lives; what is kept meanwhile stays. After an error it has to be called again. */
  load(done: (error: Error | null) => void): void {
    const found = new Map<string, Hint[]>();
    const iterator = this.store.iterate(hintRange());
    const step = (): void => {
      iterator.next(ROWS_PER_TRIP, (error, rows) => {
        for (const { key, value } of rows) {
          const { target, data } = parseHintKey(key);
          const hint = new Hint(idOf(data), data.slot, timeAt(value, 0), timeAt(value, 8));
          const hints = found.get(target);
          if (hints === undefined) found.set(target, [hint]);
          else hints.push(hint);
        }
        if (error === null && rows.length === ROWS_PER_TRIP) return step();
        iterator.close(() => {
          if (error === null) for (const [target, hints] of found) this.install(target, hints);
          this.loaded ||= error === null;
          done(error);
        });
      });
    };
    step();
  }

  /**
   * Notes that `target` lacks the key's newest record; the row goes with the group commit that carries rows put now. False: too many
   * are kept already.
   */
  keep(target: string, entry: HintedKey, nowMs: number, beyondBound = false): boolean {
    const id = idOf(entry);
    let hint = this.index.get(target)?.byId.get(id);
    if (hint === undefined) {
      if (this.full && !beyondBound) {
        this.counters.refused++;
        return false;
      }
      this.lastOrder = Math.max(this.lastOrder + 1, nowMs * ORDERS_PER_MS);
      hint = new Hint(id, entry.slot, nowMs, this.lastOrder);
      this.add(target, hint);
      this.counters.kept++;
    } else {
      hint.kept++;
      if (this.isSafe(hint)) return true;
    }
    this.writeRow(target, hint);
    return true;
  }

  /**
   * Whether any member is known to lack the key's newest record; if so, its hint is in the log, or goes with rows put now: what
   * only this process knows would leave the record behind without one.
   */
  secure(entry: HintedKey): boolean {
    if (this.index.size === 0) return false;
    const id = idOf(entry);
    const unsafe: [string, Hint][] = [];
    for (const [target, { byId }] of this.index) {
      const hint = byId.get(id);
      if (hint === undefined) continue;
      if (this.isSafe(hint)) return true;
      unsafe.push([target, hint]);
    }
    for (const [target, hint] of unsafe) this.writeRow(target, hint);
    return unsafe.length > 0;
  }

  /** Whether any member is known to lack the key's newest record. */
  isHinted(key: HintedKey): boolean {
    const id = idOf(key);
    for (const { byId } of this.index.values()) if (byId.has(id)) return true;
    return false;
  }

  forget(target: string, entry: HintedKey): void {
    const hint = this.index.get(target)?.byId.get(idOf(entry));
    if (hint === undefined) return;
    this.remove(target, hint);
    const seq = this.store.putRow(rowKey(target, hint), null);
    this.changesOf(seq).forgotten.push({ target, hint });
  }

  /** The hints for a member in the order of their delivery. They may be forgotten, and others kept, during the walk. */
  hintsOf(target: string): IterableIterator<Hint> {
    return (this.index.get(target)?.byId ?? NONE).values();
  }

  countOf(target: string): number {
    return this.index.get(target)?.byId.size ?? 0;
  }

  /** The members for whom anything is kept. */
  targets(): HintFigures[] {
    return [...this.index].map(([target, { byId, bytes }]) => {
      const [oldest] = byId.values();
      return { target, count: byId.size, bytes, oldestMs: oldest.sinceMs };
    });
  }

  /** Its row is in the log, or goes with the very group that rows put now go with. */
  private isSafe({ rowSeq }: Hint): boolean {
    return rowSeq === ON_DISK || rowSeq === this.store.rowsSeq;
  }

  private writeRow(target: string, hint: Hint): void {
    hint.rowSeq = this.store.putRow(rowKey(target, hint), rowValue(hint));
    this.changesOf(hint.rowSeq).kept.push(hint);
  }

  private install(target: string, loaded: Hint[]): void {
    loaded.sort((a, b) => a.order - b.order);
    const meanwhile = [...this.hintsOf(target)];
    for (const hint of meanwhile) this.remove(target, hint);
    const known = new Map(meanwhile.map((hint) => [hint.id, hint]));
    for (const hint of loaded) {
      const again = known.get(hint.id);
      known.delete(hint.id);
      this.add(target, again ?? hint);
    }
    for (const hint of known.values()) this.add(target, hint);
  }

  private add(target: string, hint: Hint): void {
    let hints = this.index.get(target);
    if (hints === undefined) {
      hints = { byId: new Map(), bytes: 0 };
      this.index.set(target, hints);
    }
    hints.byId.set(hint.id, hint);
    hints.bytes += sizeOf(hint);
    this.bytes += sizeOf(hint);
  }

  private remove(target: string, hint: Hint): void {
    const hints = this.index.get(target)!;
    hints.byId.delete(hint.id);
    hints.bytes -= sizeOf(hint);
    this.bytes -= sizeOf(hint);
    if (hints.byId.size === 0) this.index.delete(target);
  }

  private changesOf(seq: number): Changes {
    if (this.changes?.seq === seq) return this.changes;
    const changes: Changes = { seq, kept: [], forgotten: [] };
    this.changes = changes;
    this.store.whenOver(seq, (error) => this.over(changes, error));
    return changes;
  }

  /** After a failed commit the rows may be on the disk or not: what was forgotten comes back, what is kept again is written again. */
  private over({ seq, kept, forgotten }: Changes, error: Error | null): void {
    for (const hint of kept) if (hint.rowSeq === seq) hint.rowSeq = error === null ? ON_DISK : UNSURE;
    if (error === null) return;
    for (const { target, hint } of forgotten) {
      if (this.index.get(target)?.byId.has(hint.id)) continue;
      hint.rowSeq = UNSURE;
      this.add(target, hint);
    }
  }
}

interface TargetHints {
  /** In the order of their delivery. */
  readonly byId: Map<string, Hint>;
  bytes: number;
}

const NONE: ReadonlyMap<string, Hint> = new Map();

function idOf({ db, key }: { readonly db: number; readonly key: string }): string {
  return String.fromCharCode(db) + key;
}

function sizeOf(hint: Hint): number {
  return HINT_OVERHEAD + hint.id.length;
}

function rowKey(target: string, { slot, db, hash, key }: Hint): Buffer {
  return hintKey(target, dataKey(slot, db, hash, key));
}

function rowValue(hint: Hint): Buffer {
  const out = Buffer.allocUnsafe(16);
  out.writeDoubleBE(hint.sinceMs);
  out.writeDoubleBE(hint.order, 8);
  return out;
}

/** A damaged row is still a hint: only its age is lost. */
function timeAt(value: Buffer, offset: number): number {
  const time = value.length < offset + 8 ? 0 : value.readDoubleBE(offset);
  return time >= 0 && time <= Number.MAX_SAFE_INTEGER ? time : 0;
}
