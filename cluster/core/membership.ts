import { everybody, firstRing, type RingState } from './elastic/ring-state.js';
import { seatAll } from './ring-seats.js';
import { isWeight } from './ring-tokens.js';
import { type LastingShape, nameOfCluster, namesOf, type SavedRing } from './saved-ring.js';
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
  /** Bus addresses of all members this node knows of, sorted; once there is a ring, of some of those in it. */
  readonly addresses: readonly string[];
  /** For this node the cluster has formed: it answers requests from now on. Before, it cannot. */
  readonly formed: boolean;
  /** It stops: it still answers what it was asked, and shall be asked nothing more. Nodes of before do not say it. */
  readonly stopping?: boolean;
  /** Of the ring it goes by; 0: of none yet. */
  readonly epoch: number;
  /** Which cluster that is: made of the names in its first ring; '' while there is none. */
  readonly cluster: string;
}

/** In the greeting of a node that does not know yet by which of the seeds it goes. */
export const UNKNOWN_ADDRESS = '';

/** Names of members in a greeting at most, once there is a ring: whoever is in it is told all of it. */
const MAX_NAMED = 64;

/** The bus port of a node that was started without seeds: it does not listen. */
const NO_PORT = /:0$/;

/**
 * How a cluster comes together, and who is in it. The first one is static: the addresses given as seeds and those that the others were given
 * are one list; once every address has been reached and every node behind them has the same list, it is the cluster, with the ring of epoch
 * 1. From then on only the register of the ring changes it (`elastic/ring-register.ts`); who comes later applies for membership.
 *
 * Promise: no node serves before it knows a ring with itself in it, and of each epoch there is one ring.
 */
export class Membership {
  private readonly addresses = new Set<string>();
  private readonly greetings = new Map<string, Greeting>();
  private ownAddress: string | undefined;
  /** Seeds whose first dialling has not ended: one of them may be this node itself. */
  private readonly untried: Set<string>;
  private ringNow: RingState | undefined;
  private clusterName = '';
  /** Everybody in the ring as last met, by name. */
  private readonly faces = new Map<string, Member>();
  /** It knows the ring from a life before, or was told it, and has not tried all members yet. */
  private settling = false;
  private stopping = false;
  /** The ring of a node that was alone, and is to be reached by others from now on: it gets the name by which they know it. */
  private nameless: SavedRing | undefined;

  constructor(
    private readonly own: () => Omit<
      Greeting,
      'addresses' | 'busAddress' | 'formed' | 'stopping' | 'epoch' | 'cluster'
    >,
    /** How others reach this node, should no seed turn out to be it. */
    private readonly announced: string,
    seeds: readonly string[],
    saved: SavedRing | undefined,
    private readonly shape: LastingShape,
  ) {
    const wasUnreachable = saved?.members.every(({ name }) => NO_PORT.test(name));
    if (wasUnreachable && seeds.length > 0) this.nameless = saved;
    for (const seed of seeds) this.addresses.add(seed);
    this.untried = new Set(saved === undefined || this.nameless !== undefined ? seeds : []);
    if (seeds.length === 0) this.learnOwnAddress(announced);
    if (saved === undefined || this.nameless !== undefined) return;
    this.ringNow = saved.ring;
    this.clusterName = saved.cluster;
    this.settling = true;
    for (const member of saved.members) this.faces.set(member.name, member);
    this.ownAddress = saved.members.find((member) => member.nodeId === own().nodeId)?.name;
  }

  /** Everybody to keep a connection with. */
  get known(): readonly string[] {
    return this.ringNow === undefined ? [...this.addresses] : namesOf(this.ringNow);
  }

  /** Who is in the cluster, once it has formed. */
  get ring(): RingState | undefined {
    return this.ringNow;
  }

  /** The name by which this node goes in the ring. */
  get ownName(): string {
    return this.ownAddress ?? this.announced;
  }

  get inRing(): boolean {
    return this.has(this.ownName);
  }

  /** Whether the ring has a member of that name. */
  has(name: string): boolean {
    return this.faces.has(name);
  }

