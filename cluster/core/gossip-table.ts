import { fnv1a } from '../../storage/writers.js';
import type { PeerId } from '../transport.js';

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
 * tables become equal, in whatever order news travels. One entry per member: it does not grow.
 */
export class GossipTable {
  /** Sums over all entries: equal for equal tables. */
  sumA = 0;
  sumB = 0;
  private readonly generations: Float64Array;
  private readonly versions: Uint32Array;
  private readonly downs: Uint8Array;
  private readonly facts: string[];
  private readonly hashes: Uint32Array;

  constructor(
    names: readonly string[],
    private readonly self: PeerId,
    generation: number,
    facts: string,
  ) {
    this.generations = new Float64Array(names.length);
    this.versions = new Uint32Array(names.length);
    this.downs = new Uint8Array(names.length);
    this.facts = names.map(() => '');
    this.hashes = Uint32Array.from(names, (name) => fnv1a(name));
    this.set({ member: self, generation, version: 1, down: false, facts });
  }

  get members(): number {
    return this.facts.length;
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
    const digests: Digest[] = [];
    for (let member = 0; member < this.members; member++) digests.push(this.digest(member));
    return digests;
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
    if (this.compare(state) >= 0) return false;
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
