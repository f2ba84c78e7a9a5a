export type QuorumState = 'pending' | 'won' | 'lost';

/**
 * Counts the answers of one request's replicas: won as soon as enough have said yes, lost as soon as enough cannot any more
 * (riak_kv_put_core; raft `quorum/majority.go`). Each replica counts once, whatever it sends twice.
 */
export class AckCount {
  yes = 0;
  private waiting: number;
  private readonly answered = new Set<number>();

  constructor(readonly replicas: number) {
    this.waiting = replicas;
  }

  /** False when this replica had answered before. */
  answer(replica: number, ok: boolean): boolean {
    if (this.answered.has(replica)) return false;
    this.answered.add(replica);
    this.waiting--;
    if (ok) this.yes++;
    return true;
  }

  hasAnswered(replica: number): boolean {
    return this.answered.has(replica);
  }

  state(needed: number): QuorumState {
    if (this.yes >= needed) return 'won';
    return this.yes + this.waiting < needed ? 'lost' : 'pending';
  }

  get complete(): boolean {
    return this.waiting === 0;
  }
}
