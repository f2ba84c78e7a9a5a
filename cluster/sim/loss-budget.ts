/**
 * How many machines may forget what they once said was safe (a lost disk, a log cut at its last sync, an old backup) between two
 * moments at which every replica has everything: fewer than the copies an acknowledged write has. Beyond that nothing is promised.
 */
export class LossBudget {
  private readonly forgetful = new Set<string>();

  /** `most` machines. */
  constructor(private most: number) {}

  /** Takes note of one that is about to forget. False: that would be one too many. */
  take(address: string): boolean {
    if (!this.forgetful.has(address) && this.forgetful.size >= this.most) return false;
    this.forgetful.add(address);
    return true;
  }

  get spent(): number {
    return this.forgetful.size;
  }

  /** Every replica has everything again. */
  renew(most = this.most): void {
    this.most = most;
    this.forgetful.clear();
  }
}
