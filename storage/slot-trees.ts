import type { KeyRecord } from './record.js';
import type { RecordObserver } from './record-observer.js';

/** Two 32-bit hashes of a record, the same on every node. */
export interface RecordDigest {
  a(record: KeyRecord): number;
  b(record: KeyRecord): number;
}

/** Leaves of a slot: the top bits of a key's hash say in which it is, so a leaf is one range of data keys. */
export const LEAVES = 16;
const LEAF_SHIFT = 28;

/** The first and the last key hash of a leaf. */
export function leafRange(leaf: number): { readonly from: number; readonly to: number } {
  return { from: leaf * 2 ** LEAF_SHIFT, to: (leaf + 1) * 2 ** LEAF_SHIFT - 1 };
}

export function leafOf(hash: number): number {
  return hash >>> LEAF_SHIFT;
}

/** One database: 64-bit sums as two halves, per leaf and, so that comparing starts small, per slot. 2.1 MB for 16384 slots. */
interface Sums {
  readonly leafA: Uint32Array;
  readonly leafB: Uint32Array;
  readonly slotA: Uint32Array;
  readonly slotB: Uint32Array;
}

/** The saved form's number, in its first byte; it goes up when what is summed changes, so that old sums are not taken. */
const FORMAT = 1;
const ENTRY_BYTES = 12;
const DB_HEADER_BYTES = 5;

/**
 * A Merkle tree per database and slot over the versions of the keys: a slot's sum over 16 leaves' sums over one 64-bit hash per
 * record. Sums instead of hashes of hashes (Bellare and Micciancio's AdHash): what a record gives is taken back and put in
 * again in O(1), in any order, and each record's hash has its database and its key in it, so the place is part of the sum.
 *
 * Only dots and contexts are hashed, no values, and not whether a version has expired: replicas that hold the same versions have
 * the same tree, whichever of them has swept already.
 */
export class SlotTrees implements RecordObserver {
  private readonly dbs: (Sums | undefined)[] = [];

  constructor(
    private readonly slotCount: number,
    private readonly digest: RecordDigest,
  ) {}

  changed(db: number, slot: number, hash: number, before: KeyRecord | null, after: KeyRecord | null): void {
    if (before === after) return;
    let a = 0;
    let b = 0;
    if (before !== null) {
      a -= this.hashA(db, hash, before);
      b -= this.hashB(db, hash, before);
    }
    if (after !== null) {
      a += this.hashA(db, hash, after);
      b += this.hashB(db, hash, after);
    }
    this.add(db, slot, leafOf(hash), a, b);
  }

  cleared(db: number): void {
    this.dbs[db] = undefined;
  }

  doubted(): void {}

  /** What a record adds to its leaf: the first half. */
  hashA(db: number, hash: number, record: KeyRecord): number {
    return mix(hash + db, this.digest.a(record), 0x9e3779b1);
  }

  /** The second half. */
  hashB(db: number, hash: number, record: KeyRecord): number {
    return mix(hash - db, this.digest.b(record), 0x85ebca6b);
  }

  /** Adds to a leaf, modulo 2^32 in each half. */
  add(db: number, slot: number, leaf: number, a: number, b: number): void {
    const sums = this.sumsOf(db);
    const at = slot * LEAVES + leaf;
    sums.leafA[at] += a;
    sums.leafB[at] += b;
    sums.slotA[slot] += a;
    sums.slotB[slot] += b;
  }

  /** Databases of which anything is in the trees. */
  get databases(): number[] {
    return this.dbs.flatMap((sums, db) => (sums === undefined ? [] : [db]));
  }

  leafA(db: number, slot: number, leaf: number): number {
    return this.dbs[db]?.leafA[slot * LEAVES + leaf] ?? 0;
  }

  leafB(db: number, slot: number, leaf: number): number {
    return this.dbs[db]?.leafB[slot * LEAVES + leaf] ?? 0;
  }

  /** Whether a slot of a database is (as good as certainly) without any record. */
  isEmpty(db: number, slot: number): boolean {
    const sums = this.dbs[db];
    return sums === undefined || (sums.slotA[slot] === 0 && sums.slotB[slot] === 0);
  }

