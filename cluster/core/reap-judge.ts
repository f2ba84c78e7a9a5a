import { afterReaping, isReapable } from '../../storage/reapable.js';
import type { RecordEntry } from '../../storage/record-cache.js';
import type { LoadWaiter, RecordStore } from '../../storage/record-store.js';
import { Message } from '../messages.js';
import type { FrameReader } from '../transport/frame-reader.js';
import type { Transport } from '../transport.js';
import type { Topology } from './topology.js';
import { digestA, digestB } from './version.js';

/** Keys of one `ReapAsk`, at most. */
export const KEYS_PER_ASK = 256;

/** A tombstone that a coordinator wants to be rid of, or a record whose context it wants to prune. */
interface Asked {
  readonly entry: RecordEntry;
  readonly a: number;
  readonly b: number;
}

/** The copy is what the disk holds: nothing about it is on its way, or in doubt. */
export function isSettled(store: RecordStore, entry: RecordEntry): boolean {
  if (entry.record === undefined || entry.unwritten !== null) return false;
  return entry.dirtySeq <= store.committedSeq && !entry.gated && !entry.unsettled;
}

/**
 * A replica's word on whether a tombstone may be forgotten, or a context pruned.
 *
 * Promise: after a yes this node has nothing that the record would still have to hold down, and no crash brings such a
 * thing back: either it holds the very record, synced, as a home replica of the key, or it holds nothing of the key at all.
 */
export class ReapJudge {
  constructor(
    private readonly store: RecordStore,
    private readonly topology: () => Topology,
    private readonly transport: Transport,
  ) {}

  /** False: the message is garbled. */
  onAsk(peer: number, body: FrameReader): boolean {
    const request = body.u32();
    const drop = body.u8() === 1;
    const count = body.u16();
    if (!body.ok || count > KEYS_PER_ASK) return false;
    const keys: { db: number; slot: number; key: string; a: number; b: number }[] = [];
    for (let i = 0; i < count; i++)
      keys.push({ db: body.u8(), slot: body.u16(), key: body.latin1(), a: body.u32(), b: body.u32() });
    if (!body.finished) return false;
    const asked = keys.map(({ db, slot, key, a, b }) => ({ entry: this.store.pin(db, slot, key), a, b }));
    loadAll(
      this.store,
      asked.map(({ entry }) => entry),
      () => this.judge(peer, request, drop, asked),
    );
    return true;
  }

  private judge(peer: number, request: number, drop: boolean, asked: readonly Asked[]): void {
    const verdicts = asked.map((one) => this.agrees(one));
    if (drop) {
      asked.forEach(({ entry }, i) => {
        if (verdicts[i] && entry.record != null) this.store.put(entry, afterReaping(entry.record));
      });
    }
    for (const { entry } of asked) this.store.unpin(entry);
    const answer = (error: Error | null): void => this.answer(peer, request, verdicts, error === null);
    // What has been agreed to must be so after a loss of power too: the tombstone may have come only now.
    if (drop) this.store.whenSettled(answer);
    else this.store.sync(answer);
  }

  private agrees({ entry, a, b }: Asked): boolean {
    const { store } = this;
    if (!isSettled(store, entry) || this.topology().ring.phase !== 'stable') return false;
    const record = entry.record ?? null;
    // What has nothing cannot hand anything back.
    if (record === null) return true;
    if (this.topology().isHome[entry.slot] === 0 || !isReapable(record)) return false;
    return digestA(record, store.writers) === a && digestB(record, store.writers) === b;
  }

  private answer(peer: number, request: number, verdicts: readonly boolean[], valid: boolean): void {
    const out = this.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.ReapAnswer);
    out.u32(request);
    out.u16(verdicts.length);
    for (const yes of verdicts) out.u8(yes && valid ? 1 : 0);
    out.end();
  }
}

/** Calls back once the records of all these pinned entries are there, or could not be read; perhaps before it returns. */
export function loadAll(store: RecordStore, entries: readonly RecordEntry[], done: () => void): void {
  let left = 1;
  const one = (): void => {
    if (--left === 0) done();
  };
  const waiter: LoadWaiter = { loaded: one };
  for (const entry of entries) {
    if (entry.record !== undefined) continue;
    left++;
    store.load(entry, waiter);
  }
  one();
}
