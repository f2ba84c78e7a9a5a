import type { StorageEngine } from '../../storage/engine.js';
import type { SyncMode } from '../../storage/group-commit.js';
import { STRING } from '../../storage/record.js';
import type { RecordStore } from '../../storage/record-store.js';
import { Assembly } from '../assembly.js';
import { hlcToMs } from '../core/hlc.js';
import { type Level, QUORUM, SERIAL } from '../core/levels.js';
import type { Outlived } from '../core/lives.js';
import { slotOf } from '../core/slot.js';
import { isUnwritten } from '../core/unwritten.js';
import type { Log } from '../environment.js';
import { DECLINED } from '../forwarder.js';
import type { Node } from '../node.js';
import { readFacts, type SavedFacts } from '../saved-facts.js';
import { Turn } from '../turn.js';
import type { Checker } from './checker.js';
import type { VoteWatch } from './linearizability/vote-watch.js';
import type { Wish } from './operator.js';
import type { RingWatch } from './ring-watch.js';
import { failed, type Outcome, type Request, SimCall } from './sim-call.js';
import type { ProcessClock } from './sim-clock.js';
import { SimForward } from './sim-forward.js';
import { HEARTBEAT_MS } from './sim-network.js';
import type { Setup } from './sim-node.js';
import type { SimRandom } from './sim-random.js';
import type { SimTransport } from './sim-transport.js';

const SYNC_EVERY_MS = 1000;
const DATABASES = 1;
const SCAN_COUNT = 50;
const SCAN_STEPS = 100;
const REQUESTS_OF_A_LIFE = 1_000_000;
const QUARANTINE_BYTES = 1 << 20;
/** Entries that were in use at last are hot still: the cache lets them go when it is used next. */
const HOT_BYTES = 1 << 16;

export interface SimSettings {
  readonly replicas: number;
  readonly readQuorum: Level;
  readonly writeQuorum: Level;
  readonly syncMode: SyncMode;
  readonly vnodes: number;
  readonly sloppy: boolean;
  readonly requestTimeoutMs: number;
  readonly maxRequests: number;
  readonly maxLagMs: number;
  readonly maxClockDriftMs: number;
  readonly phiThreshold: number;
  readonly gossipIntervalMs: number;
  readonly cacheBytes: number;
  readonly turnWriteBytes: number;
  readonly gcGraceMs: number;
  readonly hintThrottle: number;
  readonly hintWindowSeconds: number;
  readonly maxHintsBytes: number;
  /** 0: never by itself. */
  readonly repairIntervalSeconds: number;
  readonly repairThrottle: number;
  readonly streamThrottle: number;
}

export const USUAL: SimSettings = {
  replicas: 3,
  readQuorum: QUORUM,
  writeQuorum: QUORUM,
  syncMode: 'everysec',
  vnodes: 8,
  sloppy: false,
  requestTimeoutMs: 2000,
  maxRequests: 20_000,
  maxLagMs: 1000,
  maxClockDriftMs: 500,
  phiThreshold: 8,
  gossipIntervalMs: 1000,
  cacheBytes: 1 << 20,
  turnWriteBytes: 1 << 20,
  gcGraceMs: 72 * 3_600_000,
  hintThrottle: 10 << 20,
  hintWindowSeconds: 3 * 3600,
  maxHintsBytes: 1 << 20,
  repairIntervalSeconds: 600,
  repairThrottle: 10 << 20,
  streamThrottle: 24 << 20,
};

export interface ProcessParts {
  readonly settings: SimSettings;
  readonly setup: Setup;
  readonly incarnation: number;
  readonly life: number;
  readonly outlived: (by: Outlived) => void;
  readonly removed: (left: boolean) => void;
  readonly lostSome: () => void;
  readonly clock: ProcessClock;
  readonly random: SimRandom;
  readonly engine: StorageEngine;
  readonly transport: SimTransport;
  readonly log: Log;
  readonly checker: Checker;
  readonly votes: VoteWatch;
  readonly rings: RingWatch;
}

/** One run of a node: the real parts, put together as the server does it. */
export class SimLife {
  readonly assembly: Assembly;

