import type { State } from '../member-view.js';
import type { RingShape } from '../ring-homes.js';
import type { RingChange } from '../ring-plan.js';
import type { Member } from '../topology.js';
import { stepTowards, targetOf, undone } from './ring-changes.js';
import type { RingRegister } from './ring-register.js';
import { everybody, type RingState } from './ring-state.js';

/** `failure`: why it is not so, or that nobody knows; null: the ring is changing, or has. `note`: what whoever asked should know. */
export type RingControlDone = (failure: string | null, note: string | null) => void;

export interface RingControlWorld {
  readonly register: RingRegister;
  readonly ring: () => RingState | undefined;
  /** Everybody in the ring as last met. */
  readonly members: () => readonly Member[];
  /** Nodes that are connected and want to be members. */
  readonly applicants: () => readonly Member[];
  /** What this node holds a member for. */
  readonly stateOf: (name: string) => State;
  /** All who live know the present ring: it may change again (`RingDriver.isKnown`). */
  readonly isKnown: () => boolean;
  readonly shape: RingShape;
}

/** So long what is asked for waits until all know of the change before it, ms: who misses two in a row is refused by all. */
const PATIENCE_MS = 15_000;
/** Requests that wait for it at most. */
const MAX_WAITING = 64;

interface Waiting {
  readonly run: () => void;
  readonly giveUp: () => void;
  deadline: number;
}

/**
 * Changes of the ring as people ask for them. Each begins a change (`done` is called when it has begun), adds to one that is still copying, or
 * is refused. Nodes go by their bus address, their client address or their id.
 */
export class RingControl {
  readonly messages = [];
  private readonly waiting: Waiting[] = [];
  private nowMs = 0;

  constructor(private readonly world: RingControlWorld) {}

  onMessage(): boolean {
    return false;
  }

  /** What waits for it goes on, one at a time. */
  tick(_: number, elapsedMs: number): void {
    this.nowMs = elapsedMs;
    while (this.waiting.length > 0 && this.waiting[0].deadline <= elapsedMs) this.waiting.shift()!.giveUp();
    if (this.waiting.length > 0 && this.world.isKnown()) this.waiting.shift()!.run();
  }

  ring(): RingState | undefined {
    return this.world.ring();
  }

  /** Takes in a node, or with `replaces` puts it in the place of a member that is down. */
  join(member: Member, replaces: string, done: RingControlDone): void {
    if (replaces !== '') return this.putInPlace(member, replaces, done);
    this.change({ kind: 'join', member }, done);
  }

  /** It hands over what it has, and goes. */
  leave(node: string, done: RingControlDone): void {
    const name = this.nameOf(node);
    if (this.isAway(name))
      return done(`${name} is ${this.world.stateOf(name)}: it cannot hand over what it has; remove it`, null);
    this.change({ kind: 'leave', name }, done);
  }

  /** It is gone for good: others take over from those that are left. */
  remove(node: string, done: RingControlDone): void {
    const name = this.nameOf(node);
    const refusal = this.mustBeDown(name, 'it can hand over what it has: let it leave');
    if (refusal !== null) return done(refusal, null);
    this.change({ kind: 'remove', name }, done);
  }

  /** A node that wants to be a member takes the place of one that is down. */
  replace(node: string, applicant: string, done: RingControlDone): void {
    const found = this.world.applicants().find((one) => goesBy(one, applicant));
    if (found === undefined) return done(`${applicant} is not a node that waits to join`, null);
    this.putInPlace(found, node, done);
  }

  weight(node: string, weight: number, done: RingControlDone): void {
    const name = this.nameOf(node);
    this.change({ kind: 'weight', name, weight }, done);
  }

  rollback(done: RingControlDone): void {
    this.whenKnown(done, () => this.world.register.change(undone, (failure) => done(failure, null)));
  }

  private putInPlace(member: Member, node: string, done: RingControlDone): void {
    const name = this.nameOf(node);
    // Where it has begun already the other may be gone.
    const members = this.world.members();
    const isKnown = members.some((one) => one.name === member.name);
    const rack = members.find((one) => one.name === name)?.rack;
    const refusal = isKnown ? null : this.mustBeDown(name, 'it is not replaced while it lives');
    if (refusal !== null) return done(refusal, null);
    const moves = rack !== undefined && member.rack !== '' && member.rack !== rack;
    const note = moves ? `rack ${member.rack} is not that of ${name} (${rack || 'none'}): slots move` : null;
    this.change({ kind: 'replace', name, by: member }, (failure, other) => done(failure, other ?? note));
  }

  private change(change: RingChange<Member>, done: RingControlDone): void {
    const { register, shape } = this.world;
    this.whenKnown(done, () =>
      register.change(
        (ring) => stepTowards(ring, change, shape),
        (failure) => done(failure, failure === null ? this.note() : null),
      ),
    );
  }

  private whenKnown(done: RingControlDone, run: () => void): void {
    const { world, waiting } = this;
    if (waiting.length === 0 && (world.ring() === undefined || world.isKnown())) return run();
    if (waiting.length >= MAX_WAITING) return done('too many changes of the ring are waiting already', null);
    const giveUp = (): void => done('members that are up do not know the present ring yet: try again', null);
    waiting.push({ run, giveUp, deadline: this.nowMs + PATIENCE_MS });
  }

  private note(): string | null {
    const ring = this.world.ring();
    const left = ring && targetOf(ring)?.length;
    const { replicas } = this.world.shape;
    if (left === undefined || left >= replicas) return null;
    return `${left} members are fewer than ${replicas} replicas: each key has only ${left}`;
  }

  private mustBeDown(name: string, otherwise: string): string | null {
    if (!this.isKnown(name)) return `unknown node ${name}`;
    const state = this.world.stateOf(name);
    if (state === 'up') return `${name} is up: ${otherwise}`;
    return state === 'suspect' ? `${name} is not known to be down yet: try again in some seconds` : null;
  }

  private isAway(name: string): boolean {
    return this.isKnown(name) && this.world.stateOf(name) !== 'up';
  }

  private isKnown(name: string): boolean {
    const ring = this.world.ring();
    return ring !== undefined && everybody(ring).some((member) => member.name === name);
  }

  private nameOf(node: string): string {
    return this.world.members().find((member) => goesBy(member, node))?.name ?? node;
  }
}

function goesBy({ name, nodeId, clientAddress }: Member, node: string): boolean {
  return name === node || nodeId === node.toLowerCase() || clientAddress === node;
}