  /** Everybody in the ring as last met. */
  get members(): readonly Member[] {
    return [...this.faces.values()].map((member) => this.faceOf(member));
  }

  /** What this node is set up with, but is not in the ring with: there only a change of the ring changes it. */
  get overruled(): readonly string[] {
    const placed = this.faces.get(this.ownName);
    if (placed === undefined || this.faces.size === 1) return [];
    const { rack, weight } = this.own();
    const found: string[] = [];
    if (rack !== '' && rack !== placed.rack)
      found.push(
        `rack is ${rack}, but in the ring this node is in rack '${placed.rack}': to change it, let it leave, and join again with an empty folder`,
      );
    // 1 is also what it is when nobody has said anything.
    if (weight !== 1 && weight !== placed.weight)
      found.push(
        `weight is ${weight}, but in the ring this node has ${placed.weight}: KV.WEIGHT, or ringkv weight, changes it`,
      );
    return found;
  }

  /** Seeds that are not in the ring. */
  get strays(): readonly string[] {
    return [...this.addresses].filter((address) => !this.has(address));
  }

  /** To be kept on the disk with this ring, which may be newer than the one in use. */
  saved(ring: RingState): SavedRing {
    const members = everybody(ring).map((member) => this.faceOf(this.faces.get(member.name) ?? member));
    return { ring, cluster: this.clusterName || nameOfCluster(ring), members, shape: this.shape };
  }

  /** It goes by this ring from now on. */
  adopt(ring: RingState): void {
    if (this.ringNow === undefined) this.settling = true;
    this.ringNow = ring;
    this.clusterName ||= nameOfCluster(ring);
    const members = everybody(ring).map((member) => this.faces.get(member.name) ?? member);
    this.faces.clear();
    for (const member of members) this.faces.set(member.name, member);
  }

  /** This node is to be asked nothing more. */
  stops(): void {
    this.stopping = true;
  }

  /** It has met all members that it could. */
  settled(): void {
    this.settling = false;
  }

  /** Addresses that have not been reached yet, for the log and for clients' errors. */
  get missing(): readonly string[] {
    const reached = new Set([...this.greetings.values()].map((greeting) => greeting.busAddress));
    return this.known.filter((address) => address !== this.ownAddress && !reached.has(address)).sort();
  }

  /** Members of a cluster that has formed without this node, while it belongs to none: one of them can take it in. */
  get hosts(): readonly string[] {
    if (this.ringNow !== undefined || !this.knowsItself) return [];
    return [...this.greetings.values()]
      .filter(({ formed, addresses }) => formed && !addresses.includes(this.ownName))
      .map(({ busAddress }) => busAddress)
      .sort();
  }

