import { SLOTS } from '../../../storage/key-layout.js';
import type { RecordStore } from '../../../storage/record-store.js';
import type { Log } from '../../environment.js';
import { Message } from '../../messages.js';
import type { FrameReader } from '../../transport/frame-reader.js';
import type { Transport } from '../../transport.js';
import { majority } from '../levels.js';
import type { Topology } from '../topology.js';
import type { Acceptor } from './acceptor.js';
import { type Ballot, NO_BALLOT, readBallot, writeBallot } from './ballot.js';
import { MEMORY_ROW, type SavedRegisters } from './register-rows.js';
import { ROUND_LIFE_MS } from './rounds.js';
import { decodeUnit, encodeUnit, type Unit } from './unit.js';

/** An unanswered question is asked again after so long, ms. */
const ASK_AGAIN_MS = 1000;
/** Rounds that may count on votes of an earlier life are over after so long, ms; with room for clocks that do not go alike. */
const WAIT_MS = 1.25 * ROUND_LIFE_MS;
/** Slots that one answer tells of, at most; and about so many bytes of units. */
const SLOTS_PER_ANSWER = 512;
const BYTES_PER_ANSWER = 1 << 20;
const WHOLE = Buffer.from('whole', 'latin1');

export interface MemoryOptions {
  readonly store: RecordStore;
  readonly topology: () => Topology;
  readonly transport: Transport;
  readonly acceptor: () => Acceptor;
  readonly log: Log;
  readonly firstRequest: number;
  readonly saved: SavedRegisters;
  /** Makes the data rows of this node and the peer equal; `failure` is null when they are. */
  readonly repairWith: (peer: number, done: (failure: string | null) => void) => void;
}

interface ToldSlot {
  readonly slot: number;
  readonly promised: Ballot;
  readonly units: readonly Unit[];
}

/** What a member has told a node that is without its memory. */
interface Told {
  /** There is nothing that this node could have forgotten of what it did together with the member. */
  fresh: boolean;
  /** The member itself has all its memory. */
  whole: boolean;
  /** The next slot to ask for; SLOTS: it has told everything. */
  from: number;
  request: number;
  askedMs: number;
  comparing: boolean;
  /** Since it told everything, the data rows were compared as well. */
  compared: boolean;
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
 * A new home of a slot (after a change of the ring) is in the same place, and takes the same way.
 */
export class RegisterMemory {
  readonly messages = [Message.RegistersAsk, Message.RegistersTold];
  private whole: boolean;
  /** Slots with a damaged row. */
  private readonly unsure: Set<number>;
  /** Slots that are whole again; made when something was learnt. */
  private regained: Uint8Array | undefined;
  private readonly told = new Map<number, Told>();
  /** Members that were seen to be without memory, over the connection there is, when this node got its own. */
  private knownEmpty = new Set<number>();
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

  tick(_: number, elapsedMs: number): void {
    if (this.startedMs === undefined) this.startedMs = elapsedMs;
    this.mayTakeOver = elapsedMs - this.startedMs > WAIT_MS;
    if (this.complete || this.isSaving) return;
    const peers = this.peers();
    if (peers.length === 0) this.ready = peers;
    if (this.ready !== undefined) return this.becomeWhole(this.ready);
    const { alive } = this.options.topology();
    for (const peer of peers) {
      if (alive[peer] === 0) continue;
      const told = this.toldBy(peer);
      if (told.from < SLOTS && elapsedMs - told.askedMs >= ASK_AGAIN_MS) this.ask(peer, told, elapsedMs);
      else if (told.from === SLOTS) this.compare(peer, told);
    }
  }

  peerUp(peer: number): void {
    if (this.complete || this.isSaving || !this.peers().includes(peer)) return;
    const told = this.toldBy(peer);
    if (told.from < SLOTS) this.ask(peer, told, Number.NEGATIVE_INFINITY);
  }

  linkDown(peer: number): void {
    this.knownEmpty.delete(peer);
    const told = this.told.get(peer);
    if (told !== undefined && told.from < SLOTS) told.askedMs = Number.NEGATIVE_INFINITY;
  }

  onMessage(type: number, peer: number, body: FrameReader): boolean {
    return type === Message.RegistersAsk ? this.onAsk(peer, body) : this.onTold(peer, body);
  }

  private ask(peer: number, told: Told, now: number): void {
    const out = this.options.transport.writer(peer);
    if (out === undefined) return;
    told.askedMs = now;
    told.request = this.nextRequest;
    this.nextRequest = this.nextRequest === 0xffffffff ? 1 : this.nextRequest + 1;
    out.begin();
    out.u8(Message.RegistersAsk);
    out.u32(told.request);
    out.u16(told.from);
    out.end();
  }

