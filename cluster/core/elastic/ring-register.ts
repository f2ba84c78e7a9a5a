import type { RecordStore } from '../../../storage/record-store.js';
import type { Clock, Log, Random } from '../../environment.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import { type Ballot, NO_BALLOT, readBallot, writeBallot } from '../register/ballot.js';
import { type AcceptedRing, RingAcceptor, type RingVote, type Votes } from './ring-acceptor.js';
import { parseRing, ringText } from './ring-json.js';
import { RingMemory } from './ring-memory.js';
import { type RingChange, type RingChanged, RingProposals } from './ring-proposals.js';
import { everybody, type RingState } from './ring-state.js';

/** A peer is told the ring, or asked for it, at most so often, ms. */
const TELL_AGAIN_MS = 500;
/** While the ring changes somebody by chance is told how far we are so often, ms: news may have been lost. */
const COMPARE_MS = 1000;
const VOTES = ['none', 'yes', 'no'] as const;

/** Who is who, and what becomes of a ring that was decided. */
export interface RingHost {
  /** undefined: there is none yet. */
  readonly ring: RingState | undefined;
  /** By which name this node goes in the ring. */
  readonly ownName: string;
  /** undefined: it was never met. */
  peerOf(name: string): number | undefined;
  nameOf(peer: number): string | undefined;
  /** Puts the ring where a start finds it, synced; the number of the group commit that carries it. */
  keepRing(ring: RingState): number;
  /** From now on this is the ring. */
  useRing(ring: RingState): void;
}

export interface RingRegisterOptions {
  readonly store: RecordStore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly host: RingHost;
  readonly nodeId: string;
  /** This life of this node, for ballots. */
  readonly proposer: string;
  readonly firstRequest: number;
  readonly saved: Votes | undefined;
}

/**
 * Who decides what the next ring is: single-decree Paxos for each epoch, voted on by those whose the slots are in the ring before
 * (`current`), a majority of them. So from every ring there is one way on, whoever proposes, and whoever dies over it.
 *
 * A ring that is decided is kept on the disk before it is used, then told to all by who had it decided; whoever is seen to be behind is told, too. Only decided
 * rings are ever told, so one that skips some epochs is as good.
 */
export class RingRegister {
  readonly beforeRing = true;
  readonly messages = [
    Message.RingTold,
    Message.RingAsk,
    Message.RingPrepare,
    Message.RingPromise,
    Message.RingAccept,
    Message.RingAccepted,
  ];
  readonly acceptor: RingAcceptor;
  private readonly memory: RingMemory;
  private readonly proposals: RingProposals;
  private nextRequest: number;
  /** The newest decided ring that is known, and not yet in use. */
  private learnt: RingState | undefined;
  /** The epoch that was decided here last. */
  private decidedHere = 0;
  private isSaving = false;
  private comparedMs = 0;
  /** When each peer was last told the ring or asked for it. */
  private readonly toldMs = new Map<number, { epoch: number; ms: number }>();
  private readonly askedMs = new Map<number, number>();

  constructor(private readonly options: RingRegisterOptions) {
    const { store, saved, host, random, proposer } = options;
    this.nextRequest = options.firstRequest;
    this.acceptor = new RingAcceptor(store, saved, (epoch) => this.isVoter(epoch));
    this.memory = new RingMemory({
      ring: () => host.ring,
      self: () => host.ownName,
      nodeId: options.nodeId,
      acceptor: this.acceptor,
      ask: (name, epoch) => this.askMemory(name, epoch),
    });
    this.proposals = new RingProposals({
      ring: () => host.ring!,
      proposer,
      chance: () => random.next(),
      prepare: (name, id, epoch, ballot) => this.sendPrepare(name, id, epoch, ballot),
      accept: (name, id, ballot, ring) => this.sendAccept(name, id, ballot, ring),
      decided: (ring) => {
        this.decidedHere = ring.epoch;
        this.learn(ring);
      },
      nextId: () => this.nextId(),
    });
  }

  /** Whether this node may vote on the next ring, as far as it remembers. */
  get remembers(): boolean {
    const { ring } = this.options.host;
    return ring !== undefined && this.acceptor.remembers(ring.epoch + 1);
  }

  /** Changes the ring, unless `change` finds that it is not to be. `done` is called once, in some seconds at the latest. */
  change(change: RingChange, done: RingChanged): void {
    if (this.options.host.ring === undefined) return done('there is no ring yet');
    this.proposals.change(change, this.options.clock.elapsed(), done);
  }

  tick(_: number, elapsedMs: number): void {
    const { ring } = this.options.host;
    this.keepLearnt();
    this.memory.tick(elapsedMs);
    if (ring === undefined) return;
    this.proposals.tick(elapsedMs);
    if (ring.phase === 'stable' || elapsedMs - this.comparedMs < COMPARE_MS) return;
    this.comparedMs = elapsedMs;
    this.askSomebody(ring);
  }

