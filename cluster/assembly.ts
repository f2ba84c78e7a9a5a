import type { Done, StorageEngine } from '../storage/engine.js';
import { HintStore } from '../storage/hint-store.js';
import { SLOTS } from '../storage/key-layout.js';
import { LiveCounts } from '../storage/live-counts.js';
import { Quarantine } from '../storage/quarantine.js';
import { RecordStore } from '../storage/record-store.js';
import { Recounter } from '../storage/recount.js';
import { SlotTrees } from '../storage/slot-trees.js';
import { Summaries } from '../storage/summaries.js';
import { WriterTable, writerId } from '../storage/writers.js';
import type { CallHandlers } from './calls.js';
import { AntiEntropy } from './core/anti-entropy/anti-entropy.js';
import { ChangeFeed } from './core/change-feed/change-feed.js';
import { ClockGuard } from './core/clock-guard.js';
import { DamagedRecords } from './core/damaged-records.js';
import { Duties } from './core/elastic/duties.js';
import { RingControl } from './core/elastic/ring-control.js';
import { RingDriver } from './core/elastic/ring-driver.js';
import { RingJoining } from './core/elastic/ring-joining.js';
import { RingRegister } from './core/elastic/ring-register.js';
import { Filling } from './core/filling.js';
import { FlushMarks } from './core/flush-marks.js';
import { Handoff } from './core/handoff.js';
import { HybridClock } from './core/hlc.js';
import type { Outlived } from './core/lives.js';
import { Membership } from './core/membership.js';
import { OwnWriters } from './core/own-writers.js';
import { Reaper, tombstoneSince } from './core/reaper.js';
import { proposerName } from './core/register/ballot.js';
import { RegisterMemory } from './core/register/memory.js';
import { forgetMemory } from './core/register/register-rows.js';
import { Registers } from './core/register/registers.js';
import { SerialNames, serialWriterId } from './core/register/serial-names.js';
import { SiblingWatch } from './core/sibling-watch.js';
import { StreamPace, servedBy } from './core/stream-pace.js';
import { Sweeper } from './core/sweeper.js';
import { digestA, digestB } from './core/version.js';
import type { Clock, Log, Random } from './environment.js';
import { GossipPart } from './gossip-part.js';
import { ClusterKeyspace } from './keyspace.js';
import { LOAD_QUERY, Loads } from './loads.js';
import { Node } from './node.js';
import { TICK_MS } from './part.js';
import { type SavedFacts, writeFacts } from './saved-facts.js';
import type { ClusterSettings } from './settings.js';
import type { Transport } from './transport.js';
import type { Turn } from './turn.js';

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
  /** Which start of the data folder this is. */
  readonly life: number;
  /** Requests are numbered from here on: see `CoordinatorOptions`. */
  readonly firstRequest: number;
  readonly seeds: readonly string[];
  /** How others reach this node, should no seed turn out to be it. */
  readonly busAddress: string;
  readonly clientAddress: () => string;
  readonly saved: SavedFacts;
  /**
   * Others have seen a later life of this node than its data folder knows of: it has to stop, and to start again as a later one still,
   * under a higher incarnation.
   */
  readonly outlived: (by: Outlived) => void;
  /**
   * This node is in the ring no longer and serves nobody: it has to stop. `left`: it was there when it was taken out, and has handed over
   * what it had.
   */
  readonly removed: (left: boolean) => void;
  /** The member that this node is to take the place of, if its folder is empty; '': none. */
  readonly replaces: string;
  /** The disk has lost versions that this node made: the next start must be under a higher incarnation, also after a clean stop. */
  readonly lostSome: () => void;
}

