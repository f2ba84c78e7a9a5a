import type { Random } from '../../cluster/environment.js';
import { ReadCounts, type ReadRate } from './read-counts.js';

/** Read far above the rest: at least so many times a second, and so large a part of all reads. */
export const HOT_PER_SECOND = 50;
export const HOT_SHARE = 0.01;
/** Keys that a node tells the others of. */
const MAX_TOLD = 100;
/** Longer keys are not told of, bytes. */
const MAX_TOLD_LENGTH = 4096;

/** What KV.HOTKEYS shows. */
export interface HotReport {
  /** Members that were counted in, and all there are. */
  readonly nodes: number;
  readonly members: number;
  /** Reads a second of all keys. */
  readonly perSecond: number;
  readonly keys: readonly ReadRate[];
}

/** Other nodes, and what they answer. */
export interface HotPeers {
  /** Reachable ones are asked; `done` gets an answer, or null, for every one of `peers`. */
  readonly peers: () => readonly number[];
  ask(peer: number, done: (answer: string | null) => void): void;
}

/** The keys that the clients of this node read most, and, asking the others, those of all nodes. */
export class HotKeys {
  readonly counts: ReadCounts;
  private readonly hot: Set<string>[] = [];
  private hotCount = 0;

  constructor(
    random: Random,
    private readonly peers: HotPeers,
  ) {
    this.counts = new ReadCounts(random);
  }

  /** Keys that are hot just now, on this node. */
  get size(): number {
    return this.hotCount;
  }

  isHot(db: number, key: string): boolean {
    return this.hotCount > 0 && this.hot[db]?.has(key) === true;
  }

  /** Several times a second. */
  tick(elapsedMs: number): void {
    this.counts.tick(elapsedMs);
    for (const keys of this.hot) keys?.clear();
    const hot = outstanding(this.counts.top(MAX_TOLD), this.counts.perSecond);
    this.hotCount = hot.length;
    for (const { db, key } of hot) {
      this.hot[db] ??= new Set();
      this.hot[db].add(key);
    }
  }

  /** What this node tells another: `report` of there understands it. */
  tell(): string {
    const told = this.counts.top(MAX_TOLD).filter(({ key }) => key.length <= MAX_TOLD_LENGTH);
    return JSON.stringify([
      this.counts.perSecond,
      ...told.map(({ db, key, perSecond }) => [db, key, perSecond]),
    ]);
  }

  /** Of all nodes that answer, together. */
  report(count: number, done: (report: HotReport) => void): void {
    const peers = this.peers.peers();
    const answers = [this.tell()];
    let left = peers.length;
    const finish = (): void => done(together(answers, peers.length + 1, count));
    if (left === 0) return finish();
    for (const peer of peers)
      this.peers.ask(peer, (answer) => {
        if (answer !== null) answers.push(answer);
        if (--left === 0) finish();
      });
  }
}

function together(answers: readonly string[], members: number, count: number): HotReport {
  let nodes = 0;
  let perSecond = 0;
  const rates = new Map<string, ReadRate>();
  for (const answer of answers) {
    const told = parse(answer);
    if (told === null) continue;
    nodes++;
    perSecond += told.perSecond;
    for (const rate of told.keys) {
      const name = `${rate.db}:${rate.key}`;
      rates.set(name, { ...rate, perSecond: rate.perSecond + (rates.get(name)?.perSecond ?? 0) });
    }
  }
  const sorted = [...rates.values()].sort((a, b) => b.perSecond - a.perSecond);
  return { nodes, members, perSecond, keys: outstanding(sorted, perSecond).slice(0, count) };
}

function outstanding(rates: readonly ReadRate[], ofAll: number): ReadRate[] {
  return rates.filter(({ perSecond }) => perSecond >= HOT_PER_SECOND && perSecond >= HOT_SHARE * ofAll);
}

/** null: garbled. */
function parse(answer: string): { perSecond: number; keys: ReadRate[] } | null {
  try {
    const [perSecond, ...rows] = JSON.parse(answer) as [number, ...[number, string, number][]];
    const keys = rows.map(([db, key, rate]) => ({ db, key, perSecond: rate }));
    const isSound = keys.every(
      ({ db, key, perSecond: rate }) =>
        Number.isInteger(db) && typeof key === 'string' && Number.isFinite(rate),
    );
    return Number.isFinite(perSecond) && isSound ? { perSecond, keys } : null;
  } catch {
    return null;
  }
}
