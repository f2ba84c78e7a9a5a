import { DEFAULT, type Level } from '../core/levels.js';
import { slotOf } from '../core/slot.js';
import { Describer } from './describe-message.js';
import type { Request } from './sim-call.js';
import type { SimSettings } from './sim-life.js';
import type { SimNode } from './sim-node.js';
import { SimWorld } from './sim-world.js';

const WIRE_MS = 1;
const DISK_MS = 0.2;
/** Longer than it takes to see that a node is gone, and to connect again. */
const LONG_MS = 8000;

/** A cluster of three in which every step is told and every message about data becomes a line. */
export class Scenario {
  readonly lines: string[] = [];
  readonly world: SimWorld;
  /** The replicas of the key, the first coordinates its writes. */
  readonly first: SimNode;
  readonly second: SimNode;
  readonly third: SimNode;
  private readonly describer = new Describer();

  constructor(
    private readonly key: string,
    settings: Partial<SimSettings> = {},
  ) {
    // Anti-entropy would tell the end of each story first.
    const world = new SimWorld('scenario', 3, { repairIntervalSeconds: 0, ...settings });
    this.world = world;
    const { describer, lines } = this;
    world.network.delay = () => WIRE_MS;
    for (const { disk } of world.nodes) disk.delay = () => DISK_MS;
    world.form();
    const { topology } = world.nodes[0].life!.node;
    const [first, second, third] = [...topology.homes(slotOf(key))].map((member) => {
      const { busAddress } = topology.members[member];
      return world.nodes.find((node) => node.address === busAddress)!;
    });
    this.first = first;
    this.second = second;
    this.third = third;
    this.tell(`${key} lives on ${[first, second, third].map(nameOf).join(', ')}`);
    world.network.observe = (from, to, parcel) => {
      if (parcel.kind !== 'frame') return;
      for (const { text } of describer.frame(nameOf(from), nameOf(to), parcel.bytes)) lines.push(text);
    };
  }

  get text(): string {
    return `${this.lines.slice(1).join('\n')}\n`;
  }

  tell(text: string): void {
    this.lines.push('', `-- ${text}`);
  }

  set(node: SimNode, value: string, level: Level = DEFAULT): void {
    this.tell(`a client of ${nameOf(node)} sets ${this.key} to "${value}"`);
    this.ask(node, { kind: 'set', keys: [this.key], value, level });
  }

  get(node: SimNode, level: Level = DEFAULT): void {
    this.tell(`a client of ${nameOf(node)} reads ${this.key}`);
    this.ask(node, { kind: 'get', keys: [this.key], value: '', level });
  }

  dies(node: SimNode): void {
    this.tell(`${nameOf(node)} dies`);
    node.crash();
    this.world.runFor(LONG_MS);
  }

  starts(node: SimNode): void {
    this.tell(`${nameOf(node)} starts again`);
    node.start();
    this.world.runFor(LONG_MS);
  }

  isolate(node: SimNode): void {
    this.tell(`${nameOf(node)} is cut off from the others`);
    for (const other of this.world.nodes) {
      if (other !== node) this.world.network.cutBoth(node.address, other.address);
    }
    this.world.runFor(LONG_MS);
  }

  heal(): void {
    this.tell('the wires are mended');
    this.world.network.healAll();
    this.world.runFor(LONG_MS);
  }

  private ask(node: SimNode, request: Request): void {
    const { failure, sights } = this.world.ask(node, request);
    this.lines.push(`answer: ${failure ?? (sights.map((one) => this.describer.sight(one)).join() || 'OK')}`);
    // What follows the answer: repairs, the last acknowledgement.
    this.world.runFor(1000);
  }
}

function nameOf({ address }: { address: string }): string {
  return address.split(':')[0];
}
