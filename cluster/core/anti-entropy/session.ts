import type { RangeList } from '../../../storage/range-list.js';
import { LEAVES } from '../../../storage/slot-trees.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { PeerId } from '../../transport.js';
import type { Taken } from './intake.js';
import { type DifferingRange, differingRanges, leavesOf } from './leaf-compare.js';
import { RangeRepair } from './range-repair.js';
import { countStreamed, type RepairGround } from './responder.js';
import { GROUPS, type SharedSlots, SLOTS_PER_GROUP, type Sum, same } from './shared-slots.js';
import { Depth, End, type SentRecord, type Wire } from './wire.js';
import type { Job, Worker } from './worker.js';

/** A step fails when nothing of its answer was heard for so long. */
const SILENCE_MS = 10_000;
/** Slots whose leaves are compared at once. */
const SLOTS_AT_ONCE = 32;
/** Bits of a mask. */
const DATABASES = 16;
/** Ranges under way at once: enough to hide the way to a peer and back. */
const RANGES_AT_ONCE = 16;

/** What an answer may bring; false from any of them: it makes no sense. */
export interface Answers {
  tree?(body: FrameReader): boolean;
  list?(list: RangeList): boolean;
  record?(sent: SentRecord): boolean;
  end?(records: number, number: number): boolean;
}

/** How far a session has come. */
export class Progress {
  slotsCompared = 0;
  slotsDiffering = 0;
  keysDiffering = 0;
  keysSent = 0;
  keysReceived = 0;
  /** Keys that could not be sent, taken or written. */
  keysFailed = 0;
  /** Slots known to differ and not yet repaired, with the number of their leaves that do; 0: not looked at yet. */
  readonly behind = new Map<number, number>();
}

/** Whose lack is made good: that of this node (`pull`), that of the peer (`push`), or both. */
export type Way = 'both' | 'pull' | 'push';

/** What a session is for. */
export interface SessionPlan {
  /** null: all that both nodes are homes of. */
  readonly slots: readonly number[] | null;
  /** Slots are on the move: it goes by `stream-throttle`, which counts what is sent and what comes. */
  readonly isStream: boolean;
  readonly way: Way;
}

interface Open {
  readonly answers: Answers;
  deadline: number;
}

/** How a session ended: null, or why it could not go on. `refused`: the peer has no time now. */
export type SessionEnd = (failure: string | null, refused: boolean) => void;

/**
 * The asking side of a repair with one peer: compares trees from the top, then repairs what differs (Dynamo 4.7). It is led by
 * what the trees say at the moment of each question, so one that was broken off is simply begun again: what was repaired before
 * no longer differs.
 */
export class Session {
  readonly progress = new Progress();
  closed = false;
  private readonly open = new Map<number, Open>();
  private slots: number[] = [];
  private ranges: DifferingRange[] = [];
  private active = 0;
  /** Leaves have been asked for. */
  private comparing = false;
  private readonly worker: Worker;

  constructor(
    readonly peer: PeerId,
    readonly plan: SessionPlan,
    readonly ground: RepairGround,
    private readonly shared: SharedSlots,
    readonly nextRequest: () => number,
    private readonly ended: SessionEnd,
  ) {
    this.worker = plan.isStream ? ground.streamer : ground.worker;
  }

  start(): void {
    const { slots } = this.plan;
    if (slots === null) return this.askTree(Depth.Root, [], (body) => this.onRoot(readSums(body, 1)));
    this.progress.slotsCompared = slots.length;
    this.repairSlots(slots);
  }

  /** A record that was asked for came, and this became of it. */
  took(taken: Taken): void {
    const { progress, plan, ground } = this;
    if (taken === 'failed') progress.keysFailed++;
    if (taken !== 'added' && taken !== 'changed') return;
    progress.keysReceived++;
    if (plan.isStream) countStreamed(ground.streamed, taken);
  }

  // --- questions and answers ---

  /** Asks the peer; the session fails when it cannot be sent or is not answered in time. */
  ask(
    send: (wire: Wire, peer: PeerId, request: number) => number,
    answers: Answers,
    request = this.nextRequest(),
  ): void {
    if (this.closed) return;
    this.open.set(request, { answers, deadline: this.ground.elapsed() + SILENCE_MS });
    if (send(this.ground.wire, this.peer, request) === 0) this.fail('the peer cannot be sent to');
  }

  /** Asks for records: in a stream not before its throttle allows it. */
  askRecords(send: (wire: Wire, peer: PeerId, request: number) => number, answers: Answers): void {
    if (!this.plan.isStream) return this.ask(send, answers);
    this.work((done) => {
      this.ask(send, answers);
      done(0, 0);
    });
  }

  /** What so many records of a stream would take, going by those that came, in bytes. */
  bytesOf(records: number): number {
    const { received, records: came } = this.worker;
    return came === 0 ? Number.POSITIVE_INFINITY : (records * received) / came;
  }

  /** Queues work on the disk; skipped once the session is over. */
  work(job: Job): void {
    this.worker.add((done) => (this.closed ? done(0, 0) : job(done)));
  }

  /** Whether an answer to this is waited for. */
  awaits(request: number): boolean {
    return this.open.has(request);
  }

  onTree(request: number, body: FrameReader): boolean {
    const open = this.take(request);
    return open === undefined || (open.answers.tree?.(body) ?? false);
  }

  onList(request: number, list: RangeList): boolean {
    const open = this.take(request);
    return open === undefined || (open.answers.list?.(list) ?? false);
  }

