import type { KeyRecord } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { applyRecord } from '../apply.js';
import { sameRecord } from '../version.js';
import type { Vote } from './acceptor.js';
import { Asking } from './asking.js';
import { type Ballot, compareBallots, NO_BALLOT, nextBallot } from './ballot.js';
import { Batch, type Task } from './batch.js';
import { adoptable, InheritedUnits } from './inherited-units.js';
import type { LeaderWorld } from './leader-world.js';
import {
  type Ask,
  Backoff,
  Doubts,
  entriesOf,
  firstOf,
  inDoubt,
  isHopeless,
  notApplied,
  otherHomes,
  Resending,
  ROUND_LIFE_MS,
  type Round,
  takeLate,
  tooLate,
} from './rounds.js';
import type { Unit, UnitKey } from './unit.js';

const TOO_LARGE =
  'NOQUORUM what would be written at once is too large for a message between nodes; the write was not applied';
/** Operations wait so long for replicas that are there and do not vote yet, ms. */
const PATIENCE_MS = 1500;

/**
 * Leads the register of one slot on this node: a proposer of CASPaxos (Rystsov 2018) for all keys of the slot at once.
 *
 * Its lease is a ballot that a majority of the home replicas has promised, this node among them. Under it each key is asked for once: what a
 * majority holds of it, merged, is what there is. Then operations run here, one after the other, and what they write is one unit,
 * proposed to all home replicas under that ballot; who accepts it has promised the next one, so the next round needs no asking. Reads,
 * and writes that changed nothing, are told after a majority has confirmed the lease.
 *
 * One thing is under way at a time; what comes meanwhile goes together in the next round.
 */
export class Leader {
  /** This node holds the lease under this number; 0: it does not. */
  private lease = 0;
  /** The lease's ballot for what comes next. */
  private ballot: Ballot = NO_BALLOT;
  /** The ballot the lease was got with: its own rounds have ballots from here on. */
  private first: Ballot = NO_BALLOT;
  private trustEpoch = 0;
  private queue: Task[] = [];
  private readonly inherited = new InheritedUnits();
  /** Pinned: of the inherited units' keys. */
  private kept: readonly RecordEntry[] = [];
  /** Records that were told by a majority, but not by one that holds them all alike. */
  private unstable = new Set<RecordEntry>();
  private wanted = false;
  readonly asking: Asking;
  private round: Round | null = null;
  private loading = false;
  private readonly doubts = new Doubts();
  private readonly backoff = new Backoff();

  constructor(
    readonly slot: number,
    private readonly world: LeaderWorld,
  ) {
    this.asking = new Asking(world, this, {
      ended: (ask) => this.askEnds(ask),
      lost: (promised) => this.lose(promised),
      hopeless: (answers, needed) =>
        this.hesitate(`NOQUORUM ${answers} of ${needed} needed home replicas answered`),
    });
  }

  /** Nothing waits, and nothing is under way. */
  get idle(): boolean {
    if (this.busy || this.wanted || this.inherited.any) return false;
    return this.queue.length === 0 && this.doubts.waiting === 0;
  }

  get busy(): boolean {
    return this.asking.busy || this.round !== null || this.loading;
  }

  get waiting(): number {
    return this.queue.length + (this.round?.tasks.length ?? 0) + this.doubts.waiting;
  }

  take(task: Task): void {
    this.queue.push(task);
  }

  /** Units of this slot are to be settled, though nobody waits for it. */
  want(): void {
    this.wanted = true;
  }

  /** Goes on, if nothing is under way. */
  advance(): void {
    if (this.busy || (this.queue.length === 0 && !this.wanted && !this.inherited.any)) return;
    const topology = this.world.topology();
    if (topology.isHome[this.slot] === 0) return this.handOn();
    if (this.backoff.untilMs > this.world.elapsedMs()) return;
    const needed = topology.majorityOf(this.slot);
    const live = topology.liveHomes(this.slot);
    if (live < needed)
      return this.failWaiting(`NOQUORUM ${live} of ${needed} needed home replicas are reachable`);
    if (topology.trustEpoch !== this.trustEpoch) {
      // Others may have taken plain writes meanwhile: every key is asked for again.
      this.trustEpoch = topology.trustEpoch;
      if (this.lease !== 0) this.lease = this.world.takeLease();
    }
    if (this.lease === 0) return this.askFor(entriesOf(firstOf(this.queue)));
    if (this.inherited.any) return this.resolve();
    this.wanted = false;
    this.runNext();
  }

