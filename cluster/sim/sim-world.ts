import { fnv1a } from '../../storage/writers.js';
import { ALL } from '../core/levels.js';
import type { Log } from '../environment.js';
import { Checker, type Sight } from './checker.js';
import type { Outcome, Request } from './sim-call.js';
import { EventQueue } from './sim-clock.js';
import { type SimSettings, USUAL } from './sim-life.js';
import { SimNetwork } from './sim-network.js';
import { SimNode } from './sim-node.js';
import { SimRandom } from './sim-random.js';

const FORM_WITHIN_MS = 30_000;

/** Nodes, wires, time and chance: everything there is in one simulated run. */
export class SimWorld {
  readonly queue = new EventQueue();
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly checker = new Checker();
  readonly nodes: SimNode[] = [];
  /** Hash of all that has happened: equal for equal seeds. */
  hash = 0;
  readonly logged: string[] = [];

  constructor(seed: number | string, nodeCount: number, settings: Partial<SimSettings> = {}) {
    this.random = new SimRandom(seed);
    this.network = new SimNetwork(this.queue, this.random);
    this.network.observe = (from, to, parcel) => {
      const bytes = parcel.kind === 'frame' ? parcel.bytes.latin1Slice() : parcel.kind;
      this.note(`${from.address}>${to.address} ${bytes}`);
    };
    this.network.nonsense = (peer, to) =>
      this.checker.violation(`${to.address} could not make sense of a message of its peer ${peer}`);
    const seeds = Array.from({ length: nodeCount }, (_, i) => `n${i + 1}:1`);
    const { queue, random, network, checker } = this;
    const log: Log = { info: () => {}, warn: () => {}, error: (_, text) => void this.logged.push(text) };
    const all = { queue, random, network, checker, settings: { ...USUAL, ...settings }, seeds, log };
    seeds.forEach((address, i) => {
      this.nodes.push(new SimNode(all, address, (i + 1).toString(16).padStart(2, '0').repeat(16)));
    });
  }

  /** Takes a fact into the hash. */
  note(fact: string): void {
    this.hash = fnv1a(`${this.queue.now} ${fact}`, this.hash);
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

  /** All nodes run, the cluster has formed and everybody is connected with everybody. */
  get whole(): boolean {
    return this.nodes.every(({ life }) => {
      if (life === undefined || !life.node.ready) return false;
      const { topology } = life.node;
      return topology.alive.every((alive) => alive === 1);
    });
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

  /** Ends all trouble, then reads every key from all replicas, twice: what the checker then finds is what is left. */
  heal(): void {
    this.network.healAll();
    for (const node of this.nodes) {
      node.skewMs = 0;
      node.disk.full = false;
    }
    this.startAll();
    if (!this.runUntil(() => this.whole)) {
      this.checker.violation('the cluster did not become whole again after everything was healed');
      return;
    }
    this.runFor(5000);
    this.readAll((key, sight) => this.checker.saw(key, sight, undefined));
    this.runFor(2000);
    this.readAll((key, sight) => this.checker.final(key, sight));
    this.runFor(2000);
  }

  /** Reads every key from all its replicas, each at some node. */
  private readAll(visit: (key: string, sight: Sight) => void): void {
    const { keys } = this.checker;
    let left = keys.length;
    for (const key of keys) {
      this.random.pick(this.nodes).ask({ kind: 'get', keys: [key], value: '', level: ALL }, (answer) => {
        left--;
        if (answer.failure === null) visit(key, answer.sights[0]);
        else this.checker.violation(`${key} could not be read at the end: ${answer.failure}`);
      });
    }
    if (!this.runUntil(() => left === 0)) this.checker.violation(`${left} reads were never answered`);
  }
}