  /** `bytes`: of the message. */
  onRecord(sent: SentRecord, bytes: number): boolean {
    const open = this.open.get(sent.request);
    if (open === undefined) return true;
    if (this.plan.isStream) this.worker.charge(bytes);
    open.deadline = this.ground.elapsed() + SILENCE_MS;
    return open.answers.record?.(sent) ?? false;
  }

  onEnd(request: number, what: End, records: number, number: number): boolean {
    const open = this.open.get(request);
    if (open === undefined) return true;
    if (what === End.Working) open.deadline = this.ground.elapsed() + SILENCE_MS;
    else if (what === End.Cannot) this.close('the peer has no time for it', true);
    else {
      this.open.delete(request);
      return open.answers.end?.(records, number) ?? false;
    }
    return true;
  }

  tick(): void {
    const now = this.ground.elapsed();
    for (const { deadline } of this.open.values())
      if (deadline <= now) return this.fail('the peer did not answer in time');
  }

  fail(failure: string): void {
    this.close(failure, false);
  }

  /** It is nobody's fault, and may be begun again. */
  breakOff(reason: string): void {
    this.close(reason, true);
  }

  private take(request: number): Open | undefined {
    const open = this.open.get(request);
    this.open.delete(request);
    return open;
  }

  private close(failure: string | null, refused: boolean): void {
    if (this.closed) return;
    this.closed = true;
    this.open.clear();
    this.ended(failure, refused);
  }

  // --- from the top ---

  private askTree(depth: number, places: readonly number[], then: (body: FrameReader) => boolean): void {
    this.ask((wire, peer, request) => wire.sendTreeAsk(peer, request, depth, places), {
      tree: (body) => body.u8() === depth && then(body),
    });
  }

  private onRoot(theirs: Sum[] | undefined): boolean {
    if (theirs === undefined) return false;
    if (same(theirs[0], this.shared.root())) this.allCompared([]);
    else this.askTree(Depth.Groups, [], (body) => this.onGroups(readSums(body, GROUPS)));
    return true;
  }

  private onGroups(theirs: Sum[] | undefined): boolean {
    if (theirs === undefined) return false;
    const groups: number[] = [];
    for (let group = 0; group < GROUPS; group++)
      if (!same(theirs[group], this.shared.group(group))) groups.push(group);
    if (groups.length === 0) this.allCompared([]);
    else {
      this.askTree(Depth.Slots, groups, (body) =>
        this.onSlots(groups, readSums(body, groups.length * SLOTS_PER_GROUP)),
      );
    }
    return true;
  }

  private onSlots(groups: readonly number[], theirs: Sum[] | undefined): boolean {
    if (theirs === undefined) return false;
    const differing: number[] = [];
    groups.forEach((group, i) => {
      for (let j = 0; j < SLOTS_PER_GROUP; j++) {
        const slot = group * SLOTS_PER_GROUP + j;
        if (this.shared.has[slot] === 0) continue;
        if (!same(theirs[i * SLOTS_PER_GROUP + j], this.shared.slot(slot))) differing.push(slot);
      }
    });
    this.allCompared(differing);
    return true;
  }

  private allCompared(differing: readonly number[]): void {
    this.progress.slotsCompared = this.shared.count;
    this.repairSlots(differing);
  }

  private repairSlots(slots: readonly number[]): void {
    this.progress.slotsDiffering = slots.length;
    for (const slot of slots) this.progress.behind.set(slot, 0);
    this.slots = [...slots];
    this.nextSlots();
  }

  private nextSlots(): void {
    const slots = this.slots.splice(0, SLOTS_AT_ONCE);
    if (slots.length === 0) {
      if (this.active === 0) this.close(null, false);
      return;
    }
    this.comparing = true;
    this.askTree(Depth.Leaves, slots, (body) => this.onLeaves(slots, body));
  }

  private onLeaves(slots: readonly number[], body: FrameReader): boolean {
    this.comparing = false;
    for (const slot of slots) {
      const used = body.u16();
      const ranges: DifferingRange[] = [];
      for (let db = 0; db < DATABASES; db++) {
        const theirs = ((used >> db) & 1) === 1 ? readLeaves(body) : undefined;
        ranges.push(...differingRanges(this.ground.summaries.trees, db, slot, theirs));
      }
      const { behind } = this.progress;
      if (ranges.length === 0) behind.delete(slot);
      else
        behind.set(
          slot,
          ranges.reduce((sum, range) => sum + leavesOf(range), 0),
        );
      this.ranges.push(...ranges);
    }
    if (!body.finished) return false;
    this.pump();
    return true;
  }

  private pump(): void {
    while (this.active < RANGES_AT_ONCE && !this.closed) {
      const range = this.ranges.shift();
      if (range === undefined) break;
      this.active++;
      new RangeRepair(this, range, () => this.rangeDone(range)).start();
    }
    // The next slots are compared before the last ones are done, so that there is always work.
    if (this.ranges.length < RANGES_AT_ONCE && !this.comparing && !this.closed) this.nextSlots();
  }

  private rangeDone(range: DifferingRange): void {
    this.active--;
    const { behind } = this.progress;
    const left = (behind.get(range.slot) ?? 0) - leavesOf(range);
    if (left > 0) behind.set(range.slot, left);
    else behind.delete(range.slot);
    this.pump();
  }
}

/** So many sums to the end of the message; undefined when it has another length. */
function readSums(body: FrameReader, count: number): Sum[] | undefined {
  const sums = Array.from({ length: count }, () => ({ a: body.u32(), b: body.u32() }));
  return body.finished ? sums : undefined;
}

function readLeaves(body: FrameReader): Sum[] {
  return Array.from({ length: LEAVES }, () => ({ a: body.u32(), b: body.u32() }));
}
