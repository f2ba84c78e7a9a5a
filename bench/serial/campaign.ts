import { setTimeout as pause } from 'node:timers/promises';
import type { History } from '../../cluster/sim/linearizability/history.js';
import { linearize } from '../../cluster/sim/linearizability/linearize.js';
import { type Seeded, seeded } from '../../compat-tests/harness/seeded.js';
import type { RingNode } from '../../compat-tests/harness/servers.js';
import { SharedBank } from './bank.js';
import { Caller } from './caller.js';
import { SharedCounter } from './counter.js';
import { fencesBackwards, LockFight, overlaps } from './lock-fight.js';
import { SharedRegister } from './register.js';
import type { Actor, SharedObject } from './shared-object.js';
import { Tally } from './tally.js';

/** Acts on one object; then a new one takes its place, so that every history can be judged. */
const ACTS = 150;
const LONGEST_THOUGHT_MS = 20;
const LOCK_MS = 2000;

/** Clients that share one object at a time. */
interface Ground {
  readonly name: string;
  readonly clients: number;
  /** Of how many of them the connections are at SERIAL; others say it where they need it. */
  readonly serial: number;
  make(name: string): SharedObject;
}

const GROUNDS: readonly Ground[] = [
  { name: 'register:a', clients: 5, serial: 0, make: (name) => new SharedRegister(name) },
  { name: 'register:b', clients: 3, serial: 0, make: (name) => new SharedRegister(name) },
  { name: 'counter', clients: 4, serial: 0, make: (name) => new SharedCounter(name) },
  { name: 'bank', clients: 4, serial: 2, make: (name) => new SharedBank(name) },
];
const LOCK_CLIENTS = 4;

/** What is found about everything that clients were told. */
export interface Judgement {
  readonly histories: number;
  readonly anomalies: readonly string[];
  /** Histories for which the search was given up. */
  readonly undecided: number;
  readonly lockHolds: number;
  readonly tally: Tally;
}

/** Clients at work on a cluster of which anything may break, and what is known of their operations. */
export class Campaign {
  readonly tally = new Tally();
  private readonly lock = new LockFight('lock', LOCK_MS);
  private readonly histories: History[] = [];
  private clients: Promise<unknown> = Promise.resolve();
  private readonly callers: Caller[] = [];
  private readonly ports: readonly number[];
  private stopped = false;
  private written = 0;

  constructor(
    nodes: readonly RingNode[],
    private readonly random: Seeded,
  ) {
    this.ports = nodes.map(({ port }) => port);
  }

  /** Resolves after `finish`; rejects when a reply is not one that can be. */
  run(): Promise<unknown> {
    const grounds = GROUNDS.map((ground) => this.play(ground));
    const fighters = this.actors('lock', LOCK_CLIENTS, 0).map((actor) => this.lock.fight(actor));
    this.clients = Promise.all([...grounds, ...fighters]);
    return this.clients;
  }

  /** Ends the clients, once all is mended, and judges. */
  async finish(): Promise<Judgement> {
    this.stopped = true;
    this.lock.stop();
    await this.clients;
    for (const caller of this.callers) caller.close();
    const verdicts = this.histories.map((history) => linearize(history));
    const anomalies = verdicts.flatMap((one, i) =>
      one.kind === 'anomaly' ? [`${this.histories[i].keys.join(' ')}: ${one.why}`] : [],
    );
    return {
      histories: this.histories.length,
      anomalies: [...anomalies, ...overlaps(this.lock.holds), ...fencesBackwards(this.lock.holds)],
      undecided: verdicts.filter(({ kind }) => kind === 'undecided').length,
      lockHolds: this.lock.holds.length,
      tally: this.tally,
    };
  }

  private async play({ name, clients, serial, make }: Ground): Promise<void> {
    let acts = 0;
    let object: SharedObject;
    const renew = (): void => {
      object = make(`${name}:${this.histories.length}`);
      this.histories.push(object.history);
    };
    renew();
    const work = async (actor: Actor): Promise<void> => {
      while (!this.stopped) {
        if (++acts % ACTS === 0) renew();
        actor.caller.moveOn();
        await object.act(actor);
        await pause(actor.random.below(LONGEST_THOUGHT_MS));
      }
      // Whatever was in flight is settled by now, one way or the other.
      await object.readAll(actor);
    };
    await Promise.all(this.actors(name, clients, serial).map(work));
  }

  private actors(name: string, count: number, serial: number): Actor[] {
    return Array.from({ length: count }, (_, i) => {
      const random = seeded(this.random.below(2 ** 31));
      const caller = new Caller(this.ports, random, i < serial);
      this.callers.push(caller);
      const unique = (): string => `${name}:${i}:${++this.written}`;
      return { name: `${name}:${i}`, caller, random, tally: this.tally, unique };
    });
  }
}
