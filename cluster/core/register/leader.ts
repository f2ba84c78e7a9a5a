import type { KeyRecord } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { applyRecord } from '../apply.js';
import { majority } from '../levels.js';
import type { Operation } from '../operation.js';
import { sameRecord, seenOf } from '../version.js';
import type { Vote } from './acceptor.js';
import { type Ballot, compareBallots, NO_BALLOT, nextBallot } from './ballot.js';
import { Batch, type Task } from './batch.js';
import type { LeaderWorld } from './leader-world.js';
import { knowsMoreSerial } from './serial-names.js';
import { sameUnit, type Unit, type UnitKey } from './unit.js';

/** What an acceptor says to a question: its vote, the units it holds, and of each key asked for its record if it is not ours. */
export interface AskAnswer extends Vote {
  readonly units: readonly Unit[];
  /** undefined: the same as ours. */
  readonly records: readonly (KeyRecord | null | undefined)[];
}

interface Ask {
  readonly id: number;
  readonly ballot: Ballot;
  readonly entries: readonly RecordEntry[];
  /** Our own records when it was asked. */
  readonly own: readonly (KeyRecord | null)[];
  /** Who waited when it was asked. */
  readonly tasks: readonly Task[];
  readonly answers: Map<number, AskAnswer>;
  readonly failed: Set<number>;
  readonly startedMs: number;
  sentMs: number;
}

interface Round {
  readonly id: number;
  readonly unit: Unit;
  tasks: Task[];
  readonly yes: Set<number>;
  readonly failed: Set<number>;
  readonly startedMs: number;
  sentMs: number;
}

/** A round that was neither won nor certainly lost. */
interface Doubt {
  readonly unit: Unit;
  tasks: Task[];
}

/** Operations of one round at most. */
const MAX_BATCH = 1024;
/** A question or a proposal that was not answered is sent again after so long, ms. */
const RESEND_MS = 300;
/** Who has lost its lease so often in a row leaves the others a while, ms. */
const BACKOFF_MS = 40;

/** Operations wait so long for replicas that are there and do not vote yet, ms. */
const PATIENCE_MS = 1500;

