/**
 * How many machines may forget what they once said was safe (a lost disk, a log cut at its last sync, an old backup) between two
 * moments at which every replica has everything: fewer than the copies an acknowledged write has. Beyond that nothing is promised.
 */
export class LossBudget {
  private readonly forgetful = new Set<string>();
  private isWhole = true;

  /** `most` machines. */
  constructor(private most: number) {}

  /** Takes note of one that is about to forget, and to go on, unless it is gone for good. False: that would be one too many. */
  take(address: string, goesOn: boolean): boolean {
    if (!this.forgetful.has(address) && this.forgetful.size >= this.most) return false;
    this.forgetful.add(address);
    if (goesOn) this.isWhole = false;
    return true;
  }

  /** Nobody who answers has forgotten anything. */
  get whole(): boolean {
    return this.isWhole;
  }

  /** Every replica has everything again. */
  renew(most = this.most): void {
    this.most = most;
    this.forgetful.clear();
    this.isWhole = true;
  }
}