/** One node's protocol parts, made and joined in the one way there is. The server and the simulator both stand on it. */
export class Assembly {
  readonly writers = new WriterTable();
  readonly counts = new LiveCounts(SLOTS, this.writers);
  readonly trees = new SlotTrees(SLOTS, {
    a: (record) => digestA(record, this.writers),
    b: (record) => digestB(record, this.writers),
  });
  readonly recounter: Recounter;
  private readonly summaries: Summaries;
  readonly siblings: SiblingWatch;
  readonly store: RecordStore;
  readonly hlc: HybridClock;
  readonly node: Node;
  readonly gossip: GossipPart;
  readonly hints: HintStore;
  readonly handoff: Handoff;
  readonly sweeper: Sweeper;
  readonly reaper: Reaper;
  readonly quarantine: Quarantine;
  readonly damaged: DamagedRecords;
  readonly pace: StreamPace;
  readonly repair: AntiEntropy;
  readonly keyspace: ClusterKeyspace;
  readonly loads: Loads;
  readonly registers: Registers;
  readonly memory: RegisterMemory;
  readonly filling: Filling;
  readonly duties: Duties;
  readonly changes: ChangeFeed;
  readonly ring: RingRegister;
  readonly control: RingControl;
  readonly joining: RingJoining;
  readonly driver: RingDriver;
  private isOutlived = false;

