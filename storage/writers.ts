/**
 * Numbers the writers of versions. A writer is one incarnation of one node: its 16-byte node id and a 2-byte incarnation,
 * 18 bytes in all. A node takes a new incarnation after every unclean stop: having perhaps forgotten un-synced writes of
 * its own, it must not claim, by a higher clock under the same name, to have seen them (the wound of riak_kv#679).
 *
 * In memory a writer is a small number of this process; on disk and between nodes it is always the 18 bytes.
 */
export const WRITER_BYTES = 18;

export class WriterTable {
  private readonly ids: string[] = [];
  private readonly rawIds: Uint8Array[] = [];
  private readonly indexes = new Map<string, number>();
  /** Two 32-bit hashes of each writer's id: equal on every node, so digests can be compared. */
  readonly hashA: number[] = [];
  readonly hashB: number[] = [];

  /** The number of the writer with these 18 bytes (latin1); a new one gets the next number. */
  index(id: string): number {
    const known = this.indexes.get(id);
    if (known !== undefined) return known;
    if (id.length !== WRITER_BYTES)
      throw new Error(`a writer id has ${WRITER_BYTES} bytes, not ${id.length}`);
    const index = this.ids.length;
    this.ids.push(id);
    this.rawIds.push(Buffer.from(id, 'latin1'));
    this.indexes.set(id, index);
    this.hashA.push(fnv1a(id, 0x811c9dc5));
    this.hashB.push(fnv1a(id, 0x01000193));
    return index;
  }

  /** Whether the writer with these 18 bytes (latin1) has a number. */
  has(id: string): boolean {
    return this.indexes.has(id);
  }

  /** The number of the writer whose id stands at `offset`: no string is made for one already known. */
  indexAt(bytes: Buffer, offset: number): number {
    const { rawIds } = this;
    for (let i = 0; i < rawIds.length && i < SCAN_LIMIT; i++) {
      if (equalsAt(rawIds[i], bytes, offset)) return i;
    }
    return this.index(bytes.latin1Slice(offset, offset + WRITER_BYTES));
  }

  id(index: number): string {
    return this.ids[index];
  }

  /** The 18 bytes as they are on disk. */
  bytes(index: number): Uint8Array {
    return this.rawIds[index];
  }

  /** Orders writers by their bytes, the same on every node. */
  compare(a: number, b: number): number {
    if (a === b) return 0;
    return this.ids[a] < this.ids[b] ? -1 : 1;
  }
}

/** Beyond this many writers a Map look-up is cheaper than comparing bytes. */
const SCAN_LIMIT = 8;

function equalsAt(id: Uint8Array, bytes: Buffer, offset: number): boolean {
  // The last bytes differ first: incarnations of one node share the sixteen before them.
  for (let i = WRITER_BYTES - 1; i >= 0; i--) {
    if (id[i] !== bytes[offset + i]) return false;
  }
  return true;
}

/** 32-bit FNV-1a of a latin1 string, finished with murmur3's avalanche. Frozen: it is part of the disk format. */
export function fnv1a(text: string, seed = 0x811c9dc5): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** `writer` as people see it: 32 hex digits of the node id, a dash, the incarnation. */
export function writerName(id: string): string {
  const bytes = Buffer.from(id, 'latin1');
  return `${bytes.toString('hex', 0, 16)}-${bytes.readUInt16BE(16)}`;
}

/** The writer id of a node (32 hex digits) in an incarnation (0..65535). */
export function writerId(nodeId: string, incarnation: number): string {
  const bytes = Buffer.alloc(WRITER_BYTES);
  bytes.write(nodeId, 0, 16, 'hex');
  bytes.writeUInt16BE(incarnation, 16);
  return bytes.latin1Slice();
}
