import { fnv1a } from '../../storage/writers.js';
import { hlcToMs } from '../core/hlc.js';
import type { Log } from '../environment.js';
import { Checker } from './checker.js';
import { Gauges } from './gauges.js';
import { VoteWatch } from './linearizability/vote-watch.js';
import { LossBudget } from './loss-budget.js';
import { Operator } from './operator.js';
import { RingWatch } from './ring-watch.js';
import type { Outcome, Request } from './sim-call.js';
import { EventQueue, WORLD_BEGINS } from './sim-clock.js';
import { type SimSettings, USUAL } from './sim-life.js';
import { type NetworkObserver, SimNetwork } from './sim-network.js';
import { type Setup, SimNode, type Surroundings } from './sim-node.js';
import { SimRandom } from './sim-random.js';
import { Timeline } from './timeline.js';

const FORM_WITHIN_MS = 30_000;
const FAR_OFF_MS = 1000;
/** What TCP forbids may leave a request behind for so long whose answer then makes no sense. */
const AFTER_STRAYS_MS = 30_000;

export interface WorldOptions {
  /** The key whose timeline is kept. */
  readonly traced?: string;
  /** How many machines may forget at most between two moments at which all is well: see `LossBudget`. */
  readonly losses?: number;
  /** Whether anything that was acknowledged is lost with a log that was not synced (the default); else machines may lose power at will. */
  readonly logsMatter?: boolean;
  /** Steps go through registers: nodes must not forget votes without knowing it. */
  readonly votesMatter?: boolean;
  /** How far off a clock may have been: what is over for it is over. */
  readonly clocksOffMs?: number;
  /** The machines stand in so many racks, in turn; 0: in none. */
  readonly racks?: number;
  /** Nobody wants the ring to have fewer members. */
  readonly leastMembers?: number;
  /** Whether a machine may run again that was held dead and removed: with quorums it can do no harm. */
  readonly deadMayReturn?: boolean;
}

/** Nodes, wires, time and chance: everything there is in one simulated run. */
export class SimWorld {
  readonly queue = new EventQueue();
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly checker: Checker;
  /** Machines that are members of the ring, or are to be. */
  readonly nodes: SimNode[] = [];
  /** Machines that were. */
  readonly gone: SimNode[] = [];
  readonly rings: RingWatch;
  readonly operator = new Operator(this);
  readonly settings: SimSettings;
  /** Hash of all that has happened: equal for equal seeds. */
  hash = 0;
  /** Errors that nodes have logged. */
  readonly logged: string[] = [];
  /** How often each fault has struck. */
  readonly struck = new Map<string, number>();
  /** Hear of everything that reaches a node. */
  readonly watchers = new Set<NetworkObserver>();
  readonly gauges: Gauges;
  readonly timeline: Timeline | undefined;
  /** Trouble is over: nothing may begin any more. */
  calm = true;
  /** Flushes under way, and when the last was over, whatever came of it. */
  readonly flushes = { underWay: 0, lastEnd: -1 };
  private readonly budget: LossBudget;
  private isFounded = false;
  private readonly logsMatter: boolean;
  readonly votesMatter: boolean;
  readonly leastMembers: number;
  readonly deadMayReturn: boolean;
  private readonly surroundings: Surroundings;
  private readonly racks: number;
  /** How far ahead a clock may be by which something was swept, ms: that of a node is right or far off. */
  readonly clocksAheadMs: number;

  constructor(
    seed: number | string,
    nodeCount: number,
    settings: Partial<SimSettings> = {},
    {
      traced,
      losses = 0,
      logsMatter = true,
      votesMatter = false,
      clocksOffMs = 0,
      racks = 0,
      leastMembers = nodeCount,
      deadMayReturn = false,
    }: WorldOptions = {},
  ) {
    this.logsMatter = logsMatter;
    this.votesMatter = votesMatter;
    this.racks = racks;
    this.leastMembers = leastMembers;
    this.deadMayReturn = deadMayReturn;
    this.clocksAheadMs = clocksOffMs > FAR_OFF_MS ? clocksOffMs : 0;
    this.random = new SimRandom(seed);
    this.settings = { ...USUAL, ...settings };
    this.budget = new LossBudget(losses);
    const { queue } = this;
    this.timeline = traced === undefined ? undefined : new Timeline(traced, () => queue.now);
    this.checker = new Checker({
      now: () => queue.now,
      lastFlush: () => (this.flushes.underWay > 0 ? queue.now : this.flushes.lastEnd),
      flushed: (hlc) => this.nodes.some(({ life }) => life?.hasFlushed(hlc)),
      mayHaveExpired: (expireAt) => expireAt <= WORLD_BEGINS + queue.now + clocksOffMs,
      timeOf: (hlc) => hlcToMs(hlc) - WORLD_BEGINS,
      graceMs: this.settings.gcGraceMs,
      clocksOffMs,
    });
    this.network = new SimNetwork(queue, this.random);
    this.network.observe = (from, to, parcel) => {
      const bytes = parcel.kind === 'frame' ? parcel.bytes.latin1Slice() : parcel.kind;
      this.note(`${from.address}>${to.address} ${bytes}`);
      this.timeline?.parcel(from.address, to.address, parcel);
      for (const watch of this.watchers) watch(from, to, parcel);
    };
    this.network.nonsense = (peer, to, type) => {
      const text = `${to.address} could not make sense of a message of type ${type} of its peer ${peer}`;
      this.tell(text);
      if (queue.now - this.network.strayedAt > AFTER_STRAYS_MS) this.checker.violation(text);
    };
    const seeds = Array.from({ length: nodeCount }, (_, i) => `n${i + 1}:1`);
    const { random, network, checker } = this;
    const log: Log = { info: () => {}, warn: () => {}, error: (_, text) => void this.logged.push(text) };
    const tell = (text: string): void => this.tell(text);
    const votes = new VoteWatch(checker);
    this.rings = new RingWatch(checker, tell);
    const { rings } = this;
    this.surroundings = { queue, random, network, checker, votes, rings, settings: this.settings, log, tell };
    for (const _ of seeds) this.addNode({ seeds });
    this.gauges = new Gauges(this.nodes);
  }

