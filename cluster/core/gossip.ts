import type { Random } from '../environment.js';
import type { PeerId } from '../transport.js';
import { FailureDetector } from './failure-detector.js';
import {
  type Ack,
  type GossipMessage,
  MAX_STATES,
  type Probe,
  type ProbeAnswer,
  type ProbeRequest,
  type Syn,
} from './gossip-messages.js';
import { type Digest, GossipTable, type MemberState } from './gossip-table.js';
import type { State } from './member-view.js';
import { sample } from './sample.js';

/** Exchanges begun in each round. With three a rumour reaches a thousand members in four or five rounds. */
const FANOUT = 3;
/** A round comes up to so much earlier or later than its time, so that nodes do not march in step. */
const JITTER = 0.1;

export interface GossipOptions {
  readonly self: PeerId;
  /** This node's. */
  readonly name: string;
  readonly generation: number;
  readonly facts: string;
  readonly tickMs: number;
  readonly heartbeatMs: number;
  readonly threshold: () => number;
  /** From round to round, ms. */
  readonly interval: () => number;
  readonly random: Random;
}

/** What gossip asks of the world. */
export interface GossipEffects {
  /** False: it cannot be sent to, for the moment. */
  send(peer: PeerId, message: GossipMessage): boolean;
  signs(peer: PeerId): number;
  usable(peer: PeerId, is: boolean): void;
  /** This node holds it down: nobody hears it. */
  heldDown(peer: PeerId): void;
  /** A reading of the peer's clock, which we asked for at `askedAt` by ours. The peer may be dropped over it. */
  clock(peer: PeerId, theirs: number, askedAt: number): void;
}

/**
 * How all members come to know of all: once a round a few random members compare tables and exchange what the other lacks
 * (Demers et al. 1987, push-pull; the three-way Syn, Ack, Ack2 is Cassandra's). A quiet cluster exchanges sums only.
 *
 * Whom this node uses is decided by what it hears itself (`failure-detector.ts`), never by hearsay; hearsay says who is down
 * for all, and who lives again.
 */
export class Gossip {
  readonly detector: FailureDetector;
  readonly table: GossipTable;
  private untilRound: number;
  private now = 0;

  constructor(
    private readonly options: GossipOptions,
    private readonly effects: GossipEffects,
  ) {
    const { self, name, generation, facts, random } = options;
    this.table = new GossipTable(self, name, generation, facts);
    this.detector = new FailureDetector(options, {
      signs: (peer) => effects.signs(peer),
      usable: (peer, is) => effects.usable(peer, is),
      hearing: (peer) => this.greet(peer),
      probe: (target, number) => void effects.send(target, { kind: 'probe', number, asker: self }),
      askFor: (helper, target, number) =>
        void effects.send(helper, { kind: 'probe-request', number, target }),
      isDown: (peer) => this.table.isDown(peer),
      down: (peer) => {
        this.table.accuse(peer);
        effects.heldDown(peer);
      },
    });
    this.untilRound = options.interval() * random.next();
  }

  /**
   * The members are these from now on, beside this node: by number, with a hole for each number that is nobody's. What is known of those
   * who stay is kept. Those who are gone are not told to be lost; of those who are new the links that are up are told then.
   */
  setMembers(names: readonly (string | undefined)[]): void {
    const { self } = this.options;
    for (const member of this.table.members) {
      if (member === self || names[member] !== undefined) continue;
      this.table.remove(member);
      this.detector.unwatch(member);
    }
    names.forEach((name, member) => {
      if (name === undefined || this.table.has(member)) return;
      this.table.add(member, name);
      this.detector.watch(member);
    });
  }

  stateOf(peer: PeerId): State {
    if (peer === this.options.self || this.detector.isUsable(peer)) return 'up';
    return this.table.isDown(peer) && !this.detector.hears(peer) ? 'down' : 'suspect';
  }

  /** Of a member. */
  linkUp(peer: PeerId, now: number): void {
    this.now = now;
    this.detector.linkUp(peer);
    this.greet(peer);
  }

  linkDown(peer: PeerId): void {
    this.detector.linkDown(peer);
  }

