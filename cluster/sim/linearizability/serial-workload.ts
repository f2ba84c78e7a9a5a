import { hlcToMs } from '../../core/hlc.js';
import { type Level, SERIAL } from '../../core/levels.js';
import type { SimWorld } from '../sim-world.js';
import { linearize } from './linearize.js';
import {
  MixedRegister,
  SharedBank,
  SharedCounter,
  SharedLock,
  type SharedObject,
  SharedPair,
  SharedRegister,
} from './objects.js';
import { SerialClient, type SerialHabits } from './serial-client.js';

/** What clients share, and how many of them. */
export interface SerialPlan {
  readonly clients: number;
  readonly registers: number;
  readonly pairs: number;
  readonly counters: number;
  readonly banks: number;
  readonly locks: number;
  /** Keys that plain clients write too. */
  readonly mixed: number;
  /** In so many slots the objects are. */
  readonly slots: number;
  readonly thinkMs?: number;
  /** Another than `SERIAL`, to see what the steps come to without. */
  readonly level?: Level;
}

const ACCOUNTS = 4;
const LOCK_MS = 2000;
const THINK_MS = 30;
/** A step may fail while members still learn that all is well. */
const LAST_TRIES = 5;
const BETWEEN_TRIES_MS = 3000;

/** Clients that share keys by steps at `SERIAL`, and the judgement of what they were told. */
export class SerialWorkload {
  readonly clients: readonly SerialClient[];
  /** Those for plain clients. */
  readonly mixedKeys: readonly string[];
  private readonly objects: readonly SharedObject[];
  private readonly level: Level;

  constructor(
    private readonly world: SimWorld,
    plan: SerialPlan,
    promised: Pick<SerialHabits, 'reliable' | 'fresh'>,
  ) {
    const { level = SERIAL, thinkMs = THINK_MS } = plan;
    this.level = level;
    this.objects = makeObjects(plan);
    this.mixedKeys = this.objects.filter(({ linearizable }) => !linearizable).flatMap(({ keys }) => keys);
    this.clients = Array.from(
      { length: plan.clients },
      (_, i) => new SerialClient(world, `s${i}`, this.objects, { thinkMs, level, ...promised }),
    );
  }

  /** Steps that were answered. */
  get steps(): number {
    return this.clients.reduce((sum, { steps }) => sum + steps, 0);
  }

  /** All is healed: everything is read once more, so that what is left is part of the story. */
  readAll(): void {
    const { world, level } = this;
    for (const { keys, history } of this.objects) {
      for (let tries = 1; ; tries++) {
        const open = history.ask('the judge', { do: 'get' }, keys);
        const node = world.random.pick(world.nodes);
        const { failure, answer } = world.ask(node, { kind: 'step', keys, level, step: { do: 'get' } });
        if (failure === null) open.answered(answer!);
        else if (tries < LAST_TRIES) world.runFor(BETWEEN_TRIES_MS);
        else world.checker.violation(`${keys[0]} could not be read at the end: ${failure}`, keys[0]);
        if (failure === null || tries === LAST_TRIES) break;
      }
    }
  }

  /** Holds what clients were told against what an atomic object would have told them. */
  judge(): void {
    const { checker } = this.world;
    for (const object of this.objects) {
      const [key] = object.keys;
      for (const fault of object.faults(this.world.clocksAheadMs)) checker.violation(fault, key);
      if (!object.linearizable) continue;
      const verdict = linearize(object.history);
      if (verdict.kind === 'anomaly') checker.violation(`${key} is not linearizable: ${verdict.why}`, key);
      // A judge who cannot make up his mind has not acquitted anybody.
      if (verdict.kind === 'undecided')
        checker.violation(`${key}: no order of its steps was found in time, nor that there is none`, key);
    }
  }
}

function makeObjects({ registers, pairs, counters, banks, locks, mixed, slots }: SerialPlan): SharedObject[] {
  let made = 0;
  const key = (name: string): string => `${name}{serial${made % slots}}`;
  const several = (count: number, make: (i: number) => SharedObject): SharedObject[] =>
    Array.from({ length: count }, (_, i) => {
      const one = make(i);
      made++;
      return one;
    });
  return [
    ...several(registers, (i) => new SharedRegister(key(`register${i}`))),
    ...several(pairs, (i) => new SharedPair([key(`guard${i}`), key(`guarded${i}`)])),
    ...several(mixed, (i) => new MixedRegister(key(`mixed${i}`))),
    ...several(counters, (i) => new SharedCounter(key(`counter${i}`))),
    ...several(locks, (i) => new SharedLock(key(`lock${i}`), LOCK_MS, timeOf)),
    ...several(
      banks,
      (i) => new SharedBank(Array.from({ length: ACCOUNTS }, (_, j) => key(`account${i}.${j}`))),
    ),
  ];
}

/** The reading of the hybrid clock in a version's name, as Unix ms. */
function timeOf(dot: string): number {
  return hlcToMs(Number(dot.slice(dot.lastIndexOf('@') + 1)));
}
