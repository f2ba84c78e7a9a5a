/** Allows something extra for a share of the ordinary, so that it can never become a second load as large as the first. */
export class ShareBudget {
  private left: number;

  constructor(
    private readonly share: number,
    /** How many may come at once after a time in which there were none. */
    private readonly burst: number,
  ) {
    this.left = burst;
  }

  /** One ordinary event. */
  earn(): void {
    if (this.left < this.burst) this.left += this.share;
  }

  /** Whether one extra may be had; it is taken. */
  take(): boolean {
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}