  /** One machine more, with an empty disk, that knows of some others; it is yet to be started. */
  addNode(given: Partial<Setup> = {}): SimNode {
    const number = this.nodes.length + this.gone.length + 1;
    const nodeId = number.toString(16).padStart(2, '0').repeat(16);
    const rack = this.racks === 0 ? '' : `r${number % this.racks}`;
    const seeds = this.nodes.slice(0, 2).map(({ address }) => address);
    const setup = { seeds, rack, weight: 1, replaces: '', ...given };
    const node = new SimNode(this.surroundings, `n${number}:1`, nodeId, setup);
    this.nodes.push(node);
    return node;
  }

  /** Whom a new machine is told to turn to: addresses. */
  someMembers(): string[] {
    const names = this.rings.latest!.current.map(({ name }) => name);
    const there = names.filter((name) => this.nodes.some(({ address }) => address === name));
    return [...new Set([this.random.pick(there), this.random.pick(there)])];
  }

  /** The machine is no part of the cluster any more. */
  retire(node: SimNode): void {
    this.tell(`${node.address} is switched off for good`);
    node.retired = true;
    this.nodes.splice(this.nodes.indexOf(node), 1);
    this.gone.push(node);
  }

  /** Takes a fact into the hash. */
  note(fact: string): void {
    this.hash = fnv1a(`${this.queue.now} ${fact}`, this.hash);
  }

  /** Something happened that a reader wants to know: about these keys, or about the world. */
  tell(text: string, keys?: readonly string[]): void {
    this.note(text);
    this.timeline?.tell(text, keys);
  }

  /**
   * Whether the node may forget what it has said is in its log, or on its `disk`, or be gone for good with its `machine`, without more being
   * lost than the product promises to bear. It is then taken to have done so.
   */
  mayForget(node: SimNode, what: 'log' | 'disk' | 'machine' = 'log'): boolean {
    const logIsSafe = this.settings.syncMode === 'always' || !this.logsMatter;
    return (what === 'log' && logIsSafe) || this.budget.take(node.address, what !== 'machine');
  }

  /** No replica that answers has forgotten anything since all of them had everything. */
  get remembers(): boolean {
    return this.budget.whole;
  }

  /** Starts every node that does not run. */
  startAll(): void {
    for (const node of this.nodes) node.start();
  }

  runFor(ms: number): void {
    this.queue.runUntil(this.queue.now + ms);
  }

  /** Lets the world go on until it holds; false when it never does. */
  runUntil(holds: () => boolean, withinMs = FORM_WITHIN_MS): boolean {
    const end = this.queue.now + withinMs;
    while (!holds()) {
      if (this.queue.now >= end) return false;
      this.runFor(10);
    }
    return true;
  }

  /**
   * There was a moment at which all had their votes on the ring. A machine that is gone for good before it leaves a cluster behind that cannot decide
   * to go on without it, for all that is known (ARCHITECTURE.md, "When the ring changes").
   */
  get founded(): boolean {
    return this.isFounded;
  }

  noteFounded(): void {
    this.isFounded ||= this.nodes.every(({ life }) => life?.assembly.ring.remembers === true);
  }

  /** All nodes run, are in the ring, and everybody is connected with everybody. */
  get whole(): boolean {
    return this.nodes.every(({ life }) => {
      if (life === undefined || !life.node.ready) return false;
      const { self, inRing, peers, alive } = life.node.topology;
      return inRing[self] === 1 && peers.every((peer) => alive[peer] === 1);
    });
  }

  /** All that was wanted of the ring has come true; it is these nodes, and all know it. */
  get settled(): boolean {
    const { nodes, rings, operator } = this;
    if (!operator.idle || !this.whole) return false;
    const { epoch, phase, current } = rings.latest!;
    if (phase !== 'stable' || current.length !== nodes.length) return false;
    return nodes.every(({ life }) => life!.node.topology.epoch === epoch);
  }

  /** Starts the cluster and waits until it is whole. */
  form(): void {
    this.startAll();
    if (!this.runUntil(() => this.whole)) throw new Error('the cluster did not form');
  }

  /** Asks one node and waits for its answer. */
  ask(node: SimNode, request: Partial<Request> & Pick<Request, 'kind' | 'keys'>): Outcome {
    let outcome: Outcome | undefined;
    node.ask({ value: '', level: 0, ...request }, (answer) => {
      outcome = answer;
    });
    if (!this.runUntil(() => outcome !== undefined)) throw new Error(`${request.kind} was never answered`);
    return outcome!;
  }

  /** Ends all trouble. */
  healFaults(): void {
    this.tell('everything is healed');
    this.network.healAll();
    for (const node of this.nodes) node.heal();
    this.startAll();
  }

  /** Every replica has everything again: as many machines may forget as in the beginning. */
  renewBudget(): void {
    this.budget.renew();
  }
}
