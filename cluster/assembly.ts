import type { StorageEngine } from '../storage/engine.js';
import { SLOTS } from '../storage/key-layout.js';
import { LiveCounts } from '../storage/live-counts.js';
import { RecordStore, type SyncMode } from '../storage/record-store.js';
import { WriterTable, writerId } from '../storage/writers.js';
import { FlushMarks } from './core/flush-marks.js';
import type { Hints } from './core/hints.js';
import { HybridClock } from './core/hlc.js';
import type { Level } from './core/levels.js';
import { type MemberList, Membership } from './core/membership.js';
import { Sweeper } from './core/sweeper.js';
import type { Clock, Log, Random } from './environment.js';
import { ClusterKeyspace } from './keyspace.js';
import { Node } from './node.js';
import type { Transport } from './transport.js';
import type { Turn } from './turn.js';

/** What the operator decided, as far as replicas are concerned. Functions are asked each time: they may change while it runs. */
export interface ClusterSettings {
  readonly replicas: number;
  readonly vnodes: number;
  /** Whether other nodes stand in for dead home replicas. */
  readonly sloppy: boolean;
  readonly databases: number;
  readonly rack: string;
  readonly readQuorum: () => Level;
  readonly writeQuorum: () => Level;
  /** ms */
  readonly requestTimeout: () => number;
  /** ms */
  readonly maxClockDrift: () => number;
  /** bytes */
  readonly cacheSize: () => number;
  readonly appendfsync: () => SyncMode;
}

/** What a node kept about itself over its last stop. */
export interface SavedFacts {
  readonly clock: number;
  readonly marks: readonly number[] | undefined;
  readonly members: MemberList | undefined;
}

/** The world a node lives in: real in `server/ringkv.ts`, simulated in `sim/sim-life.ts`. */
export interface Surroundings {
  readonly settings: ClusterSettings;
  readonly engine: StorageEngine;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly turn: Turn;
  /** 32 hex digits. */
  readonly nodeId: string;
  readonly incarnation: number;
  /** Requests are numbered from here on: see `CoordinatorOptions`. */
  readonly firstRequest: number;
  readonly seeds: readonly string[];
  /** How others reach this node, should no seed turn out to be it. */
  readonly busAddress: string;
  readonly clientAddress: () => string;
  readonly saved: SavedFacts;
  /** Begins to count the keys; the function it returns calls back once the counts are complete. */
  readonly startCounting: (store: RecordStore, counts: LiveCounts) => (run: () => void) => void;
}

/** One node's protocol parts, made and joined in the one way there is. The server and the simulator both stand on it. */
export class Assembly {
  readonly writers = new WriterTable();
  readonly counts = new LiveCounts(SLOTS);
  readonly store: RecordStore;
  readonly hlc: HybridClock;
  readonly node: Node;
  readonly sweeper: Sweeper;
  readonly keyspace: ClusterKeyspace;

  constructor(world: Surroundings) {
    const { settings, engine, transport, clock, random, log, turn, nodeId, incarnation, saved } = world;
    const writer = this.writers.index(writerId(nodeId, incarnation));
    const marks = new FlushMarks(settings.databases, saved.marks);
    this.hlc = new HybridClock(saved.clock, settings.maxClockDrift);
    this.store = new RecordStore(engine, this.writers, this.counts, {
      cacheBytes: settings.cacheSize,
      syncMode: settings.appendfsync,
      plan: () => turn.plan(),
      admit: (db, record) => marks.admit(db, record),
    });
    turn.addStage('disk', () => this.store.flush());
    const { replicas, vnodes, databases, rack } = settings;
    const membership = new Membership(
      () => ({
        nodeId,
        incarnation,
        clientAddress: world.clientAddress(),
        rack,
        weight: 1,
        shared: { replicas, vnodes, databases, format: 1 },
      }),
      world.busAddress,
      world.seeds,
      saved.members,
    );
    const hints: Hints = { keep: () => false, holds: () => true, full: true };
    this.node = new Node(this.store, transport, membership, clock, this.hlc, writer, turn, log, hints, {
      replicas,
      vnodes,
      sloppy: settings.sloppy,
      readQuorum: settings.readQuorum,
      writeQuorum: settings.writeQuorum,
      requestTimeout: settings.requestTimeout,
      firstRequest: world.firstRequest,
    });
    this.sweeper = new Sweeper(this.store, clock);
    this.keyspace = new ClusterKeyspace(
      this.node,
      this.store,
      this.counts,
      marks,
      clock,
      random,
      this.hlc,
      this.sweeper,
      databases,
      world.startCounting(this.store, this.counts),
    );
  }

  /** Starts talking. `forwarded` runs a command that another node sent here to be coordinated. */
  start(forwarded: (payload: string, reply: (answer: string) => void) => void): void {
    this.node.start({
      forwarded,
      query: (kind, payload, reply) => this.keyspace.answer(kind, payload, reply),
      peerUp: (peer) => this.keyspace.tellMarks(peer),
    });
    this.sweeper.start();
  }

  stop(): void {
    this.node.stop();
    this.sweeper.stop();
  }
}
