import type { SimWorld } from './sim-world.js';

export interface Troubles {
  readonly crashes?: boolean;
  /** Machines lose power: what was not synced may be lost. Only with `syncMode: 'always'` nothing acknowledged is. */
  readonly power?: boolean;
  readonly cleanStops?: boolean;
  readonly partitions?: boolean;
  readonly resets?: boolean;
  /** Disks fill up and are freed again. */
  readonly fullDisks?: boolean;
  /** Clocks are off by so much at most, ms. */
  readonly skewMs?: number;
}

/** Makes trouble at random until it is stopped. */
export class SimChaos {
  private stopped = false;
  private readonly kinds: (() => void)[] = [];

  constructor(
    private readonly world: SimWorld,
    private readonly troubles: Troubles,
  ) {
    const { crashes, power, cleanStops, partitions, resets, fullDisks, skewMs } = troubles;
    if (crashes) this.kinds.push(() => this.crash(false));
    if (power) this.kinds.push(() => this.crash(true));
    if (cleanStops) this.kinds.push(() => this.stopCleanly());
    if (partitions)
      this.kinds.push(
        () => this.split(),
        () => this.cutOneWay(),
      );
    if (resets) this.kinds.push(() => this.reset());
    if (fullDisks) this.kinds.push(() => this.fillDisk());
    if (skewMs) this.kinds.push(() => this.skew());
  }

  start(): void {
    for (let i = 0; this.troubles.skewMs && i < this.world.nodes.length; i++) this.skew();
    this.next();
  }

  stop(): void {
    this.stopped = true;
  }

  private next(): void {
    const { random, queue } = this.world;
    if (this.kinds.length === 0) return;
    queue.after(random.between(200, 3000), () => {
      if (this.stopped) return;
      random.pick(this.kinds)();
      this.next();
    });
  }

  private later(fromMs: number, toMs: number, run: () => void): void {
    const { random, queue } = this.world;
    queue.after(random.between(fromMs, toMs), run);
  }

  private crash(withMachine: boolean): void {
    const node = this.world.random.pick(this.world.nodes);
    this.world.note(`${node.address} dies`);
    node.crash(withMachine);
    this.later(50, 6000, () => node.start());
  }

  private stopCleanly(): void {
    const node = this.world.random.pick(this.world.nodes);
    node.stop();
    this.later(200, 6000, () => node.start());
  }

  /** Two sides that do not reach each other. */
  private split(): void {
    const { nodes, random, network } = this.world;
    const sides = nodes.map(() => random.chance(0.5));
    nodes.forEach((a, i) => {
      nodes.forEach((b, j) => {
        if (sides[i] !== sides[j]) network.cut(a.address, b.address);
      });
    });
    this.later(200, 8000, () => network.healAll());
  }

  /** One node is no longer heard by some others, but hears them. */
  private cutOneWay(): void {
    const { nodes, random, network } = this.world;
    const quiet = random.pick(nodes);
    for (const other of nodes) {
      if (other !== quiet && random.chance(0.6)) network.cut(quiet.address, other.address);
    }
    this.later(200, 8000, () => network.healAll());
  }

  private reset(): void {
    const { nodes, random, network } = this.world;
    network.reset(random.pick(nodes).address, random.pick(nodes).address);
  }

  private fillDisk(): void {
    const { disk } = this.world.random.pick(this.world.nodes);
    disk.full = true;
    this.later(20, 3000, () => {
      disk.full = false;
    });
  }

  private skew(): void {
    const { nodes, random } = this.world;
    const most = this.troubles.skewMs!;
    random.pick(nodes).skewMs = random.between(-most, most);
  }
}
