const VALUE_BYTES = 100;

/**
 * What clients know of the keys they wrote: values carry the number of the write, and a key has one write under way at a time. So a read
 * may see the last acknowledged number or a later one that was sent, and nothing else.
 */
export class Ledger {
  private readonly sent: Int32Array;
  private readonly acknowledged: Int32Array;
  private readonly busy: Uint8Array;

  constructor(readonly size: number) {
    this.sent = new Int32Array(size);
    this.acknowledged = new Int32Array(size);
    this.busy = new Uint8Array(size);
  }

  keyOf(n: number): string {
    return `key:${n}`;
  }

  /** Whether a write of the key is under way. */
  isBusy(n: number): boolean {
    return this.busy[n] === 1;
  }

  /** The value of the key's next write, which begins. */
  write(n: number): string {
    this.busy[n] = 1;
    return numbered(n, ++this.sent[n]);
  }

  /** The key's write was acknowledged, or failed: then nobody knows. */
  wrote(n: number, ok: boolean): void {
    this.busy[n] = 0;
    if (ok) this.acknowledged[n] = this.sent[n];
  }

  /** The number of the last acknowledged write: what a read that begins now may see at least. */
  known(n: number): number {
    return this.acknowledged[n];
  }

  /** Writes that were acknowledged. */
  get total(): number {
    return this.acknowledged.reduce((all, one) => all + one, 0);
  }

  /** What is wrong with a value that was read, when at least the `known`-th write was to be seen; null: nothing. */
  objection(n: number, known: number, value: string | null): string | null {
    if (value === null)
      return known === 0 ? null : `${this.keyOf(n)}: #${known} was acknowledged, nothing is there`;
    const seq = Number(value.split('#')[1]);
    const isRight = value === numbered(n, seq) && seq >= known && seq <= this.sent[n];
    return isRight
      ? null
      : `${this.keyOf(n)}: #${known} was acknowledged, #${this.sent[n]} sent, read ${value.slice(0, 40)}`;
  }
}

function numbered(n: number, seq: number): string {
  return `${n}#${seq}#`.padEnd(VALUE_BYTES, 'x');
}
