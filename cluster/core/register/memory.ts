import { SLOTS } from '../../../storage/key-layout.js';
import type { RecordStore } from '../../../storage/record-store.js';
import type { Log } from '../../environment.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import type { Topology } from '../topology.js';
import type { Acceptor } from './acceptor.js';
import { NO_BALLOT } from './ballot.js';
import { type Remembered, readAsk, readTold, sendTold } from './memory-wire.js';
import { MEMORY_ROW, type SavedRegisters, WHOLE } from './register-rows.js';
import { ROUND_LIFE_MS } from './rounds.js';
import { TakeOver, type TakeOverWorld } from './take-over.js';
import { encodeUnit } from './unit.js';

/** Rounds that may count on votes of an earlier life are over after so long, ms; with room for clocks that do not go alike. */
const WAIT_MS = 1.25 * ROUND_LIFE_MS;
/** Slots that one answer tells of, at most; and about so many bytes of units. */
const SLOTS_PER_ANSWER = 512;
const BYTES_PER_ANSWER = 1 << 20;

export interface MemoryOptions {
  readonly store: RecordStore;
  readonly topology: () => Topology;
  readonly transport: Transport;
  readonly acceptor: () => Acceptor;
  readonly log: Log;
  /** 32 hex digits. */
  readonly nodeId: string;
  readonly firstRequest: number;
  readonly saved: SavedRegisters;
  /** Makes the data rows of this node and the peer equal; `failure` is null when they are. */
  readonly repairWith: (peer: number, done: (failure: string | null) => void) => void;
}

/** What a member has told a node that is without its memory. */
class Teller {
  /** There is nothing that this node could have forgotten of what it did together with the member. */
  fresh = false;
  comparing = false;
  /** Since it told everything, the data rows were compared as well. */
  compared = false;

  constructor(readonly takeOver: TakeOver) {}
}

/** Somebody else's: see `RegisterMemory.takeOver`. */
interface Wanted {
  readonly takeOver: TakeOver;
  readonly done: (isWhole: boolean) => void;
}

/**
 * Whether this node remembers all it ever promised and accepted. One with an empty disk, or with one set back to a backup, does not: it
 * would let things be undone that were chosen with its vote. So it does not vote in a slot before it has taken over what enough of the
 * other homes remember: their promises, the units they hold, and what their data rows have.
 *
 * How many are enough: whatever was chosen, or promised to a majority, with this node's lost vote is known to all but one of a majority of
 * the others; so it is met by N - majority + 1 of them, if they have their memory, or by all others, if not.
 *
 * Rounds that were under way when the memory was lost may still count on its votes; it waits until they are over.
 *
 * A node that joins has never voted, so there is nothing it could have forgotten. What others have chosen in the slots that come to it, it
 * takes over before they are its own (`core/elastic/sealing.ts`).
 */
export class RegisterMemory {
  readonly messages = [Message.RegistersAsk, Message.RegistersTold];
  private whole: boolean;
  /** Slots with a damaged row. */
  private readonly unsure: Set<number>;
  /** Slots that are whole again; made when something was learnt. */
  private regained: Uint8Array | undefined;
  private readonly tellers = new Map<number, Teller>();
  private wanted: Wanted[] = [];
  /** Members that were seen to be without memory, over the connection there is, when this node got its own. */
  private knownEmpty = new Set<number>();
  private readonly world: TakeOverWorld;
  private nextRequest: number;
  private isSaving = false;
  /** Set when enough is known and has yet to be on the disk: members that are without memory themselves. */
  private ready: readonly number[] | undefined;
  private sharing: readonly number[] | undefined;
  private startedMs: number | undefined;
  private mayTakeOver = false;

  constructor(private readonly options: MemoryOptions) {
    this.whole = options.saved.whole;
    this.unsure = new Set(options.saved.damaged);
    this.nextRequest = options.firstRequest;
    this.world = { ...options, takeRequest: () => this.takeRequest() };
  }

  mayVote(slot: number): boolean {
    if (this.whole && !this.unsure.has(slot)) return true;
    return this.regained?.[slot] === 1;
  }