const LOST = 'NOQUORUM it is not known in time whether the round of the register was completed';

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
  private inherited: Unit[] = [];
  /** Records that were told by a majority, but not by one that holds them all alike. */
  private unstable = new Set<RecordEntry>();
  private wanted = false;
  private ask: Ask | null = null;
  private round: Round | null = null;
  private loading = false;
  private doubts: Doubt[] = [];
  private lostInRow = 0;
  private notBefore = 0;

  constructor(
    readonly slot: number,
    private readonly world: LeaderWorld,
  ) {}

  /** Nothing waits, and nothing is under way. */
  get idle(): boolean {
    return !this.busy && this.queue.length === 0 && this.doubts.length === 0 && !this.wanted;
  }

  get busy(): boolean {
    return this.ask !== null || this.round !== null || this.loading;
  }

  get waiting(): number {
    let waiting = this.queue.length + (this.round?.tasks.length ?? 0);
    for (const { tasks } of this.doubts) waiting += tasks.length;
    return waiting;
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
    if (this.busy || (this.queue.length === 0 && !this.wanted && this.inherited.length === 0)) return;
    if (this.notBefore > this.world.elapsedMs()) return;
    const topology = this.world.topology();
    const needed = majority(topology.n);
    const live = topology.liveHomes(this.slot);
    if (live < needed)
      return this.failWaiting(`NOQUORUM ${live} of ${needed} needed home replicas are reachable`);
    if (topology.trustEpoch !== this.trustEpoch) {
      // Others may have taken plain writes meanwhile: every key is asked for again.
      this.trustEpoch = topology.trustEpoch;
      if (this.lease !== 0) this.lease = this.world.takeLease();
    }
    if (this.lease === 0) return this.askFor(this.entriesWaiting());
    if (this.inherited.length > 0) return this.resolve();
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
    const ask: Ask = {
      id: world.takeId(this),
      ballot: this.ballot,
      entries,
      own: entries.map(({ record }) => record ?? null),
      tasks: [...this.queue],
      answers: new Map(),
      failed: new Set(),
      startedMs: world.elapsedMs(),
      sentMs: world.elapsedMs(),
    };
    // They must stay what the cache knows by these keys while they are asked for.
    for (const entry of entries) entry.pins++;
    this.ask = ask;
    world.acceptor.prepare(slot, ask.ballot, (vote) => {
      const units = world.acceptor.held.of(slot).map(({ unit }) => unit);
      this.answered(ask, world.self(), { ...vote, units, records: [] });
    });
    if (this.ask !== ask) return;
    for (const peer of this.peers()) this.sendAsk(ask, peer);
    this.askMayEnd(ask);
  }

  private sendAsk(ask: Ask, peer: number): void {
    if (!this.world.sendPrepare(peer, ask.id, this.slot, ask.ballot, ask.entries)) ask.failed.add(peer);
  }

  /** An acceptor's answer to the question of that number. */
  askAnswered(peer: number, id: number, answer: AskAnswer): void {
    if (this.ask?.id === id) this.answered(this.ask, peer, answer);
  }

  /** The keys of the present question, so that its answers can be read. */
  get asked(): readonly RecordEntry[] {
    return this.ask?.entries ?? [];
  }

  private answered(ask: Ask, peer: number, answer: AskAnswer): void {
    if (this.ask !== ask || ask.answers.has(peer)) return;
    if (answer.vote === 'no') return this.lose(answer.promised);
    if (answer.vote === 'yes') {
      ask.failed.delete(peer);
      ask.answers.set(peer, answer);
    } else ask.failed.add(peer);
    this.askMayEnd(ask);
  }

  private askMayEnd(ask: Ask): void {
    if (this.ask !== ask) return;
    const { topology, self } = this.world;
    const needed = majority(topology().n);
    if (ask.answers.size >= needed && ask.answers.has(self())) return this.askEnds(ask);
    if (!this.isHopeless(ask.failed, needed)) return;
    this.dropAsk();
    this.hesitate(`NOQUORUM ${ask.answers.size} of ${needed} needed home replicas answered`);
  }

  /** Too few vote though enough are there: some may have started only now. It is tried again for a while. */
  private hesitate(reason: string): void {
    const now = this.world.elapsedMs();
    const patient = this.queue.filter(({ sinceMs }) => now - sinceMs < PATIENCE_MS);
    this.queue = this.queue.filter(({ sinceMs }) => now - sinceMs >= PATIENCE_MS);
    this.failWaiting(reason);
    this.queue = patient;
    this.lease = 0;
    this.notBefore = now + BACKOFF_MS;
  }

  private askEnds(ask: Ask): void {
    const { world } = this;
    this.ask = null;
    world.over(ask.id);
    this.lostInRow = 0;
    if (this.lease === 0) {
      this.lease = world.takeLease();
      this.trustEpoch = world.topology().trustEpoch;
    }
    for (const { units } of ask.answers.values()) for (const unit of units) this.inherit(unit);
    for (let i = 0; i < ask.entries.length; i++) this.takeRecord(ask, ask.entries[i], i);
    for (const task of ask.tasks) task.confirmed = true;
    if (!this.isLoading(ask.entries)) this.advance();
    for (const entry of ask.entries) world.store.unpin(entry);
  }

  private dropAsk(): void {
    const { ask } = this;
    this.ask = null;
    if (ask === null) return;
    this.world.over(ask.id);
    for (const entry of ask.entries) this.world.store.unpin(entry);
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
    if (holders >= majority(this.world.topology().n)) this.unstable.delete(entry);
    else this.unstable.add(entry);
  }

  private inherit(unit: Unit): void {
    const { ballot } = unit;
    // Rounds of this lease are known to have been chosen: the next one began only then.
    if (ballot.proposer === this.world.proposer && compareBallots(ballot, this.first) >= 0) return;
    const at = this.inherited.findIndex((other) => sameUnit(other, unit));
    if (at < 0) this.inherited.push(unit);
    else if (compareBallots(this.inherited[at].ballot, ballot) < 0) this.inherited[at] = unit;
  }

  // --- what others have left behind ---

  /**
   * Units whose outcome their holders do not know, highest ballots first. One that our records, just asked for, do not decide may have been
   * chosen: it is proposed again, before anything else.
   */
  private resolve(): void {
    const { world, slot } = this;
    const units = [...this.inherited].sort((a, b) => compareBallots(b.ballot, a.ballot));
    const entries = world.pinAll(units);
    const release = (): void => {
      for (const entry of entries) world.store.unpin(entry);
    };
    const unknown = [...new Set(entries)].filter(
      ({ lease, record }) => lease !== this.lease || record === undefined,
    );
    if (unknown.length > 0) {
      this.askFor(unknown);
      // Asking keeps what it needs.
      return release();
    }
    let adopted: UnitKey[] = [];
    let done = 0;
    let at = 0;
    while (adopted.length === 0 && done < units.length) {
      const { keys } = units[done++];
      adopted = this.adoptable(keys, entries.slice(at, at + keys.length));
      at += keys.length;
    }
    this.inherited = units.slice(done);
    release();
    // One at a time: who has seen a dot of a unit takes all of it for chosen.
    if (adopted.length > 0) this.propose({ slot, ballot: this.ballot, keys: adopted }, []);
    else this.advance();
  }

  /** What of the unit has to be proposed again. */
  private adoptable(keys: readonly UnitKey[], entries: readonly RecordEntry[]): UnitKey[] {
    const { store } = this.world;
    const contexts = entries.map(({ record }) => record?.context ?? []);
    const uncovered = keys.filter(
      ({ writer, hlc, db, record }, i) =>
        seenOf(contexts[i], writer) < hlc && store.admit(db, record) !== null,
    );
    const isOrphan =
      uncovered.length === keys.length &&
      keys.some(({ record }, i) => knowsMoreSerial(contexts[i], record.context, store.writers));
    // Otherwise it was chosen, or may have been; and if it was not, it is now, as nothing has come between.
    return isOrphan ? [] : uncovered;
  }

  // --- running ---

  private runNext(): void {
    if (this.queue.length === 0 || this.isUnsettled()) return;
    const tasks = this.queue.slice(0, MAX_BATCH);
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
    if (batch.written.size > 0)
      return this.propose(
        { slot: this.slot, ballot: this.ballot, keys: [...batch.written.values()] },
        batch.waiting,
      );
    for (const task of batch.waiting) this.world.end(task, null);
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
    if (this.inherited.length > 0) this.resolve();
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
      sentMs: world.elapsedMs(),
    };
    this.round = round;
    this.wanted = false;
    let refused: Vote | null = null;
    let isNow = true;
    world.acceptor.accept(unit, (vote) => {
      if (isNow && vote.vote !== 'yes') refused = vote;
      else this.voted(round, world.self(), vote);
    });
    isNow = false;
    if (refused !== null) return this.refusedHere(round, refused);
    const bytes = world.encode(unit);
    for (const peer of this.peers())
      if (!world.sendAccept(peer, round.id, unit, bytes)) round.failed.add(peer);
    this.roundMayEnd(round);
  }

  /** Our own acceptor does not take it: nobody has been asked, so nothing has happened. */
  private refusedHere(round: Round, { vote, promised }: Vote): void {
    this.endRound();
    this.world.name.orphaned(round.unit.keys[0].writer);
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
    if (vote === 'none') {
      round.failed.add(peer);
      // Whether our own disk has it nobody knows.
      if (peer === this.world.self()) this.world.name.orphaned(round.unit.keys[0].writer);
    } else {
      round.failed.delete(peer);
      round.yes.add(peer);
    }
    this.roundMayEnd(round);
  }

  private roundMayEnd(round: Round): void {
    if (this.round !== round) return;
    const { topology, self } = this.world;
    const needed = majority(topology().n);
    if (round.yes.size >= needed && round.yes.has(self())) return this.chosen(round);
    if (!this.isHopeless(round.failed, needed)) return;
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
    this.dropAsk();
    const round = this.endRound();
    this.lease = 0;
    this.inherited = [];
    this.unstable.clear();
    if (round !== null && round.tasks.length > 0) this.doubts.push({ unit: round.unit, tasks: round.tasks });
    if (round !== null) this.wanted = true;
    if (promised.round > this.ballot.round) this.ballot = { ...this.ballot, round: promised.round };
    // Who is disturbed once tries again at once; two that disturb each other leave each other time.
    this.lostInRow++;
    if (this.lostInRow > 1)
      this.notBefore = world.elapsedMs() + world.chance() * BACKOFF_MS * Math.min(this.lostInRow, 10);
    world.plan(this);
  }

  /** What came of a unit that this node holds. */
  resolved(unit: Unit, chosen: boolean): void {
    if (!chosen) for (const { writer } of unit.keys) this.world.name.orphaned(writer);
    const doubt = this.doubts.find((other) => sameUnit(other.unit, unit));
    if (doubt === undefined) return;
    this.doubts = this.doubts.filter((other) => other !== doubt);
    if (chosen) for (const task of doubt.tasks) this.world.end(task, null);
    // Certainly not applied: they run again.
    else this.queue.unshift(...doubt.tasks);
    this.world.plan(this);
  }

  peerDown(peer: number): void {
    const { ask, round } = this;
    if (ask !== null && !ask.answers.has(peer)) {
      ask.failed.add(peer);
      this.askMayEnd(ask);
    }
    if (round !== null && !round.yes.has(peer)) {
      round.failed.add(peer);
      this.roundMayEnd(round);
    }
  }

  /** Some times a second: what nobody waits for any more ends, what was lost on its way is sent again. */
  tick(now: number): void {
    this.expire(now);
    const { ask, round, world } = this;
    const tooOld = now - world.requestTimeout();
    if ((ask !== null && ask.startedMs < tooOld) || (round !== null && round.startedMs < tooOld))
      this.lose(NO_BALLOT);
    else this.resend(now - RESEND_MS);
    this.advance();
  }

  private resend(since: number): void {
    const { ask, round, world } = this;
    if (ask !== null && ask.sentMs <= since) {
      ask.sentMs = world.elapsedMs();
      for (const peer of this.peers()) if (!ask.answers.has(peer)) this.sendAsk(ask, peer);
    }
    if (round !== null && round.sentMs <= since) {
      round.sentMs = world.elapsedMs();
      const bytes = world.encode(round.unit);
      for (const peer of this.peers())
        if (!round.yes.has(peer)) world.sendAccept(peer, round.id, round.unit, bytes);
    }
  }

  private expire(now: number): void {
    const isLate = ({ operation }: Task): boolean => operation.deadline <= now;
    const { world, round } = this;
    if (this.queue.some(isLate)) {
      const late = this.queue.filter(isLate);
      this.queue = this.queue.filter((task) => !isLate(task));
      for (const task of late) world.end(task, notApplied(LOST, task.operation));
    }
    if (round?.tasks.some(isLate)) {
      const late = round.tasks.filter(isLate);
      round.tasks = round.tasks.filter((task) => !isLate(task));
      for (const task of late) world.end(task, doubtful(task.operation));
    }
    for (const doubt of this.doubts) {
      const late = doubt.tasks.filter(isLate);
      doubt.tasks = doubt.tasks.filter((task) => !isLate(task));
      for (const task of late) world.end(task, doubtful(task.operation));
    }
    this.doubts = this.doubts.filter(({ tasks }) => tasks.length > 0);
  }

  private failWaiting(reason: string): void {
    const { queue } = this;
    this.queue = [];
    this.wanted = false;
    for (const task of queue) this.world.end(task, notApplied(reason, task.operation));
  }

  private isHopeless(failed: ReadonlySet<number>, needed: number): boolean {
    if (failed.has(this.world.self())) return true;
    let possible = 1;
    for (const peer of this.peers()) if (!failed.has(peer)) possible++;
    return possible < needed;
  }

  /** The other home replicas that can be asked. */
  private peers(): number[] {
    const { alive, self } = this.world.topology();
    return [...this.world.topology().homes(this.slot)].filter((home) => home !== self && alive[home] === 1);
  }

  private entriesWaiting(): RecordEntry[] {
    const entries = new Set<RecordEntry>();
    for (const task of this.queue.slice(0, MAX_BATCH)) for (const entry of task.entries) entries.add(entry);
    return [...entries];
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

function notApplied(reason: string, { isWrite }: Operation): string {
  return `${reason}; ${isWrite ? 'the write was not applied' : 'nothing was read or written'}`;
}

function doubtful({ isWrite }: Operation): string {
  return `${LOST}; ${isWrite ? 'the write may have been applied' : 'nothing was read'}`;
}