  /** Once every `tickMs`. */
  tick(now: number): void {
    this.now = now;
    this.detector.tick();
    this.untilRound -= this.options.tickMs;
    if (this.untilRound > 0) return;
    const { interval, random } = this.options;
    this.untilRound = interval() * (1 - JITTER + 2 * JITTER * random.next());
    this.round();
  }

  receive(peer: PeerId, message: GossipMessage, now: number): void {
    this.now = now;
    if (!this.table.has(peer)) return;
    switch (message.kind) {
      case 'syn':
        return this.onSyn(peer, message);
      case 'ack':
        return this.onAck(peer, message);
      case 'ack2':
        return this.merge(peer, message.states);
      case 'probe-request':
        return this.onProbeRequest(peer, message);
      case 'probe':
        return this.onProbe(peer, message);
      case 'probe-answer':
        return this.onProbeAnswer(message);
    }
  }

  private round(): void {
    const { random } = this.options;
    for (const peer of sample(this.detector.usablePeers(), FANOUT, random)) this.syn(peer, null);
    // Whoever is thought lost may be there again, and be the last to hear what is said of it.
    for (const peer of sample(this.detector.unusablePeers(), 1, random)) this.syn(peer, null);
  }

  /** Tells one peer how new we are and whether we hear it. All else can wait for a round: there may be a thousand such peers. */
  private greet(peer: PeerId): void {
    this.syn(peer, [this.table.digest(this.options.self)]);
  }

  private syn(peer: PeerId, digests: readonly Digest[] | null): void {
    const { sumA, sumB } = this.table;
    this.effects.send(peer, { kind: 'syn', ...this.header(peer), sumA, sumB, digests });
  }

  private header(peer: PeerId): { clock: number; hears: boolean } {
    return { clock: this.now, hears: !this.detector.missesSigns(peer) };
  }

  private onSyn(peer: PeerId, { clock, hears, sumA, sumB, digests }: Syn): void {
    this.detector.heardBy(peer, hears);
    const same = sumA === this.table.sumA && sumB === this.table.sumB;
    if (!same && digests === null) return this.syn(peer, this.table.digests());
    const states: MemberState[] = [];
    const wanted: PeerId[] = [];
    for (const digest of same ? [] : digests!) {
      if (!this.table.has(digest.member)) continue;
      const order = this.table.compare(digest);
      if (order > 0) states.push(this.table.state(digest.member));
      else if (order < 0) wanted.push(digest.member);
    }
    this.effects.send(peer, {
      kind: 'ack',
      ...this.header(peer),
      echo: clock,
      states: sample(states, MAX_STATES, this.options.random),
      wanted: sample(wanted, MAX_STATES, this.options.random),
    });
  }

  private onAck(peer: PeerId, { clock, hears, echo, states, wanted }: Ack): void {
    this.detector.heardBy(peer, hears);
    this.merge(peer, states);
    const asked = wanted.filter((member) => this.table.has(member)).slice(0, MAX_STATES);
    if (asked.length > 0)
      this.effects.send(peer, { kind: 'ack2', states: asked.map((member) => this.table.state(member)) });
    this.effects.clock(peer, clock, echo);
  }

  private merge(from: PeerId, states: readonly MemberState[]): void {
    const { self } = this.options;
    for (const state of states) {
      const isNews = this.table.merge(state, this.now);
      // We were accused, and have refuted it.
      if (isNews && state.member === self)
        this.effects.send(from, { kind: 'ack2', states: [this.table.state(self)] });
    }
  }

  private onProbeRequest(from: PeerId, { number, target }: ProbeRequest): void {
    const asker = from;
    if (!this.detector.vouchesFor(target)) {
      // It is probed all the same, as far as it can be: an answer overrules this one.
      this.effects.send(from, { kind: 'probe-answer', number, asker, heard: false });
    }
    this.effects.send(target, { kind: 'probe', number, asker });
  }

  private onProbe(from: PeerId, { number, asker }: Probe): void {
    this.effects.send(from, { kind: 'probe-answer', number, asker, heard: true });
  }

  private onProbeAnswer(message: ProbeAnswer): void {
    const { asker, number, heard } = message;
    if (asker === this.options.self) this.detector.answered(number, heard);
    else this.effects.send(asker, message);
  }
}
