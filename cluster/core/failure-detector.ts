import type { Random } from '../environment.js';
import type { PeerId } from '../transport.js';
import { grown } from './grown.js';
import { PhiDetector } from './phi-detector.js';
import { sample } from './sample.js';

/** Others are asked about a peer from this phi on: the answer is there when it would be suspected. */
const ASK_PHI = 1;
/** Members asked whether they hear a silent peer (SWIM's k). */
const ASKED = 3;
/** How long an answer may take. */
const ANSWER_MS = 500;
/** From one question about a peer to the next. */
const ASK_AGAIN_MS = 1000;
/** A silent peer about which nobody can be asked is held down after so long. */
const ALONE_MS = 10_000;
/** A member that has just been let into the ring may be connected with some and not yet with others; nobody is asked about it for so long. */
const NEWCOMER_MS = 3000;
/** Signs of life, each in a tick of its own, after which a silent peer is trusted again. */
const SIGNS_OF_RETURN = 2;

/** What the detector asks and tells. */
export interface DetectorEffects {
  /** A count that rises with everything that arrives from the peer; it may begin anew with a connection. */
  signs(peer: PeerId): number;
  /** Begins, or stops, to be used. */
  usable(peer: PeerId, is: boolean): void;
  /** To be told to the peer itself: whether it is heard here. */
  hearing(peer: PeerId): void;
  /** Asks the peer itself for a sign. */
  probe(peer: PeerId, number: number): void;
  /** Asks `helper` to probe `target`. */
  askFor(helper: PeerId, target: PeerId, number: number): void;
  /** Nobody hears it. */
  down(peer: PeerId): void;
  isDown(peer: PeerId): boolean;
}

/** A question put to other members about a peer that is not heard. */
interface Inquiry {
  readonly number: number;
  readonly peer: PeerId;
  readonly askedAt: number;
  readonly asked: number;
  heard: boolean;
  unheard: number;
}

/**
 * Whom this node can use. A peer is usable while it is connected, heard, and hears us:
 *
 * - a lost connection makes it unusable at once; silence does by phi (Hayashibara 2004), about a second after its last sign;
 * - a peer that says it does not hear us (a wire cut one way) gets no requests: it would not see them;
 * - it is held *down*, which is a statement about the peer and not about our wire, only when others that were asked do not
 *   hear it either (SWIM's indirect probes).
 *
 * Self-doubt (Lifeguard, Dadgar et al. 2018): time is counted in ticks of our own. A node that was stopped, or is too busy to
 * tick in time, has lived through less time than the others and accuses nobody of its own absence.
 */
export class FailureDetector {
  private readonly phi: PhiDetector;
  /** What this node has lived through, ms. */
  private awake = 0;
  /** Who is to be judged at all. */
  private watched = new Uint8Array();
  private connected = new Uint8Array();
  private silent = new Uint8Array();
  /** It says that it does not hear us. */
  private deaf = new Uint8Array();
  private used = new Uint8Array();
  /** Since when it is not usable. */
  private lostAt = new Float64Array();
  /** Until then nobody is asked about it. */
  private sparedUntil = new Float64Array();
  private seen = new Float64Array();
  private returning = new Uint8Array();
  private readonly inquiries = new Map<PeerId, Inquiry>();
  private readonly byNumber = new Map<number, Inquiry>();
  private nextNumber = 1;

  constructor(
    private readonly options: {
      /** From tick to tick, ms. */
      readonly tickMs: number;
      /** A connected peer that has nothing to say is heard so often, ms. */
      readonly heartbeatMs: number;
      readonly threshold: () => number;
      readonly random: Random;
    },
    private readonly effects: DetectorEffects,
  ) {
    this.phi = new PhiDetector(options.heartbeatMs);
  }

  /** The peer is a member from now on. If its link is up already, `linkUp` comes now. */
  watch(peer: PeerId): void {
    this.makeRoom(peer + 1);
    this.watched[peer] = 1;
    this.lostAt[peer] = this.awake;
    // In the beginning everybody has been tried.
    this.sparedUntil[peer] = this.awake === 0 ? 0 : this.awake + NEWCOMER_MS;
  }

  /** The peer is no member any more: whether it is heard or not is nobody's business, and is not told. */
  unwatch(peer: PeerId): void {
    this.watched[peer] = 0;
    this.connected[peer] = 0;
    this.used[peer] = 0;
    this.silent[peer] = 0;
    this.deaf[peer] = 0;
    this.returning[peer] = 0;
    const inquiry = this.inquiries.get(peer);
    if (inquiry !== undefined) this.close(inquiry);
  }

  private makeRoom(peers: number): void {
    this.phi.grow(peers);
    this.watched = grown(this.watched, peers);
    this.connected = grown(this.connected, peers);
    this.silent = grown(this.silent, peers);
    this.deaf = grown(this.deaf, peers);
    this.used = grown(this.used, peers);
    this.lostAt = grown(this.lostAt, peers);
    this.sparedUntil = grown(this.sparedUntil, peers);
    this.seen = grown(this.seen, peers);
    this.returning = grown(this.returning, peers);
  }

  isUsable(peer: PeerId): boolean {
    return this.used[peer] === 1;
  }

  /** Something arrives from it, as far as we know: it is alive, whether or not it hears us. */
  hears(peer: PeerId): boolean {
    return this.connected[peer] === 1 && this.silent[peer] === 0;
  }

