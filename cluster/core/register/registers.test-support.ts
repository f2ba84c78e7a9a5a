import type { KeyRecord } from '../../../storage/record.js';
import type { RecordEntry } from '../../../storage/record-cache.js';
import { StoreBench } from '../../../storage/record-store.test-support.js';
import { Message } from '../../messages.js';
import { FrameReader } from '../../transport/frame-reader.js';
import { HybridClock } from '../hlc.js';
import { Operation } from '../operation.js';
import { Topology } from '../topology.js';
import { membersOf } from '../topology.test-support.js';
import { proposerName } from './ballot.js';
import { Frames } from './frames.test-support.js';
import { AcceptorBench, SLOT } from './register.test-support.js';
import { RegisterWire } from './register-wire.js';
import { Registers } from './registers.js';
import { SerialNames } from './serial-names.js';

const NOW = Date.UTC(2026, 0, 1);
export const MAX_DRIFT = 500;

/** Reads its key, and puts a value there. */
export class PutOperation extends Operation {
  readonly ends: (string | null)[] = [];

  constructor(
    key: string,
    private readonly put: (found: KeyRecord | null) => void,
  ) {
    super();
    this.isWrite = true;
    this.coordinator = { fetched: () => {}, ended: () => {}, damaged: () => {} };
    this.addKey(0, SLOT, key);
  }

  run(): void {
    this.put(this.record(0));
  }

  finish(failure: string | null): void {
    this.ends.push(failure);
  }
}

/** The registers of node 0 of three; the others are the test, which writes with `theirs` what node 0 reads. */
export class RegistersBench {
  readonly disk = new StoreBench();
  readonly store = this.disk.store;
  topology = new Topology(membersOf(3), 0, 3, 8);
  readonly frames = new Frames();
  readonly theirFrames = new Frames();
  readonly theirs = new RegisterWire(this.theirFrames.transport, this.disk.writers);
  readonly hlc = new HybridClock(0, () => MAX_DRIFT);
  readonly registers: Registers;
  readonly now = NOW;
  readonly warnings: string[] = [];
  elapsed = 1;
  /** Units and records to send, made by other nodes. */
  readonly others = new AcceptorBench(this.disk);

  constructor() {
    for (const peer of [1, 2]) this.topology.setAlive(peer, true);
    this.registers = new Registers({
      store: this.store,
      topology: () => this.topology,
      transport: this.frames.transport,
      clock: {
        now: () => NOW,
        elapsed: () => this.elapsed,
        defer: () => {},
        setTimer: () => 0,
        clearTimer: () => {},
      },
      random: { next: () => 0.5 },
      log: { info: () => {}, warn: (_, text) => void this.warnings.push(text), error: () => {} },
      hlc: this.hlc,
      names: new SerialNames(this.others.serial, () => this.others.otherSerial),
      proposer: proposerName('0'.repeat(32), 1),
      firstRequest: 1,
      requestTimeout: () => 2000,
      saved: { promises: new Map(), units: [], damaged: new Set(), whole: true, blank: false },
      plan: () => {},
      spread: () => {},
      mayVote: () => true,
      doubt: () => {},
    });
    this.registers.formed();
  }

  /** Turns and answers of the disk until nothing moves. */
  settle(): void {
    for (let i = 0; i < 10; i++) {
      this.registers.flush();
      this.disk.settle();
    }
  }

  /** False: the message was refused as garbled. */
  take(peer: number, type: number, body: Buffer): boolean {
    return this.registers.onMessage(type, peer, new FrameReader().reset(body, 0, body.length));
  }

  /** The last message that the peers have written. */
  written(): Buffer {
    return this.theirFrames.sent().at(-1)!.body;
  }

  /** What node 0 has sent of that type. */
  sent(type: number): { peer: number; body: Buffer }[] {
    return this.frames.sent().filter((one) => one.type === type);
  }

  /** Begins an operation, and returns the number of the question it leads to. */
  asked(operation: Operation): number {
    this.registers.begin(operation);
    this.settle();
    return this.sent(Message.Prepare)[0].body.readUInt32BE(0);
  }

  loaded(key: string): RecordEntry {
    return this.others.loaded(key);
  }
}
