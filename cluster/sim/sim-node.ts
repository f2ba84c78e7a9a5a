import type { Outlived } from '../core/lives.js';
import type { Log } from '../environment.js';
import type { Checker } from './checker.js';
import { failed, type Outcome, type Request } from './sim-call.js';
import { type EventQueue, ProcessClock } from './sim-clock.js';
import { SimDisk } from './sim-disk.js';
import { SimLife, type SimSettings } from './sim-life.js';
import type { SimNetwork } from './sim-network.js';
import type { SimRandom } from './sim-random.js';
import { SimTransport } from './sim-transport.js';

/** A process that ends itself is started again so soon. */
const RESTART_MS = 100;

/** What all nodes of a simulated world have in common. */
export interface Surroundings {
  readonly queue: EventQueue;
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly checker: Checker;
  readonly settings: SimSettings;
  readonly seeds: readonly string[];
  readonly log: Log;
}

/** A machine of the cluster: its disk and its clock go on through the lives and deaths of its process. */
export class SimNode {
  readonly disk: SimDisk;
  /** Present from the end of its start to its death. */
  life: SimLife | undefined;
  skewMs = 0;
  /** A restart after an unclean stop takes a new incarnation, as the data folder says; tests may break that. */
  newIncarnations = true;
  incarnation = 0;
  /** Counts the starts, as the data folder does. */
  starts = -1;
  private clean = true;
  private clock: ProcessClock | undefined;
  private transport: SimTransport | undefined;
  private stopping = false;
  private readonly waiting = new Set<(outcome: Outcome) => void>();

  constructor(
    private readonly world: Surroundings,
    readonly address: string,
    readonly nodeId: string,
  ) {
    this.disk = new SimDisk(world.random);
  }

  get running(): boolean {
    return this.clock !== undefined;
  }

  start(): void {
    if (this.running) return;
    const { world } = this;
    if (!this.clean && this.newIncarnations) this.incarnation++;
    this.starts++;
    this.clean = false;
    const clock = new ProcessClock(world.queue, () => this.skewMs);
    this.clock = clock;
    const transport = new SimTransport(world.network, this.address, this.nodeId);
    this.transport = transport;
    const { settings, seeds, random, log, checker } = world;
    const engine = this.disk.open(clock);
    SimLife.boot(
      {
        settings,
        seeds,
        random,
        log,
        checker,
        clock,
        engine,
        transport,
        incarnation: this.incarnation,
        life: this.starts,
        outlived: (by) => this.outlived(by),
      },
      (life) => {
        this.life = life;
        if (life === undefined) this.crash();
      },
    );
  }

  /** The process dies at once; with the machine, it takes what was not synced along and nobody is told. */
  crash(withMachine = false): void {
    if (!this.running) return;
    this.end();
    this.transport!.die(withMachine);
    this.disk.processDied(withMachine);
  }

  /** Others have seen a later life than this disk knows of: it goes on as a later one still. */
  private outlived({ life, incarnation }: Outlived): void {
    this.crash();
    this.starts = Math.max(this.starts, life);
    this.incarnation = Math.max(this.incarnation, incarnation);
    this.world.queue.after(RESTART_MS, () => this.start());
  }

  /** A clean stop; it takes a little while. */
  stop(): void {
    const { life, clock } = this;
    if (life === undefined || this.stopping) return;
    this.stopping = true;
    life.stop((clean) => {
      if (this.clock !== clock) return;
      this.end();
      this.disk.closed();
      this.clean = clean;
    });
  }

  /** A client of this node; `done` comes once, with the loss of the connection at the latest. */
  ask(request: Request, done: (outcome: Outcome) => void): void {
    if (this.life === undefined || this.stopping) return done(failed('connection refused'));
    this.waiting.add(done);
    this.life.ask(request, (outcome) => {
      if (this.waiting.delete(done)) done(outcome);
    });
  }

  private end(): void {
    this.clock!.dead = true;
    this.clock = undefined;
    this.life = undefined;
    this.stopping = false;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const done of waiting) done(failed('connection lost'));
  }
}