  /** Connected, but nothing comes through. */
  missesSigns(peer: PeerId): boolean {
    return this.connected[peer] === 1 && this.silent[peer] === 1;
  }

  phiOf(peer: PeerId): number {
    return this.watched[peer] === 1 ? this.phi.phi(peer, this.awake) : 0;
  }

  /** Usable peers, in no order. */
  usablePeers(): PeerId[] {
    const list: PeerId[] = [];
    for (let peer = 0; peer < this.used.length; peer++) if (this.used[peer] === 1) list.push(peer);
    return list;
  }

  unusablePeers(): PeerId[] {
    const list: PeerId[] = [];
    for (let peer = 0; peer < this.watched.length; peer++)
      if (this.watched[peer] === 1 && this.used[peer] === 0) list.push(peer);
    return list;
  }

  /** There is a connection that works both ways: its handshake has just shown it. */
  linkUp(peer: PeerId): void {
    this.phi.greet(peer, this.awake);
    this.connected[peer] = 1;
    this.silent[peer] = 0;
    this.deaf[peer] = 0;
    this.seen[peer] = this.effects.signs(peer);
    this.judge(peer);
  }

  linkDown(peer: PeerId): void {
    if (this.watched[peer] !== 1) return;
    this.connected[peer] = 0;
    this.judge(peer);
    this.inquire(peer);
  }

  /** The peer says whether it hears us. */
  heardBy(peer: PeerId, hears: boolean): void {
    this.deaf[peer] = hears ? 0 : 1;
    this.judge(peer);
  }

  /** An answer to a probe of ours: `heard` by the peer itself or by a member that asked it. */
  answered(number: number, heard: boolean): void {
    const inquiry = this.byNumber.get(number);
    if (inquiry === undefined) return;
    if (heard) inquiry.heard = true;
    else inquiry.unheard++;
  }

  /** Whether another member may be told that the peer is alive; a doubt is no. */
  vouchesFor(peer: PeerId): boolean {
    return this.hears(peer) && this.phiOf(peer) < ASK_PHI;
  }

  /** Once every `tickMs`. */
  tick(): void {
    this.awake += this.options.tickMs;
    const threshold = this.options.threshold();
    for (let peer = 0; peer < this.watched.length; peer++) {
      if (this.watched[peer] === 0) continue;
      if (this.connected[peer] === 0) this.inquire(peer);
      else this.listen(peer, threshold);
    }
  }

  private listen(peer: PeerId, threshold: number): void {
    const signs = this.effects.signs(peer);
    if (signs !== this.seen[peer]) {
      this.seen[peer] = signs;
      this.phi.heard(peer, this.awake);
      if (this.silent[peer] === 1 && ++this.returning[peer] >= SIGNS_OF_RETURN) this.setSilent(peer, 0);
      return;
    }
    if (this.phi.silence(peer, this.awake) <= this.phi.calmMs) return;
    const phi = this.phi.phi(peer, this.awake);
    if (phi < ASK_PHI) return;
    if (phi >= threshold) {
      this.returning[peer] = 0;
      if (this.silent[peer] === 0) this.setSilent(peer, 1);
    }
    this.inquire(peer);
  }

  private setSilent(peer: PeerId, silent: 0 | 1): void {
    this.silent[peer] = silent;
    this.effects.hearing(peer);
    this.judge(peer);
  }

  private judge(peer: PeerId): void {
    const usable = this.hears(peer) && this.deaf[peer] === 0;
    if (usable === (this.used[peer] === 1)) return;
    this.used[peer] = usable ? 1 : 0;
    if (!usable) this.lostAt[peer] = this.awake;
    this.effects.usable(peer, usable);
  }

  /** Puts the question whether anybody hears the peer, or draws the conclusion from the answers. */
  private inquire(peer: PeerId): void {
    if (this.effects.isDown(peer) || this.awake < this.sparedUntil[peer]) return;
    const inquiry = this.inquiries.get(peer);
    if (inquiry === undefined) {
      this.ask(peer);
      return;
    }
    const waited = this.awake - inquiry.askedAt;
    if (waited >= ANSWER_MS && !inquiry.heard && !this.hears(peer) && this.condemned(inquiry)) {
      this.close(inquiry);
      this.effects.down(peer);
    } else if (waited >= ASK_AGAIN_MS) this.ask(peer);
  }

  private condemned({ peer, asked, unheard }: Inquiry): boolean {
    if (unheard > 0) return true;
    // Nobody answered: perhaps it is us who are cut off.
    return asked === 0 && this.awake - this.lostAt[peer] >= ALONE_MS;
  }

  private ask(peer: PeerId): void {
    const old = this.inquiries.get(peer);
    if (old !== undefined) this.close(old);
    const helpers = sample(
      this.usablePeers().filter((one) => one !== peer),
      ASKED,
      this.options.random,
    );
    const number = this.nextNumber;
    this.nextNumber = number === 0xffffffff ? 1 : number + 1;
    const askedAt = this.awake;
    const inquiry = { number, peer, askedAt, asked: helpers.length, heard: false, unheard: 0 };
    this.inquiries.set(peer, inquiry);
    this.byNumber.set(number, inquiry);
    if (this.connected[peer] === 1) this.effects.probe(peer, number);
    for (const helper of helpers) this.effects.askFor(helper, peer, number);
  }

  private close({ peer, number }: Inquiry): void {
    this.inquiries.delete(peer);
    this.byNumber.delete(number);
  }
}
