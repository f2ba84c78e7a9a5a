import { setTimeout as pause } from 'node:timers/promises';
import type { KeyLedger } from './ledger.js';
import { ConnectionLost, type Reply, RespClient } from './resp-client.js';
import { EVERYBODY, type Group, type Tally } from './service.js';

const RECONNECT_MS = 50;

interface Request {
  readonly ledger: KeyLedger;
  readonly write: boolean;
  readonly sentAt: number;
  group: Group;
  tally: Tally;
}

/**
 * A client of one node, on one connection, with keys of its own. It sends at its own pace, however slowly replies come (an
 * open loop: a stall does not hide the requests it delays), alternately SET and GET, one under way per key.
 */
export class LoadClient {
  group = EVERYBODY;
  private connection: RespClient | null = null;
  /** Keys without a request under way, and what comes next for each. */
  private readonly idle: { readonly ledger: KeyLedger; readonly write: boolean }[];
  private readonly underWay = new Set<Request>();
  private lastSuccessAt = 0;
  private ended = false;

  constructor(
    readonly node: number,
    private readonly address: readonly [host: string, port: number],
    ledgers: readonly KeyLedger[],
    private tally: Tally,
  ) {
    this.idle = ledgers.map((ledger, i) => ({ ledger, write: i % 2 === 0 }));
  }

  get connected(): boolean {
    return this.connection !== null && !this.connection.closed;
  }

  get waiting(): number {
    return this.underWay.size;
  }

  /** Connects, and again whenever the connection is lost, until `end`. */
  async stayConnected(): Promise<void> {
    while (!this.ended) {
      try {
        if (!this.connected) this.connection = await RespClient.open(...this.address);
      } catch {
        // The node is not there; requests wait for it, and the gap counts.
      }
      await pause(RECONNECT_MS);
    }
    this.connection?.close();
  }

  /** Its time without service is counted from here. */
  begin(): void {
    this.lastSuccessAt = performance.now();
  }

  /** Sends the next request; none when it is not connected or every key has one under way. */
  send(): void {
    if (!this.connected || this.idle.length === 0) return;
    const { ledger, write } = this.idle.shift()!;
    const { group, tally } = this;
    const request = { ledger, write, sentAt: performance.now(), group, tally };
    this.underWay.add(request);
    const argv = write ? ['SET', ledger.key, ledger.attempt()] : ['GET', ledger.key];
    this.connection!.command(...argv)
      .then(
        (reply) => this.note(request, reply),
        (error: unknown) => this.noteLoss(request, error),
      )
      .finally(() => {
        this.underWay.delete(request);
        this.idle.push({ ledger, write: !write });
      });
  }

  /** Counts for this group from now on. So do requests under way: the fault that begins now is what happens to them. */
  join(group: Group): void {
    this.closeGap();
    for (const request of this.underWay)
      if (request.group === EVERYBODY || group.nodeIsDead) request.group = group;
    this.group = group;
  }

  /** Counts in this tally from now on, requests under way too. */
  countIn(tally: Tally): void {
    this.closeGap();
    for (const request of this.underWay) request.tally = tally;
    this.tally = tally;
  }

  /** Counts the time since the last success, which one has come now or is not waited for any more. */
  closeGap(): void {
    const now = performance.now();
    this.tally.of(this.group).gap(now - this.lastSuccessAt);
    this.lastSuccessAt = now;
  }

  /** Gives up what is still unanswered. */
  end(): void {
    this.ended = true;
    const now = performance.now();
    for (const { tally, group, sentAt } of this.underWay) tally.of(group).unanswered(now - sentAt);
    this.connection?.close();
  }

  private note(request: Request, reply: Reply): void {
    const { ledger, write } = request;
    const service = request.tally.of(request.group);
    service.answered(performance.now() - request.sentAt);
    if (reply instanceof Error) {
      if (write) ledger.fail(reply.message);
      return service.refused(reply.message);
    }
    if (write) {
      if (reply !== 'OK') return service.refused(`a SET was answered with ${String(reply)}`);
      ledger.acknowledge();
      service.acknowledged++;
    } else {
      service.read++;
      const verdict = ledger.judge(reply);
      if (verdict === 'lost') service.stale++;
      if (verdict === 'refused') service.untrue++;
    }
    this.closeGap();
  }

  private noteLoss(request: Request, error: unknown): void {
    if (this.ended) return;
    if (!(error instanceof ConnectionLost)) throw error;
    request.tally.of(request.group).lostConnection(error.message);
  }
}