  // --- asking ---

  private askFor(entries: readonly RecordEntry[]): void {
    if (this.isLoading(entries)) return;
    const { world, slot } = this;
    if (this.lease === 0) {
      const round = Math.max(this.ballot.round, world.acceptor.promised(slot).round) + 1;
      this.ballot = { round, proposer: world.proposer };
      this.first = this.ballot;
    }
    this.asking.start(this.ballot, entries, [...this.queue]);
  }

  /** Too few vote though enough are there: some may have started only now. It is tried again for a while. */
  private hesitate(reason: string): void {
    const now = this.world.elapsedMs();
    const patient = this.queue.filter(({ sinceMs }) => now - sinceMs < PATIENCE_MS);
    this.queue = this.queue.filter(({ sinceMs }) => now - sinceMs >= PATIENCE_MS);
    this.failWaiting(reason);
    this.queue = patient;
    this.lease = 0;
    this.backoff.wait(now);
  }

  private askEnds(ask: Ask): void {
    const { world } = this;
    if (this.lease === 0) {
      this.lease = world.takeLease();
      this.backoff.won(world.elapsedMs());
      this.trustEpoch = world.topology().trustEpoch;
    }
    for (const { units } of ask.answers.values()) for (const unit of units) this.inherit(unit);
    for (let i = 0; i < ask.entries.length; i++) this.takeRecord(ask, ask.entries[i], i);
    const asked = new Set(ask.entries);
    for (const task of ask.tasks) task.confirmed = task.entries.every((entry) => asked.has(entry));
    if (!this.isLoading(ask.entries)) this.advance();
  }

  private endRound(): Round | null {
    const { round } = this;
    this.round = null;
    if (round !== null) this.world.over(round.id);
    return round;
  }

  /** What a majority holds of a key, merged, is what there is of it. */
  private takeRecord(ask: Ask, entry: RecordEntry, index: number): void {
    const { store } = this.world;
    const others: (KeyRecord | null)[] = [];
    for (const [peer, { records }] of ask.answers) {
      if (peer === this.world.self()) continue;
      const record = records[index];
      others.push(record === undefined ? ask.own[index] : record);
      // Taken out of the cache by a group commit that failed: it is asked for again.
      if (record != null && entry.record !== undefined) applyRecord(store, entry, record);
    }
    if (entry.record === undefined) return;
    entry.lease = this.lease;
    const merged = entry.record;
    const holders = others.filter((record) => sameRecord(record, merged)).length + 1;
    if (holders >= this.world.topology().majorityOf(this.slot)) this.unstable.delete(entry);
    else this.unstable.add(entry);
  }

  private inherit(unit: Unit): void {
    const { ballot } = unit;
    // Rounds of this lease are known to have been chosen: the next one began only then.
    if (ballot.proposer === this.world.proposer && compareBallots(ballot, this.first) >= 0) return;
    this.inherited.add(unit);
  }

  // --- what others have left behind ---

  /**
   * Units whose outcome their holders do not know, highest ballots first. One that our records, just asked for, do not decide may have been
   * chosen: it is proposed again, before anything else.
   */
  private resolve(): void {
    const { world, slot } = this;
    const units = this.inherited.inOrder();
    const entries = world.pinAll(units);
    this.keep(entries);
    const unknown = [...new Set(entries)].filter(
      ({ lease, record }) => lease !== this.lease || record === undefined,
    );
    if (unknown.length > 0) return this.askFor(unknown);
    let adopted: readonly UnitKey[] = [];
    let done = 0;
    let at = 0;
    while (adopted.length === 0 && done < units.length) {
      const unit = units[done++];
      adopted = adoptable(unit, entries.slice(at, at + unit.keys.length), world.store);
      at += unit.keys.length;
    }
    this.inherited.drop(done);
    this.keep([]);
    // One at a time: who has seen a dot of a unit takes all of it for chosen.
    if (adopted.length > 0) this.propose({ slot, ballot: this.ballot, keys: adopted }, []);
    else this.advance();
  }

