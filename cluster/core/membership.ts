import type { RingShape } from './ring-homes.js';
import { seatAll } from './ring-seats.js';
import { isWeight } from './ring-tokens.js';
import type { Member } from './topology.js';

/** What nodes tell each other when they meet, and whenever it changes. */
export interface Greeting {
  readonly nodeId: string;
  readonly incarnation: number;
  /** Which start of its data folder this is, and a number by chance for it: see `lives.ts`. */
  readonly life: number;
  readonly boot: number;
  /** The sender's clock when it wrote this, Unix ms. */
  readonly clock: number;
  readonly busAddress: string;
  readonly clientAddress: string;
  readonly rack: string;
  readonly weight: number;
  /** What must be equal in the whole cluster. */
  readonly shared: Readonly<Record<string, string | number>>;
  /** Bus addresses of all members this node knows of, sorted. */
  readonly addresses: readonly string[];
  /** For this node the cluster has formed: it answers requests from now on. Before, it cannot. */
  readonly formed: boolean;
}

/** In the greeting of a node that does not know yet by which of the seeds it goes. */
export const UNKNOWN_ADDRESS = '';

/** The cluster is this. Kept on disk: a restart needs nobody to know it. */
export interface MemberList {
  readonly members: readonly Member[];
}

/**
 * How a static cluster comes together: the addresses given as seeds and those that the others were given are one list; once
 * every address has been reached and every node behind them has the same list, it is the cluster, and stays it.
 *
 * Promise: no node serves before all agree on who is a member, so no two nodes ever use different rings.
 */
export class Membership {
  private readonly addresses = new Set<string>();
  private readonly greetings = new Map<string, Greeting>();
  private ownAddress: string | undefined;
  /** Seeds whose first dialling has not ended: one of them may be this node itself. */
  private readonly untried: Set<string>;
  private formed: Member[] | undefined;
  /** It knows the members from a life before, and has not tried all of them yet. */
  private settling: boolean;

  constructor(
    private readonly own: () => Omit<Greeting, 'addresses' | 'busAddress' | 'formed'>,
    /** How others reach this node, should no seed turn out to be it. */
    private readonly announced: string,
    seeds: readonly string[],
    saved: MemberList | undefined,
    private readonly shape: RingShape,
  ) {
    for (const seed of seeds) this.addresses.add(seed);
    this.untried = new Set(saved === undefined ? seeds : []);
    this.settling = saved !== undefined;
    if (seeds.length === 0) this.learnOwnAddress(announced);
    if (saved === undefined) return;
    // Folders of before members had tokens of their own: then their names were what tokens are made from.
    this.formed = saved.members.map((member) => ({ ...member, tokens: member.tokens ?? member.name }));
    for (const member of saved.members) this.addresses.add(member.busAddress);
    this.ownAddress = saved.members.find((member) => member.nodeId === own().nodeId)?.busAddress;
  }

  /** Everybody to keep a connection with. */
  get known(): readonly string[] {
    return [...this.addresses];
  }

  /** The members, once the cluster has formed. */
  get members(): readonly Member[] | undefined {
    return this.formed;
  }

  /** It has met all members that it could. */
  settled(): void {
    this.settling = false;
  }

  /** Addresses that have not been reached yet, for the log and for clients' errors. */
  get missing(): readonly string[] {
    const reached = new Set([...this.greetings.values()].map((greeting) => greeting.busAddress));
    return [...this.addresses]
      .filter((address) => address !== this.ownAddress && !reached.has(address))
      .sort();
  }

  greeting(): Greeting {
    return {
      ...this.own(),
      busAddress: this.knowsItself ? (this.ownAddress ?? this.announced) : UNKNOWN_ADDRESS,
      addresses: [...this.addresses].sort(),
      formed: this.formed !== undefined && !this.settling,
    };
  }

  /**
   * Whether this node knows by which of the seeds it goes. Before that it must not greet anybody: under another spelling of its
   * address (a host name, say) it would be one member more.
   */
  get knowsItself(): boolean {
    return this.ownAddress !== undefined || this.untried.size === 0;
  }

  /** Dialling this address has ended, however. True when this node knows itself since then. */
  tried(address: string): boolean {
    return this.untried.delete(address) && this.knowsItself;
  }