  greeting(): Greeting {
    return {
      ...this.own(),
      busAddress: this.knowsItself ? this.ownName : UNKNOWN_ADDRESS,
      addresses: [...this.known].sort().slice(0, this.ringNow === undefined ? undefined : MAX_NAMED),
      formed: this.ringNow !== undefined && !this.settling,
      ...(this.stopping ? { stopping: true } : {}),
      epoch: this.ringNow?.epoch ?? 0,
      cluster: this.clusterName,
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
    const isNews = this.untried.delete(address) && this.knowsItself;
    this.nameAlone();
    return isNews;
  }

  /** Dialling this address reached ourselves. */
  learnOwnAddress(address: string): void {
    this.ownAddress = address;
    this.addresses.add(address);
    this.nameAlone();
  }

  /** Why a node cannot be talked to; null when it can. */
  objection(greeting: Greeting): string | null {
    const own = this.own();
    for (const [name, value] of Object.entries(own.shared)) {
      const theirs = greeting.shared[name];
      if (theirs !== value)
        return `setting ${name} must be the same on all nodes: it is ${value} here and ${theirs} there`;
    }
    if (this.clusterName === '' || greeting.cluster === '' || this.clusterName === greeting.cluster)
      return null;
    return `${greeting.busAddress} belongs to another cluster than ${this.ownName}`;
  }

  /** A node is let in: its address belongs to the list from now on, whatever becomes of the connection. */
  letIn(greeting: Greeting): void {
    if (this.ringNow === undefined) this.addresses.add(greeting.busAddress);
  }

  /** A node that has been met, or has news. True when our own greeting, or what is kept on the disk, has changed by it. */
  met(greeting: Greeting): boolean {
    this.forgetPredecessor(greeting);
    this.greetings.set(greeting.nodeId, greeting);
    if (this.ringNow !== undefined) return this.replaceIdentity(greeting);
    // From now on it is to belong to that one.
    if (greeting.cluster !== '') this.clusterName = greeting.cluster;
    const before = this.addresses.size;
    this.addresses.add(greeting.busAddress);
    for (const address of greeting.addresses) this.addresses.add(address);
    return this.addresses.size > before;
  }

  /**
   * Forms the first cluster if all is known and agreed. True when it has just been formed. Who is reached by others and knows of none of them
   * forms one of its own only if it `mayBeAlone`: it may have lost its disk, and be about to be met.
   */
  tryToForm(mayBeAlone = false): boolean {
    if (this.ringNow !== undefined) return false;
    if (!this.addresses.has(this.greeting().busAddress)) {
      // Everybody was reached and none was us: we are one more.
      if (this.missing.length > 0) return false;
      this.learnOwnAddress(this.announced);
      return this.tryToForm(mayBeAlone);
    }
    if (this.ownAddress === undefined || this.missing.length > 0) return false;
    const all = [this.greeting(), ...this.greetings.values()].filter((one) =>
      this.addresses.has(one.busAddress),
    );
    if (all.length === 1 && !mayBeAlone && !NO_PORT.test(this.ownAddress)) return false;
    const list = this.greeting().addresses.join();
    // Whoever has a ring tells it: made of what the nodes say of themselves today, the first one might not be the same.
    if (all.some((one) => one.addresses.join() !== list || one.epoch > 0)) return false;
    this.adopt(firstRing(seatAll(all.map(memberOf), this.shape)));
    this.settling = false;
    return true;
  }

  /** A node that was alone knows by now how others reach it: under that name it goes on as the cluster it was. */
  private nameAlone(): void {
    if (this.nameless === undefined || !this.knowsItself) return;
    const { ring, cluster } = this.nameless;
    this.nameless = undefined;
    this.ownAddress = this.ownName;
    const member = memberOf(this.greeting());
    this.clusterName = cluster;
    this.adopt({ ...firstRing([member]), epoch: ring.epoch + 1 });
    this.settling = false;
  }

  /** This node knows best who it is. */
  private faceOf(member: Member): Member {
    if (member.name !== this.ownName) return member;
    const { nodeId, clientAddress } = this.own();
    return { ...member, nodeId, clientAddress };
  }

  /** Who was at this address before is gone: its word on the members would never change again. */
  private forgetPredecessor({ nodeId, busAddress }: Greeting): void {
    for (const [other, greeting] of this.greetings)
      if (other !== nodeId && greeting.busAddress === busAddress) this.greetings.delete(other);
  }

  /** A member's address now has another identity: its disk was lost. What places it on the ring stays. */
  private replaceIdentity({ busAddress, nodeId, clientAddress }: Greeting): boolean {
    const old = this.faces.get(busAddress);
    if (old === undefined) return false;
    this.faces.set(busAddress, { ...old, nodeId, clientAddress });
    return old.nodeId !== nodeId;
  }
}

/** The member that a node is to be, as it says. */
export function memberOf(greeting: Greeting): Member {
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
  const strings = [value.nodeId, value.busAddress, value.clientAddress, value.rack, value.cluster];
  if (strings.some((text) => typeof text !== 'string')) return undefined;
  if (
    [value.incarnation, value.life, value.boot, value.clock].some((number) => !Number.isSafeInteger(number))
  )
    return undefined;
  if (typeof value.formed !== 'boolean' || !Number.isSafeInteger(value.epoch)) return undefined;
  if (!isWeight(value.weight)) return undefined;
  if (!Array.isArray(value.addresses) || value.addresses.some((one) => typeof one !== 'string'))
    return undefined;
  if (typeof value.shared !== 'object' || value.shared === null) return undefined;
  return value as Greeting;
}
