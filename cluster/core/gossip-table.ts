import { fnv1a } from '../../storage/writers.js';
import type { PeerId } from '../transport.js';
import { grown } from './grown.js';

/** A generation further ahead than this is damage, not news (CASSANDRA-8113): nobody could ever contradict it. */
const MAX_GENERATION_AHEAD_MS = 366 * 86_400_000;

/** How new somebody's knowledge of a member is. */
export interface Digest {
  readonly member: PeerId;
  /** Unix ms of the member's start, or more: rises with each. 0: nothing is known. */
  readonly generation: number;
  /** Rises with each change that the member itself makes to its state. */
  readonly version: number;
  /** Somebody found it dead in this version. */
  readonly down: boolean;
}

/** All that is known of a member. */
export interface MemberState extends Digest {
  /** What the member says about itself; its meaning is the business of the room above. */
  readonly facts: string;
}

/**
 * What a node knows of the members by hearsay: for each the newest (generation, version) that reached it.
 *
 * Promises: only a member itself raises its version, so what it says replaces whatever is said of its past; of one version the
 * bad news wins, and the accused refutes it by a higher version; merging is idempotent, commutative and associative, so all
 * tables become equal, in whatever order news travels. One entry per member: it grows with the ring only, and who has left is
 * forgotten as if it had never been known.
 */
export class GossipTable {
  /** Sums over all entries: equal for equal tables. */
  sumA = 0;
  sumB = 0;
  /** By number: 1 for members. There may be holes between them. */
  private present = new Uint8Array();
  private generations = new Float64Array();
  private versions = new Uint32Array();
  private downs = new Uint8Array();
  private hashes = new Uint32Array();
  private readonly facts: string[] = [];

  constructor(
    private readonly self: PeerId,
    name: string,
    generation: number,
    facts: string,
  ) {
    this.add(self, name);
    this.set({ member: self, generation, version: 1, down: false, facts });
  }

  /** A member of which nothing is known yet. */
  add(member: PeerId, name: string): void {
    const size = member + 1;
    this.present = grown(this.present, size);
    this.generations = grown(this.generations, size);
    this.versions = grown(this.versions, size);
    this.downs = grown(this.downs, size);
    this.hashes = grown(this.hashes, size);
    this.hashes[member] = fnv1a(name);
    this.facts[member] = '';
    this.present[member] = 1;
  }

  /** It is no member any more: what is still told of it is no news. */
  remove(member: PeerId): void {
    this.set({ member, generation: 0, version: 0, down: false, facts: '' });
    this.present[member] = 0;
  }

  has(member: PeerId): boolean {
    return this.present[member] === 1;
  }

  /** All members, by their numbers; this node is one of them. */
  get members(): PeerId[] {
    return [...this.present.keys()].filter((member) => this.has(member));
  }

  digest(member: PeerId): Digest {
    return {
      member,
      generation: this.generations[member],
      version: this.versions[member],
      down: this.isDown(member),
    };
  }

  state(member: PeerId): MemberState {
    return { ...this.digest(member), facts: this.facts[member] };
  }

  isDown(member: PeerId): boolean {
    return this.downs[member] === 1;
  }

  digests(): Digest[] {
    return this.members.map((member) => this.digest(member));
  }

  /** Below 0: this table knows less of the member than the digest tells of; above 0: it knows more. */
  compare(digest: Digest): number {
    const { member } = digest;
    if (this.generations[member] !== digest.generation) return this.generations[member] - digest.generation;
    if (this.versions[member] !== digest.version) return this.versions[member] - digest.version;
    return this.downs[member] - (digest.down ? 1 : 0);
  }

  /** This node has something new to say about itself. */
  declare(facts: string): void {
    const own = this.state(this.self);
    if (facts !== own.facts) this.set({ ...own, version: own.version + 1, facts });
  }

  /** Nobody hears the member: it is down in the version that is known here. */
  accuse(member: PeerId): void {
    if (member !== this.self) this.set({ ...this.state(member), down: true });
  }

  /** Takes in what another node knows. True when it was news. */
  merge(state: MemberState, now: number): boolean {
    if (state.generation > now + MAX_GENERATION_AHEAD_MS) return false;
    if (!this.has(state.member) || this.compare(state) >= 0) return false;
    if (state.member === this.self) this.refute(state);
    else this.set(state);
    return true;
  }

  /** Somebody holds us dead, or knows of a life of ours that we do not remember: what we say now is newer than both. */
  private refute({ generation, version }: Digest): void {
    const own = this.state(this.self);
    if (generation > own.generation) this.set({ ...own, generation: generation + 1, version: 1 });
    else this.set({ ...own, version: version + 1 });
  }

  private set({ member, generation, version, down, facts }: MemberState): void {
    this.addToSums(member, -1);
    this.generations[member] = generation;
    this.versions[member] = version;
    this.downs[member] = down ? 1 : 0;
    this.facts[member] = facts;
    this.addToSums(member, 1);
  }

  private addToSums(member: PeerId, sign: 1 | -1): void {
    const generation = this.generations[member];
    const one = mix(mix(this.hashes[member], generation), generation / 0x1_0000_0000);
    const two = mix(one, this.versions[member] * 2 + this.downs[member]);
    this.sumA = (this.sumA + sign * two) >>> 0;
    this.sumB = (this.sumB + sign * mix(two, one)) >>> 0;
  }
}

/** murmur3's finaliser over the two. */
function mix(hash: number, value: number): number {
  let h = (hash ^ Math.imul(value, 0xcc9e2d51)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