  constructor(private readonly world: Surroundings) {
    const { settings, engine, transport, clock, random, log, turn, nodeId, incarnation, saved } = world;
    const home = this.writers.index(writerId(nodeId, incarnation));
    const own = new OwnWriters(home, () => this.writers.index(writerId(randomId(random), 0)));
    const marks = new FlushMarks(settings.databases, saved.marks);
    this.hlc = new HybridClock(saved.clock, settings.maxClockDrift);
    // A tombstone must lie behind every clock of the cluster before it goes: what is written after it is newer on all of them.
    const graceMs = () => Math.max(settings.gcGrace(), 2 * settings.maxClockDrift());
    const topology = () => this.node.topology;
    this.summaries = new Summaries(this.counts, this.trees);
    this.siblings = new SiblingWatch(this.summaries, settings.maxSiblings, clock, log);
    this.store = new RecordStore(engine, this.writers, this.siblings, {
      cacheBytes: settings.cacheSize,
      syncMode: settings.appendfsync,
      turnBytes: settings.turnWriteBytes,
      plan: () => turn.plan(),
      admit: (db, record) => marks.admit(db, record),
      tombstoneSince: () => tombstoneSince(clock.now(), graceMs()),
    });
    this.quarantine = new Quarantine(this.store, settings.maxQuarantineBytes);
    this.quarantine.start();
    const effects = () => this.node.coordinator.reads;
    this.damaged = new DamagedRecords(this.store, this.quarantine, topology, effects, clock, log, {
      forgot: () => own.forgot(null),
      lostSome: () => {
        if (own.lostSome()) world.lostSome();
      },
    });
    this.recounter = new Recounter(this.store, this.summaries, (error) =>
      log.error({ err: error }, 'the records could not be counted'),
    );
    this.recounter.start(saved.summaries);
    turn.addStage('disk', () => this.store.flush());
    const { replicas, vnodes, databases, rack, weight } = settings;
    const boot = Math.floor(random.next() * 2 ** 48);
    const clocks = new ClockGuard(settings.maxClockDrift, () => clock.now(), log);
    const membership = new Membership(
      () => ({
        nodeId,
        incarnation,
        life: world.life,
        boot,
        clock: clock.now(),
        clientAddress: world.clientAddress(),
        rack,
        weight,
        shared: { replicas, vnodes, databases, sloppy: settings.sloppy ? 'yes' : 'no', format: 2 },
      }),
      world.busAddress,
      world.seeds,
      saved.ring,
      { replicas, vnodes, databases },
    );
    this.hints = new HintStore(this.store, settings.maxHintsBytes);
    this.handoff = new Handoff(this.store, this.hints, topology, transport, clock, log, {
      throttle: settings.hintThrottle,
      window: settings.hintWindow,
      forgot: (record) => own.forgot(record),
      firstRequest: world.firstRequest,
    });
    const hints = this.handoff;
    this.node = new Node(this.store, transport, membership, clock, this.hlc, own, turn, log, hints, {
      replicas,
      vnodes,
      sloppy: settings.sloppy,
      readQuorum: settings.readQuorum,
      writeQuorum: settings.writeQuorum,
      requestTimeout: settings.requestTimeout,
      maxRequests: settings.maxRequests,
      maxLag: settings.maxLag,
      firstRequest: world.firstRequest,
      savedLives: saved.lives,
      clocks,
      outlived: (by) => this.outlived(by),
      removed: world.removed,
      sawEpoch: (peer, epoch) => this.ring.sawEpoch(peer, epoch),
    });
    this.ring = new RingRegister({
      store: this.store,
      transport,
      clock,
      random,
      log,
      host: this.node.members,
      nodeId,
      proposer: proposerName(nodeId, world.life),
      firstRequest: world.firstRequest,
      saved: saved.ringVotes,
    });
    this.node.addPart(this.ring);
    this.control = new RingControl({
      register: this.ring,
      shape: { replicas, vnodes },
      ring: () => this.node.members.ring,
      members: () => membership.members,
      applicants: () => this.node.members.applicants,
      stateOf: (name) => this.gossip.stateOf(name),
      isKnown: () => this.node.ready && this.driver.isKnown,
    });
    this.node.addPart(this.control);
    this.joining = new RingJoining({
      transport,
      log,
      control: this.control,
      replaces: world.replaces,
      hosts: () => this.node.members.hosts,
      memberAt: (peer) => this.node.members.strangerAt(peer),
      tell: (peer) => this.ring.sawEpoch(peer, 0),
    });
    this.node.addPart(this.joining);
    this.driver = new RingDriver({
      topology,
      views: () => this.gossip.views(),
      change: (change, done) => this.ring.change(change, done),
    });
    this.node.addPart(this.driver);
    this.gossip = new GossipPart({
      transport,
      clock,
      random,
      log,
      topology: () => this.node.topology,
      facts: () => ({
        ...{ id: nodeId, address: world.clientAddress(), rack, ring: this.duties.facts() },
        ...(this.filling.isFilling && { filling: true }),
      }),
      heartbeatMs: settings.heartbeatInterval,
      phiThreshold: settings.phiThreshold,
      gossipInterval: settings.gossipInterval,
      clocks,
      usable: (peer, is) => this.node.setUsable(peer, is),
    });
    this.node.addPart(this.gossip);
    this.node.addPart(hints);
    this.memory = new RegisterMemory({
      store: this.store,
      topology,
      transport,
      acceptor: () => this.registers.acceptor,
      log,
      nodeId,
      firstRequest: world.firstRequest,
      saved: saved.registers,
      repairWith: (peer, done) => {
        const compared: typeof done = (failure) => {
          if (failure === null) this.filling.compared(peer);
          done(failure);
        };
        if (!this.repair.repairWith(peer, compared)) done('too much is waiting');
      },
    });
    this.node.addPart(this.memory);
    this.filling = new Filling({
      topology,
      log,
      isNew: !saved.registers.whole,
      isWhole: () => this.memory.complete,
      idOf: (peer) => this.node.members.strangerAt(peer)?.nodeId,
      factsOf: (peer) => this.gossip.factsOf(peer),
    });
    this.node.addPart(this.filling);
    const freshSerial = () => this.writers.index(serialWriterId(randomId(random), 0));
    this.registers = new Registers({
      store: this.store,
      topology,
      transport,
      clock,
      random,
      log,
      hlc: this.hlc,
      names: new SerialNames(this.writers.index(serialWriterId(nodeId, world.life)), freshSerial),
      proposer: proposerName(nodeId, world.life),
      firstRequest: world.firstRequest,
      requestTimeout: settings.requestTimeout,
      saved: saved.registers,
      plan: () => turn.plan(),
      spread: (entry) => this.node.coordinator.groups.spread(entry),
      mayVote: (slot) => this.memory.mayVote(slot),
      doubt: (slot) => this.memory.doubt(slot),
    });
    this.node.coordinator.registers = this.registers;
    this.node.addPart(this.registers);
    turn.addStage('commands', () => this.registers.flush());
    this.sweeper = new Sweeper(this.store, clock, () => this.node.ready && this.node.topology.alone);
    this.reaper = new Reaper(this.store, topology, transport, {
      graceMs,
      requestTimeout: settings.requestTimeout,
      firstRequest: world.firstRequest,
    });
    this.node.addPart(this.reaper);
    this.node.addPart(this.damaged);
    this.node.addPart({
      messages: [],
      onMessage: () => false,
      tick: () => this.recounter.tick(clock.elapsed(), this.sweeper.calm),
    });
    this.pace = new StreamPace({
      tickMs: TICK_MS,
      throttle: settings.streamThrottle,
      share: settings.streamShare,
      served: () => servedBy(this.node.coordinator, this.node.replica),
    });
    this.node.addPart(this.pace);
    this.repair = new AntiEntropy(
      this.store,
      this.summaries,
      topology,
      transport,
      clock,
      random,
      this.hlc,
      log,
      {
        ready: () => this.recounter.known,
        handedOver: (peer) => this.hints.countOf(topology().members[peer].name) === 0,
        interval: settings.repairInterval,
        throttle: settings.repairThrottle,
        pace: this.pace,
        firstRequest: world.firstRequest,
      },
    );
    this.node.addPart(this.repair);
    this.duties = new Duties({
      topology,
      streams: this.repair,
      memory: this.memory,
      registers: this.registers,
      store: this.store,
      trees: this.trees,
      known: () => this.recounter.known,
      hints: this.hints,
      epochOf: (peer) => this.gossip.factsOf(peer)?.ring?.epoch ?? 0,
      identityOf: (peer) => this.node.members.identityOf(peer),
      writeQuorum: settings.writeQuorum,
      requestTimeout: settings.requestTimeout,
      pace: this.pace,
      forgot: (record) => {
        own.forgot(record);
        // Should the slot come back, what it says next under its name must not claim to have seen this.
        if (record !== null && own.madeAnyOf(record) && own.lostSome()) world.lostSome();
      },
      log,
    });
    this.node.addPart(this.duties);
    this.changes = new ChangeFeed(this.store, topology, transport, {
      firstRequest: world.firstRequest,
      plan: () => turn.plan(),
    });
    this.node.addPart(this.changes);
    turn.addStage('disk', () => this.changes.flush());
    this.keyspace = new ClusterKeyspace(
      this.node,
      this.store,
      this.counts,
      marks,
      clock,
      random,
      this.hlc,
      {
        flushed: (dbs) => {
          this.sweeper.flushed(dbs);
          this.changes.flushed();
        },
      },
      databases,
      (run) => this.recounter.whenCounted(run),
    );
    this.node.addPart(this.keyspace);
    this.loads = new Loads(this.node, this.counts, engine, databases);
  }