  /** A slot's sum over all databases: the first half. */
  slotA(slot: number): number {
    let sum = 0;
    for (const sums of this.dbs) if (sums !== undefined) sum += sums.slotA[slot];
    return sum >>> 0;
  }

  /** The second half. */
  slotB(slot: number): number {
    let sum = 0;
    for (const sums of this.dbs) if (sums !== undefined) sum += sums.slotB[slot];
    return sum >>> 0;
  }

  /** The sum over all databases of those of the slots `from` to before `end` for which `has` is 1. */
  sumOver(has: Uint8Array, from: number, end: number): { readonly a: number; readonly b: number } {
    let a = 0;
    let b = 0;
    for (const sums of this.dbs) {
      if (sums === undefined) continue;
      const { slotA, slotB } = sums;
      for (let slot = from; slot < end; slot++) {
        if (has[slot] === 0) continue;
        a = (a + slotA[slot]) >>> 0;
        b = (b + slotB[slot]) >>> 0;
      }
    }
    return { a, b };
  }

  blank(): SlotTrees {
    return new SlotTrees(this.slotCount, this.digest);
  }

  /** Adds everything in `from`, or with -1 takes it out. */
  addAll(from: SlotTrees, times: 1 | -1): void {
    for (const db of from.databases) addSums(this.sumsOf(db), from.dbs[db]!, times);
  }

  /** All leaves that are not empty, to be kept over a clean stop. */
  save(): Buffer {
    const parts = [Buffer.from([FORMAT])];
    for (const db of this.databases) {
      const { leafA, leafB } = this.dbs[db]!;
      let leaves = 0;
      for (let i = 0; i < leafA.length; i++) if (leafA[i] !== 0 || leafB[i] !== 0) leaves++;
      const out = Buffer.allocUnsafe(DB_HEADER_BYTES + leaves * ENTRY_BYTES);
      out[0] = db;
      let at = out.writeUInt32BE(leaves, 1);
      for (let i = 0; i < leafA.length; i++) {
        if (leafA[i] === 0 && leafB[i] === 0) continue;
        at = out.writeUInt32BE(i, at);
        at = out.writeUInt32BE(leafA[i], at);
        at = out.writeUInt32BE(leafB[i], at);
      }
      parts.push(out);
    }
    return Buffer.concat(parts);
  }

  /** Adds what `save` kept. False, and nothing is added, when it does not fit. */
  restore(saved: Buffer): boolean {
    const kept = this.blank();
    if (saved.length === 0 || saved[0] !== FORMAT) return false;
    let at = 1;
    while (at < saved.length) {
      if (at + DB_HEADER_BYTES > saved.length) return false;
      const db = saved[at];
      const end = at + DB_HEADER_BYTES + saved.readUInt32BE(at + 1) * ENTRY_BYTES;
      if (end > saved.length) return false;
      for (at += DB_HEADER_BYTES; at < end; at += ENTRY_BYTES) {
        const leaf = saved.readUInt32BE(at);
        if (leaf >= this.slotCount * LEAVES) return false;
        const slot = Math.floor(leaf / LEAVES);
        kept.add(db, slot, leaf % LEAVES, saved.readUInt32BE(at + 4), saved.readUInt32BE(at + 8));
      }
    }
    this.addAll(kept, 1);
    return true;
  }

  private sumsOf(db: number): Sums {
    let sums = this.dbs[db];
    if (sums === undefined) {
      sums = {
        leafA: new Uint32Array(this.slotCount * LEAVES),
        leafB: new Uint32Array(this.slotCount * LEAVES),
        slotA: new Uint32Array(this.slotCount),
        slotB: new Uint32Array(this.slotCount),
      };
      this.dbs[db] = sums;
    }
    return sums;
  }
}

function addSums(to: Sums, from: Sums, times: 1 | -1): void {
  for (const part of ['leafA', 'leafB', 'slotA', 'slotB'] as const) {
    const target = to[part];
    const source = from[part];
    for (let i = 0; i < source.length; i++) if (source[i] !== 0) target[i] += times * source[i];
  }
}

/** Spreads place and digest over 32 bits (murmur3's avalanche, twice). */
function mix(place: number, digest: number, salt: number): number {
  let h = Math.imul(place ^ salt, 0xcc9e2d51);
  h = Math.imul(h ^ (h >>> 15), 0x1b873593) ^ digest;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