  linkUp(peer: number): void {
    const name = this.options.host.nameOf(peer);
    if (name === undefined) return;
    this.memory.linkUp(name);
    this.proposals.resend(name);
  }

  linkDown(peer: number): void {
    const name = this.options.host.nameOf(peer);
    this.toldMs.delete(peer);
    this.askedMs.delete(peer);
    if (name !== undefined) this.memory.linkDown(name);
  }

  /** A peer is seen to go by the ring of that epoch; 0: by none yet. */
  sawEpoch(peer: number, epoch: number): void {
    const own = this.options.host.ring?.epoch ?? 0;
    if (epoch < own) this.tell(peer);
    else if (epoch > own) this.ask(peer);
  }

  onMessage(type: number, peer: number, body: FrameReader): boolean {
    switch (type) {
      case Message.RingTold:
        return this.onTold(body);
      case Message.RingAsk:
        return this.onAsk(peer, body);
      case Message.RingPrepare:
        return this.onPrepare(peer, body);
      case Message.RingAccept:
        return this.onAccept(peer, body);
      default:
        return this.onVote(type, peer, body);
    }
  }

  // --- the ring ---

  /** A ring that is known to be decided. */
  private learn(ring: RingState): void {
    const { epoch } = this.learnt ?? this.options.host.ring ?? { epoch: 0 };
    if (ring.epoch > epoch) this.learnt = ring;
    this.keepLearnt();
  }

  private keepLearnt(): void {
    const { store, host } = this.options;
    const ring = this.learnt;
    if (ring === undefined || this.isSaving) return;
    this.isSaving = true;
    store.whenOver(host.keepRing(ring), (error) => {
      this.isSaving = false;
      // The disk is tried again with the next tick: until then this node is behind.
      if (error !== null) return;
      if (this.learnt === ring) this.learnt = undefined;
      this.use(ring);
      this.keepLearnt();
    });
  }

  private use(ring: RingState): void {
    const { host, log, clock } = this.options;
    const before = host.ring;
    if (before !== undefined && before.epoch >= ring.epoch) return;
    host.useRing(ring);
    log.info({ epoch: ring.epoch, phase: ring.phase, members: namesOf(ring) }, 'the ring has changed');
    // Whoever was told lets others see that it is further, who then ask: all telling all would be too much in a large ring.
    if (this.decidedHere === ring.epoch) this.tellAll([ring, before ?? ring]);
    this.proposals.ringChanged(ring, clock.elapsed());
  }

  private tellAll(rings: readonly RingState[]): void {
    const { host } = this.options;
    for (const name of new Set(rings.flatMap(namesOf))) {
      const peer = host.peerOf(name);
      if (peer !== undefined && name !== host.ownName) this.tell(peer);
    }
  }

  private tell(peer: number): void {
    const { host, transport, clock } = this.options;
    const { ring } = host;
    const last = this.toldMs.get(peer);
    const now = clock.elapsed();
    if (ring === undefined || (last?.epoch === ring.epoch && now - last.ms < TELL_AGAIN_MS)) return;
    const out = transport.writer(peer);
    if (out === undefined) return;
    this.toldMs.set(peer, { epoch: ring.epoch, ms: now });
    out.begin();
    out.u8(Message.RingTold);
    out.latin1(ringText(ring));
    out.end();
  }

  private onTold(body: FrameReader): boolean {
    const ring = parseRing(body.latin1());
    if (ring === undefined || !body.finished) return false;
    const { host } = this.options;
    // Who belongs to no ring yet waits for one that it belongs to.
    if (host.ring !== undefined || namesOf(ring).includes(host.ownName)) this.learn(ring);
    return true;
  }