  /** At the start: something of that slot cannot be read. */
  doubt(slot: number): void {
    this.unsure.add(slot);
  }

  /** Everything is remembered, as far as this node knows. */
  get complete(): boolean {
    return this.whole && this.unsure.size === 0;
  }

  /**
   * Takes over what the peer remembers of these slots. Once the disk has it, unless the ring changes before, `done` says whether the peer
   * has all its memory.
   */
  takeOver(peer: number, wants: (slot: number) => boolean, done: (isWhole: boolean) => void): void {
    this.wanted.push({ takeOver: new TakeOver(this.world, peer, wants), done });
  }

  tick(_: number, elapsedMs: number): void {
    this.startedMs ??= elapsedMs;
    this.mayTakeOver = elapsedMs - this.startedMs > WAIT_MS;
    const { alive, inRing, self } = this.options.topology();
    for (const { takeOver } of this.wanted) if (alive[takeOver.peer] === 1) takeOver.tick(elapsedMs);
    this.endWanted();
    if (this.complete || this.isSaving) return;
    const peers = this.peers();
    if (this.isNew() || (peers.length === 0 && inRing[self] === 1)) this.ready = [];
    if (this.ready !== undefined) return this.becomeWhole(this.ready);
    for (const peer of peers) {
      if (alive[peer] === 0) continue;
      const teller = this.tellerOf(peer);
      if (teller.takeOver.complete) this.compare(peer, teller);
      else teller.takeOver.tick(elapsedMs);
    }
  }

  /** Others may be homes of this node's slots now: what they remember is asked for anew. What was regained stays. */
  ringChanged(): void {
    this.sharing = undefined;
    this.ready = undefined;
    this.tellers.clear();
    this.wanted = [];
  }

  peerUp(peer: number): void {
    if (this.complete || this.isSaving || !this.peers().includes(peer)) return;
    const { takeOver } = this.tellerOf(peer);
    if (takeOver.complete) return;
    takeOver.ask(Number.NEGATIVE_INFINITY);
  }

  linkDown(peer: number): void {
    this.knownEmpty.delete(peer);
    this.tellers.get(peer)?.takeOver.askAtOnce();
    for (const { takeOver } of this.wanted) if (takeOver.peer === peer) takeOver.askAtOnce();
  }

  onMessage(type: number, peer: number, body: FrameReader): boolean {
    return type === Message.RegistersAsk ? this.onAsk(peer, body) : this.onTold(peer, body);
  }

  private onAsk(peer: number, body: FrameReader): boolean {
    const ask = readAsk(body);
    if (ask === undefined) return false;
    sendTold(this.options.transport, peer, {
      request: ask.request,
      fresh: !this.whole || this.knownEmpty.has(peer),
      whole: this.complete,
      ...this.remembered(peer, ask.from),
    });
    return true;
  }

  /** What this node remembers of slots that are the peer's as well. */
  private remembered(peer: number, from: number): { next: number; slots: readonly Remembered[] } {
    const { store, topology } = this.options;
    const acceptor = this.options.acceptor();
    const slots: Remembered[] = [];
    let bytes = 0;
    let slot = from;
    for (; slot < SLOTS && slots.length < SLOTS_PER_ANSWER && bytes < BYTES_PER_ANSWER; slot++) {
      const promised = acceptor.promised(slot);
      if (promised === NO_BALLOT || !topology().homes(slot).includes(peer)) continue;
      const units = acceptor.held.of(slot).map(({ unit }) => ({
        ballot: unit.ballot,
        bytes: encodeUnit(unit, store.writers),
      }));
      for (const unit of units) bytes += unit.bytes.length;
      slots.push({ slot, promised, units });
    }
    return { slots, next: slot };
  }