  /** While some records of inherited units are fetched or asked for, the others have to stay: a cache may be smaller than they are. */
  private keep(entries: readonly RecordEntry[]): void {
    const before = this.kept;
    this.kept = entries;
    for (const entry of before) this.world.store.unpin(entry);
  }

  // --- running ---

  private runNext(): void {
    if (this.isUnsettled() || this.queue.length === 0) return;
    const tasks = firstOf(this.queue);
    const unknown = new Set<RecordEntry>();
    for (const { entries } of tasks)
      for (const entry of entries)
        if (entry.lease !== this.lease || entry.record === undefined) unknown.add(entry);
    // What only reads is told on the word of a majority given after it had come.
    const stale = tasks.every((task) => task.readsOnly && !task.confirmed);
    if (stale) for (const { entries } of tasks) for (const entry of entries) unknown.add(entry);
    if (unknown.size > 0 || stale) return this.askFor([...unknown]);
    this.queue = this.queue.slice(tasks.length);
    const batch = new Batch(this.world, tasks);
    batch.run(this.unstable);
    this.queue.unshift(...batch.again);
    if (batch.isTooLarge) for (const task of batch.waiting) this.world.end(task, TOO_LARGE);
    else if (batch.written.size > 0)
      return this.propose(
        { slot: this.slot, ballot: this.ballot, keys: [...batch.written.values()] },
        batch.waiting,
      );
    else for (const task of batch.waiting) this.world.end(task, null);
    this.advance();
  }

  /** Units accepted here whose outcome this node does not know: they come first. */
  private isUnsettled(): boolean {
    const { held } = this.world.acceptor;
    const open = held.of(this.slot).filter((one) => one.open);
    if (open.length === 0) return false;
    held.lookAgain(this.slot);
    const left = held.of(this.slot).filter((one) => one.open);
    for (const { unit, led } of left) if (!led) this.inherit(unit);
    if (this.inherited.any) this.resolve();
    // What was chosen here and cannot be put away yet, since the disk is being read again, will be.
    return left.length > 0;
  }

  private propose(unit: Unit, tasks: Task[]): void {
    const { world } = this;
    const round: Round = {
      id: world.takeId(this),
      unit,
      tasks,
      yes: new Set(),
      failed: new Set(),
      startedMs: world.elapsedMs(),
      sending: new Resending(world.elapsedMs()),
    };
    this.round = round;
    this.wanted = false;
    // By the time it is their turn, what was confirmed may be old.
    for (const task of this.queue) task.confirmed = false;
    let refused: Vote | null = null;
    let isNow = true;
    world.acceptor.accept(unit, (vote) => {
      if (isNow && vote.vote !== 'yes') refused = vote;
      else this.voted(round, world.self(), vote);
    });
    isNow = false;
    if (refused !== null) return this.refusedHere(round, refused);
    const bytes = world.encode(unit);
    for (const peer of otherHomes(world.topology(), this.slot))
      if (!world.sendAccept(peer, round.id, unit, bytes)) round.failed.add(peer);
    this.roundMayEnd(round);
  }

  /** Our own acceptor does not take it: nobody has been asked, so nothing has happened. */
  private refusedHere(round: Round, { vote, promised }: Vote): void {
    this.endRound();
    this.world.names.orphaned(round.unit.keys);
    this.queue.unshift(...round.tasks);
    if (vote === 'no') return this.lose(promised);
    this.hesitate('NOQUORUM this home replica may not vote now');
  }

  /** An acceptor's answer to the proposal of that number. */
  roundAnswered(peer: number, id: number, vote: Vote): void {
    if (this.round?.id === id) this.voted(this.round, peer, vote);
  }

  private voted(round: Round, peer: number, { vote, promised }: Vote): void {
    if (this.round !== round) return;
    if (vote === 'no') return this.lose(promised);
    if (this.world.elapsedMs() - round.startedMs > ROUND_LIFE_MS) return this.lose(NO_BALLOT);
    if (vote === 'none') {
      round.failed.add(peer);
      // Whether our own disk has it nobody knows.
      if (peer === this.world.self()) this.world.names.orphaned(round.unit.keys);
    } else {
      round.failed.delete(peer);
      round.yes.add(peer);
    }
    this.roundMayEnd(round);
  }

