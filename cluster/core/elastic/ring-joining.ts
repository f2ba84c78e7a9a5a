import type { Log } from '../../environment.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import type { Member } from '../topology.js';
import type { RingControl } from './ring-control.js';

/** A node that wants to be a member asks so often, ms. */
const ASK_MS = 1000;
/** After so many questions in vain it asks another member. */
const PATIENCE = 5;
/** Chars of a node's name, and of an answer, at most. */
const MAX_TEXT = 1024;
/** Nodes at most whose wish to join is being voted on here. */
const MAX_JOINING = 16;

export interface RingJoiningWorld {
  readonly transport: Transport;
  readonly log: Log;
  readonly control: RingControl;
  /** The member that this node is to replace; '': none. */
  readonly replaces: string;
  /** Connected peers that can take this node into their cluster; none, when it is a member. */
  readonly hosts: () => readonly number[];
  /** The member that the peer is to be, as it says. */
  readonly memberAt: (peer: number) => Member | undefined;
  /** The peer is told the ring. */
  readonly tell: (peer: number) => void;
}

/**
 * How a node becomes a member of a cluster that has formed without it: it asks one of the members, again and again, until it is told a ring
 * with itself in it. Whoever is asked has the ring changed.
 */
export class RingJoining {
  readonly messages = [Message.JoinAsk, Message.JoinAnswer];
  readonly beforeRing = true;
  /** What this node was answered last, while it is no member. */
  private answer = '';
  private askedMs = Number.NEGATIVE_INFINITY;
  private asked = 0;
  private readonly underWay = new Set<number>();

  constructor(private readonly world: RingJoiningWorld) {}

  /** Why this node is no member yet of the cluster it has met; null: it is one, or has met none. */
  get waitsFor(): string | null {
    if (this.world.hosts().length === 0) return null;
    return this.answer === '' ? 'no member has answered' : this.answer;
  }

  tick(_: number, elapsedMs: number): void {
    if (elapsedMs - this.askedMs < ASK_MS) return;
    const hosts = this.world.hosts();
    if (hosts.length === 0) return;
    this.askedMs = elapsedMs;
    const out = this.world.transport.writer(hosts[Math.floor(this.asked++ / PATIENCE) % hosts.length]);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.JoinAsk);
    out.latin1(Buffer.from(this.world.replaces).latin1Slice());
    out.end();
  }

  linkDown(peer: number): void {
    this.underWay.delete(peer);
  }

  onMessage(type: number, peer: number, body: FrameReader): boolean {
    const text = Buffer.from(body.latin1(), 'latin1').toString();
    if (!body.finished || text.length > MAX_TEXT) return false;
    if (type === Message.JoinAsk) this.onAsk(peer, text);
    else this.onAnswer(text);
    return true;
  }

  private onAsk(peer: number, replaces: string): void {
    const { control, memberAt, tell } = this.world;
    const member = memberAt(peer);
    if (member === undefined || control.ring() === undefined || this.underWay.has(peer)) return;
    if (this.underWay.size >= MAX_JOINING) return this.tellWhy(peer, 'too many nodes want to join at once');
    this.underWay.add(peer);
    control.join(member, replaces, (failure, note) => {
      this.underWay.delete(peer);
      if (note !== null) this.world.log.warn({ node: member.name }, `taken in, but ${note}`);
      if (failure === null) tell(peer);
      else this.tellWhy(peer, failure);
    });
  }

  private tellWhy(peer: number, why: string): void {
    const out = this.world.transport.writer(peer);
    if (out === undefined) return;
    out.begin();
    out.u8(Message.JoinAnswer);
    out.latin1(Buffer.from(why).latin1Slice().slice(0, MAX_TEXT));
    out.end();
  }

  private onAnswer(why: string): void {
    if (why === this.answer || this.world.hosts().length === 0) return;
    this.answer = why;
    this.world.log.warn({ reason: why }, 'this node cannot join the cluster yet');
  }
}