  /** Dialling this address reached ourselves. */
  learnOwnAddress(address: string): void {
    this.ownAddress = address;
    this.addresses.add(address);
  }

  /** Why a node cannot be talked to; null when it can. */
  objection(greeting: Greeting): string | null {
    const own = this.own();
    for (const [name, value] of Object.entries(own.shared)) {
      const theirs = greeting.shared[name];
      if (theirs !== value)
        return `setting ${name} must be the same on all nodes: it is ${value} here and ${theirs} there`;
    }
    if (this.formed === undefined) return null;
    const place = this.formed.find((member) => member.busAddress === greeting.busAddress);
    if (place !== undefined) return null;
    const list = this.formed.map((member) => member.busAddress).join(', ');
    return `${greeting.busAddress} is not a member: this cluster has formed of ${list}`;
  }

  /** A node is let in: its address belongs to the list from now on, whatever becomes of the connection. */
  letIn(greeting: Greeting): void {
    if (this.formed === undefined) this.addresses.add(greeting.busAddress);
  }

  /** A node that has been met, or has news. True when our own greeting has changed by it. */
  met(greeting: Greeting): boolean {
    this.forgetPredecessor(greeting);
    this.greetings.set(greeting.nodeId, greeting);
    if (this.formed !== undefined) return this.replaceIdentity(greeting);
    const before = this.addresses.size;
    this.addresses.add(greeting.busAddress);
    for (const address of greeting.addresses) this.addresses.add(address);
    return this.addresses.size > before;
  }

  /** Forms the cluster if all is known and agreed. True when it has just been formed. */
  tryToForm(): boolean {
    if (this.formed !== undefined) return false;
    const mine = this.greeting();
    if (!this.addresses.has(mine.busAddress)) {
      // Everybody was reached and none was us: we are one more.
      if (this.missing.length > 0) return false;
      this.learnOwnAddress(this.announced);
      return this.tryToForm();
    }
    if (this.ownAddress === undefined || this.missing.length > 0) return false;
    const all = [this.greeting(), ...this.greetings.values()].filter((one) =>
      this.addresses.has(one.busAddress),
    );
    const list = this.greeting().addresses.join();
    if (all.some((one) => one.addresses.join() !== list)) return false;
    this.formed = seatAll(all.map(memberOf), this.shape);
    return true;
  }

  /** Who was at this address before is gone: its word on the members would never change again. */
  private forgetPredecessor({ nodeId, busAddress }: Greeting): void {
    for (const [other, greeting] of this.greetings)
      if (other !== nodeId && greeting.busAddress === busAddress) this.greetings.delete(other);
  }

  /**
   * A member's address now has another identity: its disk was lost. What places it on the ring stays: nodes that learn of a new rack or
   * weight at different times would use different rings.
   */
  private replaceIdentity(greeting: Greeting): boolean {
    const at = this.formed!.findIndex((member) => member.busAddress === greeting.busAddress);
    if (at < 0) return false;
    const old = this.formed![at];
    const { tokens, rack, weight } = old;
    this.formed![at] = { ...memberOf(greeting), tokens, rack, weight };
    return old.nodeId !== greeting.nodeId;
  }
}

function memberOf(greeting: Greeting): Member {
  return {
    name: greeting.busAddress,
    tokens: greeting.busAddress,
    nodeId: greeting.nodeId,
    busAddress: greeting.busAddress,
    clientAddress: greeting.clientAddress,
    rack: greeting.rack,
    weight: greeting.weight,
  };
}

/** A greeting that another node sent; undefined when it is none. */
export function parseGreeting(text: string): Greeting | undefined {
  let value: Partial<Greeting> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const strings = [value.nodeId, value.busAddress, value.clientAddress, value.rack];
  if (strings.some((text) => typeof text !== 'string')) return undefined;
  if (
    [value.incarnation, value.life, value.boot, value.clock].some((number) => !Number.isSafeInteger(number))
  )
    return undefined;
  if (typeof value.formed !== 'boolean') return undefined;
  if (!isWeight(value.weight)) return undefined;
  if (!Array.isArray(value.addresses) || value.addresses.some((one) => typeof one !== 'string'))
    return undefined;
  if (typeof value.shared !== 'object' || value.shared === null) return undefined;
  return value as Greeting;
}