  private constructor(
    private readonly parts: ProcessParts,
    saved: SavedFacts,
  ) {
    const { settings, clock, transport } = parts;
    this.assembly = new Assembly({
      ...parts,
      seeds: parts.setup.seeds,
      replaces: parts.setup.replaces,
      settings: {
        replicas: settings.replicas,
        vnodes: settings.vnodes,
        sloppy: settings.sloppy,
        databases: DATABASES,
        rack: parts.setup.rack,
        weight: parts.setup.weight,
        readQuorum: () => settings.readQuorum,
        writeQuorum: () => settings.writeQuorum,
        requestTimeout: () => settings.requestTimeoutMs,
        maxRequests: () => settings.maxRequests,
        maxLag: () => settings.maxLagMs,
        maxClockDrift: () => settings.maxClockDriftMs,
        heartbeatInterval: HEARTBEAT_MS,
        phiThreshold: () => settings.phiThreshold,
        gossipInterval: () => settings.gossipIntervalMs,
        cacheSize: () => settings.cacheBytes,
        appendfsync: () => settings.syncMode,
        turnWriteBytes: () => settings.turnWriteBytes,
        gcGrace: () => settings.gcGraceMs,
        hintThrottle: () => settings.hintThrottle,
        hintWindow: () => settings.hintWindowSeconds,
        maxQuarantineBytes: () => QUARANTINE_BYTES,
        maxHintsBytes: () => settings.maxHintsBytes,
        maxSiblings: () => 64,
        repairInterval: () => settings.repairIntervalSeconds,
        repairThrottle: () => settings.repairThrottle,
        streamThrottle: () => settings.streamThrottle,
        streamShare: () => 20,
      },
      turn: new Turn(clock),
      nodeId: transport.nodeId,
      busAddress: transport.address,
      clientAddress: () => transport.address,
      // A late answer to a life before is not taken for one to this: the server leaves that to chance.
      firstRequest: 1 + parts.life * REQUESTS_OF_A_LIFE,
      saved,
    });
    parts.votes.watch(transport.nodeId, this.assembly.registers.acceptor);
    this.assembly.node.addPart({
      messages: [],
      onMessage: () => false,
      formed: () => this.seesRing(),
      ringChanged: () => this.seesRing(),
    });
    this.assembly.start((payload, deadline, reply) => this.forwarded(payload, deadline, reply));
    this.syncEverySecond();
  }

  /** Asks for what the operator wants of the ring; he looks for himself what comes of it. */
  changeRing(wish: Wish): void {
    const { control } = this.assembly;
    const { rings, transport } = this.parts;
    const done = (failure: string | null): void => {
      if (failure !== null) rings.refused(transport.address, failure);
    };
    if (wish.what === 'leave') control.leave(wish.node.address, done);
    else if (wish.what === 'remove') control.remove(wish.node.address, done);
    else if (wish.what === 'weigh') control.weight(wish.node.address, wish.weight, done);
    else if (wish.what === 'roll back') control.rollback(done);
  }

  private seesRing(): void {
    const { rings, votes, transport } = this.parts;
    const { ring, keeps } = this.node.topology;
    rings.sees(transport.address, ring);
    // It may forget what it promised there; should the slot come back to it, it asks those who had it meanwhile.
    votes.keepsOnly(transport.nodeId, keeps);
  }

  get node(): Node {
    return this.assembly.node;
  }

  get store(): RecordStore {
    return this.assembly.store;
  }

  /** Whether versions up to this reading are void. */
  hasFlushed(hlc: number): boolean {
    const version = { writer: 0, hlc, type: STRING, expireAt: 0, payload: '' } as const;
    return this.store.admit(0, { context: [0, hlc], siblings: [version] }) === null;
  }

  /** What its hybrid clock shows, Unix ms. */
  get latestMs(): number {
    return hlcToMs(this.assembly.hlc.latest);
  }

  /** How much of everything it holds now. */
  gauges(): Readonly<Record<string, number>> {
    const { node, store, hints, repair, damaged, quarantine } = this.assembly;
    return {
      'requests under way': node.coordinator.inFlight,
      'commands forwarded': node.forwardsUnderWay,
      'groups coming in': node.replica.openGroups,
      // Those that wait for their next write, having failed to reach the disk, are not in use.
      'records in use': store.count(({ pins, unwritten }) => pins > 0 && unwritten === null),
      'bytes for the disk': store.gatheringBytes,
      hints: hints.count,
      'damaged records': damaged.open,
      'repairs waiting': node.ready ? repair.totals().waiting : 0,
      'records kept in the cache': store.cachedRecords,
      'bytes kept in the cache': store.cachedBytes,
      'bytes kept in quarantine': quarantine.bytes,
    };
  }