  private ask(peer: number): void {
    const { host, transport, clock } = this.options;
    const now = clock.elapsed();
    if (now - (this.askedMs.get(peer) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return;
    const out = transport.writer(peer);
    if (out === undefined) return;
    this.askedMs.set(peer, now);
    out.begin();
    out.u8(Message.RingAsk);
    out.u32(host.ring?.epoch ?? 0);
    out.end();
  }

  private onAsk(peer: number, body: FrameReader): boolean {
    const epoch = body.u32();
    if (!body.finished) return false;
    this.sawEpoch(peer, epoch);
    return true;
  }

  private askSomebody(ring: RingState): void {
    const { host, random } = this.options;
    const others = namesOf(ring).filter((name) => name !== host.ownName);
    const peer = host.peerOf(others[Math.floor(random.next() * others.length)] ?? '');
    if (peer !== undefined) this.ask(peer);
  }

  // --- the vote ---

  private isVoter(epoch: number): boolean {
    const { ring, ownName } = this.options.host;
    return ring?.epoch === epoch - 1 && ring.current.some(({ name }) => name === ownName);
  }

  private askMemory(name: string, epoch: number): number {
    const id = this.nextId();
    this.sendPrepare(name, id, epoch, NO_BALLOT);
    return id;
  }

  private sendPrepare(name: string, id: number, epoch: number, ballot: Ballot): void {
    if (name === this.options.host.ownName)
      return this.acceptor.prepare(epoch, ballot, (vote) =>
        this.proposals.promised(name, id, vote, this.options.clock.elapsed()),
      );
    const out = this.writerTo(name);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.RingPrepare);
    out.u32(id);
    out.u32(epoch);
    writeBallot(out, ballot);
    out.end();
  }

  private sendAccept(name: string, id: number, ballot: Ballot, ring: RingState): void {
    if (name === this.options.host.ownName)
      return this.acceptor.accept(ballot, ring, (vote) =>
        this.proposals.accepted(name, id, vote, this.options.clock.elapsed()),
      );
    const out = this.writerTo(name);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.RingAccept);
    out.u32(id);
    writeBallot(out, ballot);
    out.latin1(ringText(ring));
    out.end();
  }

  private onPrepare(peer: number, body: FrameReader): boolean {
    const id = body.u32();
    const epoch = body.u32();
    const ballot = readBallot(body);
    if (ballot === undefined || !body.finished) return false;
    if (!this.isTheirs(peer, epoch)) return true;
    const answer = (vote: RingVote) => this.answer(Message.RingPromise, peer, id, vote);
    if (ballot.round > 0) this.acceptor.prepare(epoch, ballot, answer);
    else answer({ vote: 'none', ...this.acceptor.about(epoch) });
    return true;
  }

  private onAccept(peer: number, body: FrameReader): boolean {
    const id = body.u32();
    const ballot = readBallot(body);
    const ring = parseRing(body.latin1());
    if (ballot === undefined || ring === undefined || !body.finished) return false;
    if (!this.isTheirs(peer, ring.epoch)) return true;
    this.acceptor.accept(ballot, ring, (vote) => this.answer(Message.RingAccepted, peer, id, vote));
    return true;
  }

  /** Whether the peer asks about the epoch that is voted on here as well; one that is behind is told, from one that is ahead we learn. */
  private isTheirs(peer: number, epoch: number): boolean {
    this.sawEpoch(peer, epoch - 1);
    return this.options.host.ring?.epoch === epoch - 1;
  }

  private answer(type: number, peer: number, id: number, { vote, promised, accepted }: RingVote): void {
    const { host, transport } = this.options;
    const name = host.nameOf(peer);
    const out = transport.writer(peer);
    if (out === undefined || name === undefined) return;
    out.begin();
    out.u8(type);
    out.u32(id);
    out.u8(VOTES.indexOf(vote));
    out.u8((this.acceptor.whole ? 1 : 0) + (this.memory.isFreshFor(name) ? 2 : 0));
    writeBallot(out, promised);
    writeBallot(out, accepted?.ballot ?? NO_BALLOT);
    if (accepted !== null) out.latin1(ringText(accepted.ring));
    out.end();
  }

  private onVote(type: number, peer: number, body: FrameReader): boolean {
    const id = body.u32();
    const vote = VOTES[body.u8()];
    const flags = body.u8();
    const promised = readBallot(body);
    const accepted = readAccepted(body);
    if (vote === undefined || promised === undefined || accepted === undefined || !body.finished)
      return false;
    const name = this.options.host.nameOf(peer);
    if (name === undefined || this.options.host.ring === undefined) return true;
    const answer: RingVote = { vote, promised, accepted };
    const now = this.options.clock.elapsed();
    if (type === Message.RingAccepted) this.proposals.accepted(name, id, answer, now);
    else {
      this.memory.answered(name, id, {
        promised,
        accepted,
        whole: (flags & 1) === 1,
        fresh: (flags & 2) === 2,
      });
      this.proposals.promised(name, id, answer, now);
    }
    return true;
  }

  private writerTo(name: string) {
    const peer = this.options.host.peerOf(name);
    return peer === undefined ? undefined : this.options.transport.writer(peer);
  }

  private nextId(): number {
    const id = this.nextRequest;
    this.nextRequest = id === 0xffffffff ? 1 : id + 1;
    return id;
  }
}

/** null: there is none; undefined: it is garbled. */
function readAccepted(body: FrameReader): AcceptedRing | null | undefined {
  const ballot = readBallot(body);
  if (ballot === undefined || ballot.round === 0) return ballot && null;
  const ring = parseRing(body.latin1());
  return ring && { ballot, ring };
}

function namesOf(ring: RingState): string[] {
  return everybody(ring).map(({ name }) => name);
}
