import type { MemoryDisk } from '../../storage/engine-memory.js';
import { type FolderLife, folderLives } from '../../storage/folder-lives.js';
import type { Outlived } from '../core/lives.js';
import type { Log } from '../environment.js';
import type { Checker } from './checker.js';
import type { VoteWatch } from './linearizability/vote-watch.js';
import type { RingWatch } from './ring-watch.js';
import { failed, type Outcome, type Request } from './sim-call.js';
import { type EventQueue, ProcessClock } from './sim-clock.js';
import { SimDisk } from './sim-disk.js';
import { SimLife, type SimSettings } from './sim-life.js';
import type { SimNetwork } from './sim-network.js';
import type { SimRandom } from './sim-random.js';
import { SimTransport } from './sim-transport.js';

/** Who has left the ring looks so often whether its clients have their answers, ms. */
const FAREWELL_MS = 20;
/** A process that ends itself is started again so soon. */
const RESTART_MS = 100;

/** What all nodes of a simulated world have in common. */
export interface Surroundings {
  readonly queue: EventQueue;
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly checker: Checker;
  readonly votes: VoteWatch;
  readonly settings: SimSettings;
  readonly rings: RingWatch;
  readonly log: Log;
  /** Says what happens, for the timeline. */
  readonly tell: (text: string) => void;
}

/** What its operator says of a machine when he sets it up. */
export interface Setup {
  readonly seeds: readonly string[];
  /** '': none. */
  readonly rack: string;
  readonly weight: number;
  /** The address of the dead node whose place it takes; '': none. */
  readonly replaces: string;
}

/** A clock that is off by so much or less is as good as right. */
export const LITTLE_OFF_MS = 250;

/** What a copy of a data folder holds. */
interface Backup {
  readonly takenAt: number;
  readonly disk: MemoryDisk;
  readonly nodeId: string;
  readonly folder: FolderLife;
}

/** An empty one, before its first start. */
const NEW_FOLDER: FolderLife = { life: -1, incarnation: 0, cleanShutdown: true };

/** A machine of the cluster: its disk and its clock go on through the lives and deaths of its process. */
export class SimNode {
  readonly disk: SimDisk;
  /** Present from the end of its start to its death. */
  life: SimLife | undefined;
  skewMs = 0;
  /** Its clock was far ahead at some time: versions on its disk, and so its hybrid clock, may be. */
  clockWasOff = false;
  /** It is switched off for good. */
  retired = false;
  /** It was told that it is in the ring no longer: that stays so, as long as it has its disk. */
  takenOut = false;
  /** What its data folder says of its lives. */
  folder = NEW_FOLDER;
  private clock: ProcessClock | undefined;
  private transport: SimTransport | undefined;
  private stopping = false;
  /** It was to be started while it was still stopping: it is once that is over. */
  private startsAgain = false;
  /** The world's time at which its clock stands still. */
  private clockStoppedAt: number | undefined;
  private backup: Backup | undefined;
  private disksLost = 0;
  private readonly waiting = new Set<(outcome: Outcome) => void>();

  constructor(
    private readonly world: Surroundings,
    readonly address: string,
    public nodeId: string,
    public setup: Setup,
  ) {
    this.disk = new SimDisk(world.random);
  }

  get running(): boolean {
    return this.clock !== undefined;
  }

  get frozen(): boolean {
    return this.clock?.frozen ?? false;
  }

  start(): void {
    if (this.stopping) this.startsAgain = true;
    if (this.running || this.retired) return;
    const { world } = this;
    this.folder = folderLives.begin(this.folder);
    const { incarnation, life: number } = this.folder;
    if (this.disk.misreads > 0) world.votes.forget(this.nodeId);
    world.tell(`${this.address} starts, incarnation ${incarnation}`);
    const clock = new ProcessClock(
      world.queue,
      () => this.clockOff(),
      (error) => this.threw(error),
    );
    this.clock = clock;
    const transport = new SimTransport(world.network, this.address, this.nodeId, clock);
    this.transport = transport;
    const { settings, random, log, checker, votes, rings } = world;
    const engine = this.disk.open(clock);
    SimLife.boot(
      {
        settings,
        setup: this.setup,
        random,
        log,
        checker,
        votes,
        rings,
        clock,
        engine,
        transport,
        incarnation,
        life: number,
        outlived: (by) => this.outlived(by),
        removed: (left) => this.removed(left),
        lostSome: () => {
          this.folder = folderLives.outlive(this.folder, this.folder);
        },
      },
      (life) => {
        this.life = life;
        if (life === undefined) this.restart();
      },
    );
  }

  /** The process dies at once; with the machine, it takes what was not synced along and nobody is told. */
  crash(withMachine = false): void {
    if (!this.running) return;
    this.world.tell(`${this.address} ${withMachine ? 'loses power' : 'dies'}`);
    this.end();
    this.transport!.die(withMachine);
    this.disk.processDied(withMachine);
  }

  /** Others have seen a later life than this disk knows of: it goes on as a later one still. */
  private outlived(by: Outlived): void {
    this.world.tell(`${this.address} is told that its data folder is old`);
    this.folder = folderLives.outlive(this.folder, by);
    this.restart();
  }