  /** The most there may ever be of some of it: what is in use is bounded by the requests. */
  get bounds(): Readonly<Record<string, number>> {
    const { maxRequests } = this.parts.settings;
    return {
      'requests under way': maxRequests,
      'commands forwarded': maxRequests,
      'bytes kept in quarantine': QUARANTINE_BYTES,
    };
  }

  /** What may be there when nothing is under way; of all else, nothing. */
  get keeps(): Readonly<Record<string, number>> {
    const cacheBytes = this.parts.settings.cacheBytes + HOT_BYTES;
    return {
      'records kept in the cache': cacheBytes,
      'bytes kept in the cache': cacheBytes,
      'bytes kept in quarantine': QUARANTINE_BYTES,
    };
  }

  /** Reads what the node kept about itself, then starts it; undefined: the disk does not let it. */
  static boot(parts: ProcessParts, done: (process: SimLife | undefined) => void): void {
    readFacts(parts.engine, Number.POSITIVE_INFINITY, (_, facts) => done(facts && new SimLife(parts, facts)));
  }

  /** A client of this node asks; `done` is called once, perhaps before this returns. */
  ask(request: Request, done: (outcome: Outcome) => void): void {
    const { node } = this;
    if (!node.ready) return done(failed('CLUSTERDOWN'));
    if (request.kind === 'flush') return this.flush(done);
    if (request.kind === 'size') return this.size(done);
    if (request.kind === 'scan') return this.scan(request.cursor ?? 0, SCAN_STEPS, [], done);
    const refusal = node.refusal(this.parts.clock.elapsed());
    if (refusal !== null) return done(failed(refusal));
    if (request.kind === 'get') return this.run(request, done);
    if (request.level !== SERIAL && node.forwarder.runsHere(slotOf(request.keys[0])))
      return this.run(request, done);
    node.forwarder.start(new SimForward(node.coordinator, request, this.callFor, done));
  }

  /** A clean stop; `done` once everything is on disk, or false: it could not be written. */
  stop(done: (clean: boolean) => void): void {
    const { store, parts } = this;
    this.assembly.stop();
    parts.transport.close();
    this.assembly.saveFacts((error) => done(error === null && store.count(isUnwritten) === 0));
  }

  private flush(done: (outcome: Outcome) => void): void {
    this.assembly.keyspace.flush(0, (failure) => done({ failure, dots: [], sights: [] }));
  }

  private size(done: (outcome: Outcome) => void): void {
    this.assembly.keyspace.size(0, (failure, size) => done({ failure, dots: [], sights: [], size }));
  }

  /** Walks a part of the keyspace: all of it is thousands of steps. */
  private scan(
    cursor: number,
    steps: number,
    found: readonly string[],
    done: (outcome: Outcome) => void,
  ): void {
    this.assembly.keyspace.scan(0, cursor, SCAN_COUNT, (failure, next, items) => {
      const keys = [...found, ...items.map(({ key }) => key)];
      if (failure !== null) done(failed(failure));
      else if (next === 0 || steps === 1) done({ failure: null, dots: [], sights: [], scanned: keys, next });
      else this.scan(next, steps - 1, keys, done);
    });
  }

  private run(request: Request, done: (outcome: Outcome) => void): void {
    this.node.coordinator.begin(this.callFor(request, done));
  }

  private readonly callFor = (request: Request, done: (outcome: Outcome) => void): SimCall =>
    new SimCall(this.node.coordinator, this.parts.checker, request, () => this.parts.clock.now(), done);

  private forwarded(payload: string, deadline: number, reply: (answer: string) => void): void {
    const call = this.callFor(JSON.parse(payload) as Request, (outcome) => reply(JSON.stringify(outcome)));
    call.deadline = deadline;
    this.node.takeForwarded(
      call,
      () => this.node.coordinator.begin(call),
      () => reply(DECLINED),
    );
  }

  private syncEverySecond(): void {
    this.parts.clock.setTimer(SYNC_EVERY_MS, () => {
      this.syncEverySecond();
      if (this.parts.settings.syncMode === 'everysec') this.store.sync(() => {});
    });
  }
}