  private roundMayEnd(round: Round): void {
    if (this.round !== round) return;
    const { topology, self } = this.world;
    const needed = topology().majorityOf(this.slot);
    if (round.yes.size >= needed && round.yes.has(self())) return this.chosen(round);
    if (!isHopeless(topology(), this.slot, round.failed)) return;
    const failure = `NOQUORUM ${round.yes.size} of ${needed} needed home replicas confirmed the write; it may have been applied`;
    for (const task of round.tasks) this.world.end(task, failure);
    round.tasks = [];
    this.lose(NO_BALLOT);
  }

  private chosen(round: Round): void {
    const { world } = this;
    this.endRound();
    this.ballot = nextBallot(round.unit.ballot);
    world.acceptor.held.chosen(round.unit);
    for (const { db, key } of round.unit.keys) this.stabilise(db, key);
    for (const task of round.tasks) world.end(task, null);
    world.plan(this);
  }

  private stabilise(db: number, key: string): void {
    for (const entry of this.unstable) if (entry.db === db && entry.key === key) this.unstable.delete(entry);
  }

  // --- losing ---

  /** Somebody else leads, or nobody can tell: what was proposed is in doubt. */
  private lose(promised: Ballot): void {
    const { world } = this;
    this.asking.drop();
    const round = this.endRound();
    this.lease = 0;
    this.inherited.clear();
    this.keep([]);
    this.unstable.clear();
    if (round !== null) {
      this.doubts.add(round);
      this.wanted = true;
    }
    if (promised.round > this.ballot.round) this.ballot = { ...this.ballot, round: promised.round };
    this.backoff.lost(world.elapsedMs(), world.chance());
    world.plan(this);
  }

  /** The slot has other homes. Where this node is none of them any more, what waits goes elsewhere at the end of the turn. */
  homesChanged(): void {
    this.lose(NO_BALLOT);
  }

  /** This node is no home any more: its vote, which it would count as one of a majority, is none. */
  private handOn(): void {
    this.wanted = false;
    for (const task of this.queue.splice(0)) this.world.move(task);
  }

  /** What came of a unit that this node holds. */
  resolved(unit: Unit, chosen: boolean): void {
    if (!chosen) this.world.names.orphaned(unit.keys);
    const tasks = this.doubts.take(unit);
    if (tasks.length === 0) return;
    if (chosen) for (const task of tasks) this.world.end(task, null);
    // Certainly not applied: they run again.
    else this.queue.unshift(...tasks);
    this.world.plan(this);
  }

  peerDown(peer: number): void {
    this.asking.peerDown(peer);
    const { round } = this;
    if (round !== null && !round.yes.has(peer)) {
      round.failed.add(peer);
      this.roundMayEnd(round);
    }
  }

  /** Some times a second: what nobody waits for any more ends, what was lost on its way is sent again. */
  tick(now: number): void {
    this.expire(now);
    const tooOld = now - Math.min(this.world.requestTimeout(), ROUND_LIFE_MS);
    const { startedMs } = this.round ?? this.asking;
    if (startedMs < tooOld) this.lose(NO_BALLOT);
    else this.resend(now);
    this.advance();
  }

  private resend(now: number): void {
    const { round, world } = this;
    this.asking.resend(now);
    if (round === null || !round.sending.isDue(now)) return;
    const bytes = world.encode(round.unit);
    for (const peer of otherHomes(world.topology(), this.slot))
      if (!round.yes.has(peer)) world.sendAccept(peer, round.id, round.unit, bytes);
  }

  private expire(now: number): void {
    const { world, round } = this;
    for (const task of takeLate(this.queue, now)) world.end(task, tooLate(task));
    if (round !== null) for (const task of takeLate(round.tasks, now)) world.end(task, inDoubt(task));
    for (const task of this.doubts.takeLate(now)) world.end(task, inDoubt(task));
  }

  private failWaiting(reason: string): void {
    const { queue } = this;
    this.queue = [];
    this.wanted = false;
    for (const task of queue) this.world.end(task, notApplied(reason, task.operation));
  }

  /** Fetches those of our own records that are not in the cache, and goes on then. */
  private isLoading(entries: readonly RecordEntry[]): boolean {
    const missing = entries.filter(({ record }) => record === undefined);
    if (missing.length === 0) return false;
    this.loading = true;
    this.world.load(missing, (failure) => {
      this.loading = false;
      if (failure !== null) this.failWaiting(failure);
      else this.world.plan(this);
    });
    return true;
  }
}