  private onTold(peer: number, body: FrameReader): boolean {
    const told = readTold(body, this.options.store.writers);
    if (told === undefined) return false;
    const wanted = this.wanted.find(({ takeOver }) => takeOver.peer === peer && takeOver.hears(told));
    if (wanted !== undefined) {
      wanted.takeOver.take(told);
      return true;
    }
    const teller = this.tellers.get(peer);
    if (teller === undefined || !teller.takeOver.hears(told)) return true;
    if (told.fresh) teller.fresh = true;
    if (this.mayTakeOver) teller.takeOver.take(told);
    const peers = this.peers();
    // Nobody has ever voted for anything together with this node: the cluster is new.
    if (!this.whole && !this.isSaving && peers.every((other) => this.tellers.get(other)?.fresh === true))
      this.becomeWhole(peers);
    return true;
  }

  private endWanted(): void {
    const over = this.wanted.filter(({ takeOver }) => takeOver.complete);
    if (over.length === 0) return;
    this.wanted = this.wanted.filter(({ takeOver }) => !takeOver.complete);
    for (const { takeOver, done } of over) done(takeOver.isWhole);
  }

  private compare(peer: number, teller: Teller): void {
    if (teller.comparing || teller.compared) return;
    teller.comparing = true;
    this.options.repairWith(peer, (failure) => {
      teller.comparing = false;
      if (failure !== null || this.tellers.get(peer) !== teller) return;
      teller.compared = true;
      this.regain();
    });
  }

  /** Works out in which slots enough is known by now. */
  private regain(): void {
    const topology = this.options.topology();
    const { self, isHome } = topology;
    const regained = this.regained ?? new Uint8Array(SLOTS);
    let isAll = true;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (isHome[slot] === 0 || regained[slot] === 1) continue;
      const homes = topology.homes(slot);
      let known = 0;
      let knownWhole = 0;
      for (const home of homes) {
        const teller = home === self ? undefined : this.tellers.get(home);
        if (teller === undefined || !teller.compared) continue;
        known++;
        if (teller.takeOver.isWhole) knownWhole++;
      }
      const needed = topology.meeting(slot, topology.majorityOf(slot));
      if (known === homes.length - 1 || knownWhole >= needed) regained[slot] = 1;
      else isAll = false;
    }
    this.regained = regained;
    if (isAll) this.becomeWhole([]);
  }

  /**
   * Whether this node is about to become a member, or a home of its first slots, under the very identity it has now, and its disk says
   * nothing of votes: it has never given one. Whoever joined and lost its disk has another identity.
   */
  private isNew(): boolean {
    const { nodeId, saved, topology } = this.options;
    const { ring, members, self } = topology();
    if (saved.whole || !saved.blank || ring.other === null || ring.phase === 'clearing') return false;
    const { name } = members[self];
    const joins = ring.other.some((member) => member.name === name && member.nodeId === nodeId);
    return joins && !ring.current.some((member) => member.name === name);
  }

  /** `empty`: members that are without memory themselves. */
  private becomeWhole(empty: readonly number[]): void {
    const { store, log } = this.options;
    this.ready = empty;
    if (store.writeError !== null) return;
    const seq = store.putSynced(MEMORY_ROW, WHOLE);
    this.isSaving = true;
    store.whenOver(seq, (error) => {
      this.isSaving = false;
      if (error !== null) return;
      this.whole = true;
      this.unsure.clear();
      this.knownEmpty = new Set(empty.filter((peer) => this.tellers.get(peer)?.takeOver.isWhole === false));
      this.tellers.clear();
      log.info({}, 'this node votes in the registers of all its slots');
    });
  }

  private tellerOf(peer: number): Teller {
    let teller = this.tellers.get(peer);
    if (teller === undefined) {
      teller = new Teller(new TakeOver(this.world, peer));
      this.tellers.set(peer, teller);
    }
    return teller;
  }

  private takeRequest(): number {
    const request = this.nextRequest;
    this.nextRequest = request === 0xffffffff ? 1 : request + 1;
    return request;
  }

  /** The other members that are homes of slots together with this node. */
  private peers(): readonly number[] {
    if (this.sharing !== undefined) return this.sharing;
    const topology = this.options.topology();
    const peers = new Set<number>();
    for (let slot = 0; slot < SLOTS; slot++)
      if (topology.isHome[slot] === 1) for (const home of topology.homes(slot)) peers.add(home);
    peers.delete(topology.self);
    this.sharing = [...peers];
    return this.sharing;
  }
}