  /** It is in the ring no longer: the process ends, and nobody starts it again. */
  private removed(left: boolean): void {
    this.takenOut = true;
    this.world.tell(`${this.address} ${left ? 'has left' : 'was taken out of'} the ring`);
    const { clock, world } = this;
    const end = (): void => {
      if (this.clock !== clock) return;
      // As the server does: who has left answers its clients first.
      if (left && this.waiting.size > 0) world.queue.after(FAREWELL_MS, end);
      else this.crash();
    };
    world.queue.after(0, end);
  }

  /** The process has ended itself, and whoever looks after it starts it again. */
  private restart(): void {
    this.crash();
    this.world.queue.after(RESTART_MS, () => this.start());
  }

  /** A clean stop; it takes a little while. */
  stop(): void {
    const { life, clock } = this;
    if (life === undefined || this.stopping || this.frozen) return;
    this.stopping = true;
    this.world.tell(`${this.address} is stopped`);
    life.stop((clean) => {
      if (this.clock !== clock) return;
      const { startsAgain } = this;
      this.end();
      this.disk.closed();
      this.folder = { ...this.folder, cleanShutdown: clean };
      if (startsAgain) this.start();
    });
  }

  /** The process gets no time until it is thawed. */
  freeze(): void {
    this.clock?.freeze();
  }

  thaw(): void {
    if (!this.frozen) return;
    // What the sockets hold comes before or after the timers that are due, as it happens.
    const { random, network } = this.world;
    this.clock!.thaw(random.chance(0.5) ? () => network.pumpAll() : undefined);
    network.pumpAll();
  }

  // --- its clock ---

  stopClock(): void {
    this.clockStoppedAt ??= this.world.queue.now;
  }

  /** Its clock goes again, behind by as long as it stood. */
  startClock(): void {
    if (this.clockStoppedAt === undefined) return;
    this.skewMs += this.clockStoppedAt - this.world.queue.now;
    this.clockStoppedAt = undefined;
  }

  /** Everything that is wrong with the machine comes right; what is damaged or lost on its disk stays so. */
  heal(): void {
    this.clockStoppedAt = undefined;
    this.skewMs = 0;
    this.disk.full = false;
    this.disk.misreads = 0;
    this.disk.slowMs = 0;
    this.thaw();
  }

  private clockOff(): number {
    const { clockStoppedAt, skewMs, world } = this;
    const off = clockStoppedAt === undefined ? skewMs : skewMs + clockStoppedAt - world.queue.now;
    if (off > LITTLE_OFF_MS) this.clockWasOff = true;
    return off;
  }

  // --- its data folder ---

  /** Copies the data folder as it is now. */
  takeBackup(): void {
    const { disk, nodeId, folder } = this;
    this.backup = { takenAt: this.world.queue.now, disk: disk.copy(), nodeId, folder };
  }

  /** How long ago the data folder was copied. */
  get backupAgeMs(): number {
    return this.world.queue.now - this.backup!.takenAt;
  }

  /** The folder was copied in the very life that goes on: put back, it looks as after any crash, and nobody can tell. */
  get backupOfThisLife(): boolean {
    return this.backup!.folder.life === this.folder.life;
  }

  /** The process is down: the data folder becomes what it was when it was copied. */
  restoreBackup(): void {
    const { disk, takenAt: _, ...facts } = this.backup!;
    this.world.votes.forget(this.nodeId);
    this.world.rings.forget(this.address);
    this.disk.replace(disk);
    Object.assign(this, facts);
  }

  /** So large a part of the values on its disk is damaged: what it promised may be among them. */
  rot(part: number): void {
    this.world.votes.doubt(this.nodeId);
    this.disk.rot(part);
  }

  /** The process is down: the data folder is empty, and the next start makes a new node at the old address. */
  loseDisk(): void {
    this.disk.replace();
    this.world.rings.forget(this.address);
    this.takenOut = false;
    this.disksLost++;
    this.nodeId = `${this.nodeId.slice(0, -4)}ee${this.disksLost.toString(16).padStart(2, '0')}`;
    this.folder = NEW_FOLDER;
  }

  /** A client of this node; `done` comes once, with the loss of the connection at the latest. */
  ask(request: Request, done: (outcome: Outcome) => void): void {
    if (this.life === undefined || this.stopping) return done(failed('connection refused'));
    this.waiting.add(done);
    const { life } = this;
    this.clock!.enter(() => {
      life.ask(request, (outcome) => {
        if (this.waiting.delete(done)) done(outcome);
      });
    });
  }

  private end(): void {
    this.clock!.dead = true;
    this.clock = undefined;
    this.life = undefined;
    this.stopping = false;
    this.startsAgain = false;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const done of waiting) done(failed('connection lost'));
  }

  /** No message and no disk may bring a node down. */
  private threw(error: unknown): void {
    this.world.checker.violation(`${this.address} died of ${(error as Error).stack ?? error}`);
    this.crash();
  }
}
