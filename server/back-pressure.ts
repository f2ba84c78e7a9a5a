/** Holds new writes up while too many bytes wait for the disk, and lets them go on once it has taken them. */
export class BackPressure {
  private holding = false;

  constructor(
    private readonly waitingBytes: () => number,
    private readonly maxBytes: () => number,
    private readonly resumed: () => void,
  ) {}

  /** Whether a write must wait; `resumed` follows. */
  holds(): boolean {
    if (this.waitingBytes() <= this.maxBytes()) return false;
    this.holding = true;
    return true;
  }

  /** A batch has left for the disk. */
  drained(): void {
    if (!this.holding || this.waitingBytes() > this.maxBytes()) return;
    this.holding = false;
    this.resumed();
  }
}