  private onAsk(peer: number, body: FrameReader): boolean {
    const { transport } = this.options;
    const request = body.u32();
    const from = body.u16();
    if (!body.finished || from >= SLOTS) return false;
    const { slots, next } = this.remembered(peer, from);
    const out = transport.writer(peer);
    if (out === undefined) return true;
    out.begin();
    out.u8(Message.RegistersTold);
    out.u32(request);
    out.u8(!this.whole || this.knownEmpty.has(peer) ? 1 : 0);
    out.u8(this.complete ? 1 : 0);
    out.u16(next);
    out.u16(slots.length);
    for (const { slot, promised, units } of slots) {
      out.u16(slot);
      writeBallot(out, promised);
      out.u16(units.length);
      for (const { ballot, bytes } of units) {
        writeBallot(out, ballot);
        out.u32(bytes.length);
        out.bytes(bytes, 0, bytes.length);
      }
    }
    out.end();
    return true;
  }

  /** What this node remembers of slots that are the peer's as well. */
  private remembered(peer: number, from: number) {
    const { store, topology } = this.options;
    const acceptor = this.options.acceptor();
    const slots: { slot: number; promised: Ballot; units: { ballot: Ballot; bytes: Buffer }[] }[] = [];
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
    const request = body.u32();
    const fresh = body.u8() === 1;
    const whole = body.u8() === 1;
    const next = body.u16();
    const slots = this.readSlots(body);
    if (slots === undefined || !body.finished || next > SLOTS) return false;
    const told = this.told.get(peer);
    if (told === undefined || told.request !== request || next <= told.from) return true;
    if (fresh) told.fresh = true;
    told.whole = whole;
    if (this.mayTakeOver) this.takeOver(told, slots, next);
    const peers = this.peers();
    // Nobody has ever voted for anything together with this node: the cluster is new.
    if (!this.whole && !this.isSaving && peers.every((other) => this.told.get(other)?.fresh === true))
      this.becomeWhole(peers);
    return true;
  }

  /** What the disk does not take is asked for again. */
  private takeOver(told: Told, slots: readonly ToldSlot[], next: number): void {
    let seq = 0;
    for (const { slot, promised, units } of slots) seq = this.options.acceptor().adopt(slot, promised, units);
    const taken = (error: Error | null): void => {
      if (error !== null || next <= told.from) return;
      told.from = next;
      told.askedMs = Number.NEGATIVE_INFINITY;
    };
    if (seq === 0) taken(null);
    else this.options.store.whenOver(seq, taken);
  }

  private readSlots(body: FrameReader): ToldSlot[] | undefined {
    const { writers } = this.options.store;
    const slots: ToldSlot[] = [];
    const count = body.u16();
    for (let i = 0; i < count; i++) {
      const slot = body.u16();
      const promised = readBallot(body);
      const units: Unit[] = [];
      for (let left = body.u16(); left > 0; left--) {
        const ballot = readBallot(body);
        const bytes = body.bytes(body.u32());
        const unit = ballot && decodeUnit(bytes, slot, ballot, writers);
        if (unit === undefined) return undefined;
        units.push(unit);
      }
      if (promised === undefined || slot >= SLOTS) return undefined;
      slots.push({ slot, promised, units });
    }
    return slots;
  }

  private compare(peer: number, told: Told): void {
    if (told.comparing || told.compared) return;
    told.comparing = true;
    this.options.repairWith(peer, (failure) => {
      told.comparing = false;
      if (failure !== null) return;
      told.compared = true;
      this.regain();
    });
  }

  /** Works out in which slots enough is known by now. */
  private regain(): void {
    const topology = this.options.topology();
    const { n, self, isHome } = topology;
    const needed = n - majority(n) + 1;
    const regained = new Uint8Array(SLOTS);
    let isAll = true;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (isHome[slot] === 0) continue;
      let known = 0;
      let knownWhole = 0;
      for (const home of topology.homes(slot)) {
        const told = home === self ? undefined : this.told.get(home);
        if (told === undefined || !told.compared) continue;
        known++;
        if (told.whole) knownWhole++;
      }
      if (known === n - 1 || knownWhole >= needed) regained[slot] = 1;
      else isAll = false;
    }
    this.regained = regained;
    if (isAll) this.becomeWhole([]);
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
      this.knownEmpty = new Set(empty.filter((peer) => this.told.get(peer)?.whole === false));
      this.told.clear();
      log.info({}, 'this node votes in the registers of all its slots');
    });
  }

  private toldBy(peer: number): Told {
    let told = this.told.get(peer);
    if (told === undefined) {
      told = {
        fresh: false,
        whole: false,
        from: 0,
        request: 0,
        askedMs: Number.NEGATIVE_INFINITY,
        comparing: false,
        compared: false,
      };
      this.told.set(peer, told);
    }
    return told;
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