  /** Starts talking. `forwarded` runs a command that another node sent here to be coordinated; `answered` what is asked of the server. */
  start(
    forwarded: CallHandlers['forwarded'],
    answered: (question: number) => string | null = () => null,
  ): void {
    this.node.start({
      forwarded,
      query: (kind, payload, reply) => {
        const answer = answered(kind);
        if (answer !== null) reply(answer);
        else if (kind === LOAD_QUERY) this.loads.answer(reply);
        else this.keyspace.answer(kind, payload, reply);
      },
    });
    this.sweeper.start();
  }

  private outlived(by: Outlived): void {
    if (this.isOutlived) return;
    this.isOutlived = true;
    forgetMemory(this.world.engine, (error) => {
      if (error === null) return this.world.outlived(by);
      this.isOutlived = false;
      this.world.log.error({ err: error }, 'it could not be noted that this disk is an old one');
    });
  }

  /** Before `stop`, when there is time: see `Node.retire`. */
  retire(done: () => void): void {
    this.node.retire(done);
  }

  stop(): void {
    this.node.stop();
    this.sweeper.stop();
  }

  /** The last thing before a clean stop: once everything is on the disk, and nothing more gets there, what there is of it is noted. */
  saveFacts(done: Done): void {
    this.store.seal(() => {
      // A damaged row was summed and counted as a guess, and may read sound next time.
      const isExact = this.recounter.exact && this.damaged.counters.found === 0;
      const summaries = isExact ? this.summaries.save() : undefined;
      writeFacts(this.world.engine, this.hlc.latest, summaries, done);
    });
  }
}

/** 128 bits by chance, as 32 hex digits. */
function randomId(random: Random): string {
  const words = Array.from({ length: 4 }, () => Math.floor(random.next() * 2 ** 32));
  return words.map((word) => word.toString(16).padStart(8, '0')).join('');
}
