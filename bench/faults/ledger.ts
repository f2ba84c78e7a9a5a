const VALUE_BYTES = 100;
const NOT_APPLIED = /not applied|nothing was/;

/** What a value that was read means for its key. */
export type Verdict = 'right' | 'lost' | 'refused';

/**
 * What one client knows of one key, which nobody else writes: its writes carry increasing numbers, one under way at a time.
 * So a read may see the last acknowledged number or a later one that was attempted, and nothing else.
 */
export class KeyLedger {
  attempted = 0;
  acknowledged = 0;
  /** Attempts whose error said that they had no effect. */
  private readonly refused = new Set<number>();

  constructor(readonly key: string) {}

  /** The value of the next attempt. */
  attempt(): string {
    return numbered(this.key, ++this.attempted);
  }

  acknowledge(): void {
    this.acknowledged = this.attempted;
  }

  /** The last attempt was answered with an error. */
  fail(message: string): void {
    if (NOT_APPLIED.test(message)) this.refused.add(this.attempted);
  }

  judge(value: unknown): Verdict {
    if (value === null) return this.acknowledged === 0 ? 'right' : 'lost';
    const seq = Number(String(value).split('#')[1]);
    if (value !== numbered(this.key, seq)) return 'lost';
    if (seq < this.acknowledged || seq > this.attempted) return 'lost';
    return this.refused.has(seq) ? 'refused' : 'right';
  }
}

function numbered(key: string, seq: number): string {
  return `${key}#${seq}#`.padEnd(VALUE_BYTES, 'x');
}
