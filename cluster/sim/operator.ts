import type { RingState } from '../core/elastic/ring-state.js';
import type { SimNode } from './sim-node.js';
import type { SimWorld } from './sim-world.js';

/** What is to become of a machine, or of the change that is under way. */
export type Wish =
  | { readonly what: 'join' | 'leave'; readonly node: SimNode }
  /** It is dead. With `returns` it is found afterwards that it was not, and somebody starts it. */
  | { readonly what: 'remove'; readonly node: SimNode; readonly returns: boolean }
  | { readonly what: 'replace'; readonly node: SimNode; readonly by: SimNode }
  | { readonly what: 'weigh'; readonly node: SimNode; readonly weight: number }
  | { readonly what: 'roll back' };

/** From one look at the cluster to the next, ms. */
const LOOK_FROM_MS = 500;
const LOOK_TO_MS = 4000;
/** A change of which nothing is seen for so long is taken back, ms. */
const STUCK_MS = 40_000;
/** A change is only taken back if that can be done at once. */
const BACK_WITHIN_MS = 5000;

const RETURNS_MS = 10_000;

interface Task {
  readonly wish: Wish;
  readonly since: number;
}

/** Wants machines to join and to leave, and asks some node for it again and again until it has come true. */
export class Operator {
  private tasks: Task[] = [];
  private looks = false;
  private seenEpoch = 0;
  private seenAt = 0;

  constructor(private readonly world: SimWorld) {}

  /** Everything has come true. */
  get idle(): boolean {
    return this.tasks.length === 0;
  }

  /** What has not come true yet, in words. */
  get wishes(): readonly string[] {
    return this.tasks.map(({ wish }) => wishText(wish));
  }

  wants(wish: Wish): void {
    const { world, tasks } = this;
    world.tell(`the operator wants to ${wishText(wish)}`);
    tasks.push({ wish, since: world.queue.now });
    this.look();
  }

  /** Members there would be if everything came true. */
  get members(): number {
    const going = this.tasks.filter(({ wish }) => wish.what === 'leave');
    return this.world.nodes.length - going.length;
  }

  /** Something is wanted of it. */
  isConcernedWith(node: SimNode): boolean {
    return this.tasks.some(
      ({ wish }) => ('node' in wish && wish.node === node) || (wish.what === 'replace' && wish.by === node),
    );
  }

  private look(): void {
    if (this.looks) return;
    this.looks = true;
    const { queue, random } = this.world;
    queue.after(random.between(LOOK_FROM_MS, LOOK_TO_MS), () => {
      this.looks = false;
      this.see();
      if (!this.idle) this.look();
    });
  }

  private see(): void {
    const { world } = this;
    const ring = world.rings.latest!;
    if (ring.epoch !== this.seenEpoch) {
      this.seenEpoch = ring.epoch;
      this.seenAt = world.queue.now;
    }
    const open: Task[] = [];
    for (const task of this.tasks) {
      if (this.isOver(task, ring)) this.finish(task.wish);
      else open.push(task);
    }
    this.tasks = open;
    const isUnderWay = ring.phase !== 'stable' && ring.phase !== 'clearing';
    const isStuck = isUnderWay && world.queue.now - this.seenAt > STUCK_MS;
    if (isStuck) return this.ask({ what: 'roll back' });
    const spare = this.spare(ring);
    let leaving = 0;
    for (const { wish } of open) {
      // Nobody takes members away before there are enough others.
      if (wish.what === 'leave' && ++leaving > spare) continue;
      if (wish.what !== 'remove' || spare >= 0) this.ask(wish);
    }
  }

  /** Members that run, more than there have to be, when all that has begun is done. */
  private spare({ phase, current, other }: RingState): number {
    const { nodes, leastMembers } = this.world;
    if (phase !== 'stable' && phase !== 'copying') return 0;
    const target = (phase === 'copying' ? other! : current).filter(({ name }) =>
      nodes.some(({ address }) => address === name),
    );
    return target.length - leastMembers;
  }

  private isOver({ wish, since }: Task, { phase, current }: RingState): boolean {
    if (wish.what === 'roll back')
      return phase === 'stable' || phase === 'clearing' || this.world.queue.now - since > BACK_WITHIN_MS;
    if (phase !== 'stable') return false;
    const member = current.find(({ name }) => name === wish.node.address);
    if (wish.what === 'join') return member !== undefined;
    if (wish.what === 'weigh') return member?.weight === wish.weight;
    if (member !== undefined) return false;
    return wish.what !== 'replace' || current.some(({ name }) => name === wish.by.address);
  }

  private finish(wish: Wish): void {
    const { world } = this;
    world.tell(`it has come true: ${wishText(wish)}`);
    if (wish.what === 'leave') {
      wish.node.crash();
      world.retire(wish.node);
    } else if (wish.what === 'remove' && wish.returns) {
      wish.node.retired = false;
      world.queue.after(world.random.between(0, RETURNS_MS), () => wish.node.start());
    }
  }

  private ask(wish: Wish): void {
    const { random, nodes } = this.world;
    if (wish.what === 'join') return this.begin(wish.node);
    if (wish.what === 'replace') return this.begin(wish.by);
    const asked = wish.what === 'leave' ? wish.node : random.pick(nodes);
    asked.life?.changeRing(wish);
  }

  /**
   * A machine that joins, or takes the place of another, asks for it itself. After a change that was taken back it has to begin anew; if those that it
   * was told of have gone meanwhile, it is told of others.
   */
  private begin(node: SimNode): void {
    if (node.takenOut && !node.running) node.loseDisk();
    const { nodes } = this.world;
    const knowsNobody = !nodes.some(({ address }) => node.setup.seeds.includes(address));
    if (knowsNobody && node.life?.node.ready !== true) {
      node.setup = { ...node.setup, seeds: this.world.someMembers() };
      node.crash();
    }
    node.start();
  }
}

function wishText(wish: Wish): string {
  if (wish.what === 'roll back') return 'take the change back';
  const { address } = wish.node;
  switch (wish.what) {
    case 'join':
      return `let ${address} join`;
    case 'leave':
      return `let ${address} leave`;
    case 'remove':
      return `remove ${address}`;
    case 'replace':
      return `let ${wish.by.address} take the place of ${address}`;
    case 'weigh':
      return `give ${address} the weight ${wish.weight}`;
  }
}
