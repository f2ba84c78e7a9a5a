import type { RecordEntry } from '../../../storage/record-cache.js';
import { type Ballot, NO_BALLOT } from './ballot.js';
import type { Task } from './batch.js';
import type { Leader } from './leader.js';
import type { LeaderWorld } from './leader-world.js';
import { type Ask, type AskAnswer, isHopeless, otherHomes, Resending, ROUND_LIFE_MS } from './rounds.js';

/** What a leader hears of its questions; not called from inside `start` but for `lost` and `hopeless`. */
export interface AskingEvents {
  /** A majority has promised, this node among them. The entries stay pinned until it returns. */
  ended(ask: Ask): void;
  /** An acceptor has promised more. */
  lost(promised: Ballot): void;
  /** There will be no majority: so many have answered. */
  hopeless(answers: number, needed: number): void;
}

/** A leader's question to the home replicas of its slot, one at a time: do you promise this ballot, and what do you hold of these keys? */
export class Asking {
  private ask: Ask | null = null;

  constructor(
    private readonly world: LeaderWorld,
    private readonly leader: Leader,
    private readonly events: AskingEvents,
  ) {}

  get busy(): boolean {
    return this.ask !== null;
  }

  /** The keys of the present question, so that its answers can be read. */
  get entries(): readonly RecordEntry[] {
    return this.ask?.entries ?? [];
  }

  /** By `Clock.elapsed`; when nothing is asked: never. */
  get startedMs(): number {
    return this.ask?.startedMs ?? Number.POSITIVE_INFINITY;
  }

  /** `tasks`: who waits now. */
  start(ballot: Ballot, entries: readonly RecordEntry[], tasks: readonly Task[]): void {
    const { world, leader } = this;
    const { slot } = leader;
    const ask: Ask = {
      id: world.takeId(leader),
      ballot,
      entries,
      own: entries.map(({ record }) => record ?? null),
      tasks,
      answers: new Map(),
      failed: new Set(),
      startedMs: world.elapsedMs(),
      sending: new Resending(world.elapsedMs()),
    };
    // They must stay what the cache knows by these keys while they are asked for.
    for (const entry of entries) entry.pins++;
    this.ask = ask;
    world.acceptor.prepare(slot, ballot, (vote) => {
      const units = world.acceptor.held.of(slot).map(({ unit }) => unit);
      this.take(ask, world.self(), { ...vote, units, records: [] });
    });
    if (this.ask !== ask) return;
    for (const peer of otherHomes(world.topology(), slot)) this.send(ask, peer);
    this.mayEnd(ask);
  }

  answered(peer: number, id: number, answer: AskAnswer): void {
    if (this.ask?.id === id) this.take(this.ask, peer, answer);
  }

  peerDown(peer: number): void {
    const { ask } = this;
    if (ask === null || ask.answers.has(peer)) return;
    ask.failed.add(peer);
    this.mayEnd(ask);
  }

  /** What was not answered for a while is asked again. */
  resend(now: number): void {
    const { ask, world } = this;
    if (ask === null || !ask.sending.isDue(now)) return;
    for (const peer of otherHomes(world.topology(), this.leader.slot))
      if (!ask.answers.has(peer)) this.send(ask, peer);
  }

  drop(): void {
    if (this.ask !== null) this.release(this.ask);
  }

  private send(ask: Ask, peer: number): void {
    const { id, ballot, entries } = ask;
    if (!this.world.sendPrepare(peer, id, this.leader.slot, ballot, entries)) ask.failed.add(peer);
  }

  private take(ask: Ask, peer: number, answer: AskAnswer): void {
    if (this.ask !== ask || ask.answers.has(peer)) return;
    if (this.world.elapsedMs() - ask.startedMs > ROUND_LIFE_MS) return this.events.lost(NO_BALLOT);
    if (answer.vote === 'no') return this.events.lost(answer.promised);
    if (answer.vote === 'yes') {
      ask.failed.delete(peer);
      ask.answers.set(peer, answer);
    } else ask.failed.add(peer);
    this.mayEnd(ask);
  }

  private mayEnd(ask: Ask): void {
    if (this.ask !== ask) return;
    const { topology, self, store } = this.world;
    const needed = topology().majorityOf(this.leader.slot);
    if (ask.answers.size >= needed && ask.answers.has(self())) {
      for (const entry of ask.entries) entry.pins++;
      this.release(ask);
      this.events.ended(ask);
      for (const entry of ask.entries) store.unpin(entry);
    } else if (isHopeless(topology(), this.leader.slot, ask.failed)) {
      this.release(ask);
      this.events.hopeless(ask.answers.size, needed);
    }
  }

  private release(ask: Ask): void {
    this.ask = null;
    this.world.over(ask.id);
    for (const entry of ask.entries) this.world.store.unpin(entry);
  }
}
