import { compareWriters, dotOf, isSerialName, join, raise, type Sight } from './sight.js';

/** A version that was made, and what became of it. */
interface Issued {
  readonly dot: string;
  readonly key: string;
  readonly value: string | null;
  readonly hlc: number;
  /** Unix ms; 0: never. */
  readonly expireAt: number;
  /** The world's time. */
  readonly madeAt: number;
  /** Versions whose place this one took, knowing them; and those that took its place. */
  readonly replaced: Issued[];
  readonly replacedBy: Issued[];
  /** A delete that has left other versions: its dot names no version. Whoever has seen the dot knows of it. */
  readonly bare: boolean;
  acknowledged: boolean;
}

/** Something that must not be, and the key it happened to, if it was one. */
export interface Violation {
  readonly text: string;
  readonly key: string | undefined;
}

/** What the checker cannot know by itself. */
export interface CheckerFacts {
  /** The world's time, ms. */
  now(): number;
  /** Whether a version with this reading is void by a flush, as far as any node knows. */
  flushed(hlc: number): boolean;
  /** The world's time at which the last flush was over, whatever came of it; -1: there was none. */
  lastFlush(): number;
  /** Whether the version's time is over, by the fastest clock there was. */
  mayHaveExpired(expireAt: number): boolean;
  /** The world's time of a reading of a hybrid clock. */
  timeOf(hlc: number): number;
  /** How old a tombstone is at least when it is forgotten, ms, by the reading of its own version. */
  readonly graceMs: number;
  /** How far clocks may have been off from each other, ms: a flush is a moment by the clock. */
  readonly clocksOffMs: number;
}

/**
 * Knows every version that was ever issued and what clients were told, and says what must not be. A version may be gone only
 * if others took its place knowingly, and one of those, or of those that replaced them, and so on, is still there; or if it, or
 * one of those, was deleted so long ago that it may be forgotten, or flushed.
 */
export class Checker {
  readonly found: Violation[] = [];
  acknowledged = 0;
  reads = 0;
  /** Reads that had to show what had been acknowledged or read before. */
  freshReads = 0;
  private flushedBefore = -1;
  private readonly issued = new Map<string, Issued>();
  private readonly versionsOf = new Map<string, Issued[]>();
  /** By key: what acknowledged writes have in common with every later read. */
  private readonly floors = new Map<string, Map<string, number>>();
  /** Values whose writers were told that they were not applied. */
  private readonly denied = new Set<string>();

  constructor(private readonly facts: CheckerFacts) {}

  get violations(): readonly string[] {
    return this.found.map(({ text }) => text);
  }

  get keys(): readonly string[] {
    return [...this.versionsOf.keys()].sort();
  }

  get versions(): number {
    return this.issued.size;
  }

  violation(text: string, key?: string): void {
    this.found.push({ text, key });
  }

  /** A coordinator has made a new version of a key, in the place of `before`. */
  made(key: string, before: Sight, after: Sight, expireAt: number): void {
    this.issue(key, after.siblings[0], expireAt, before.siblings, before.context, false);
  }

  /** The same for a client that has given what it had `seen` along: only that may be replaced by it. Returns the dot. */
  madeOf(seen: Sight, key: string, before: Sight, after: Sight): string {
    const isSeen = ({ writer, hlc }: { writer: string; hlc: number }): boolean =>
      covers(seen.context, writer, hlc);
    const replaced = [...before.siblings.filter(isSeen), ...seen.siblings];
    const context = join(before, seen).context;
    const [writer, hlc] = Object.entries(after.context).reduce((a, b) => (a[1] > b[1] ? a : b));
    const made = after.siblings.find((version) => version.writer === writer && version.hlc === hlc);
    this.issue(key, made ?? { writer, hlc, value: null }, 0, replaced, context, made === undefined);
    return dotOf({ writer, hlc });
  }

  private issue(
    key: string,
    { value, hlc, writer }: Sight['siblings'][number],
    expireAt: number,
    replacedVersions: Sight['siblings'],
    context: Sight['context'],
    bare: boolean,
  ): void {
    const dot = dotOf({ writer, hlc });
    if (this.issued.has(dot)) this.violation(`${key}: the dot ${dot} was issued twice`, key);
    if (this.denied.has(`${key} ${value}`)) this.violation(`${key}: ${value} was denied, then made`, key);
    const versions = this.versionsOf.get(key) ?? [];
    const replaced = replacedVersions
      .map((old) => this.issued.get(dotOf(old)))
      .filter((one) => one !== undefined)
      .concat(versions.filter((one) => one.bare && covers(context, writerOf(one), one.hlc)));
    const issued: Issued = {
      dot,
      key,
      value,
      hlc,
      expireAt,
      madeAt: this.facts.now(),
      replaced,
      replacedBy: [],
      bare,
      acknowledged: false,
    };
    this.issued.set(dot, issued);
    versions.push(issued);
    this.versionsOf.set(key, versions);
    for (const old of replaced) old.replacedBy.push(issued);
  }

  /** A client was told that its write is safe. */
  told(key: string, dot: string): void {
    this.acknowledged++;
    const issued = this.issued.get(dot);
    if (issued === undefined) return this.violation(`${key}: ${dot} was acknowledged and never made`, key);
    issued.acknowledged = true;
    raise(this.floorOf(key), writerOf(issued), issued.hlc);
  }

  /** A client was told that its write has certainly not happened. `value` is written by nobody else. */
  deny(key: string, value: string): void {
    this.denied.add(`${key} ${value}`);
    for (const issued of this.versionsOf.get(key) ?? [])
      if (issued.value === value) this.violation(`${key}: ${value} was made, then denied`, key);
  }

  /** What a read that begins now must have seen at least, where no replica forgets and R + W > N. */
  floor(key: string): ReadonlyMap<string, number> {
    return new Map(this.floorOf(key));
  }

  /** A client has read something, which must be real and, where `floor` is given, not older than that. */
  saw(key: string, sight: Sight, floor?: ReadonlyMap<string, number>): void {
    this.reads++;
    if (!inOrder(sight)) this.violation(`${key}: its versions are not newest first`, key);
    for (const version of sight.siblings) {
      const issued = this.issued.get(dotOf(version));
      if (issued === undefined && isTouch(version)) continue;
      if (issued === undefined || issued.key !== key || !this.couldBe(issued, version.value))
        this.violation(`${key}: read ${dotOf(version)} = ${version.value}, which nobody wrote`, key);
    }
    if (floor === undefined) return;
    this.freshReads++;
    const left = new Set(sight.siblings.map(dotOf));
    for (const [writer, hlc] of floor) {
      if ((sight.context[writer] ?? 0) >= hlc) continue;
      const issued = this.issued.get(`${writer}@${hlc}`);
      // That somebody has looked is nothing a reader has to see.
      if (issued === undefined && isSerialName(writer)) continue;
      if (issued !== undefined && this.survives(issued, sight, left)) continue;
      this.violation(`${key}: read older than ${writer}@${hlc}`, key);
    }
  }

  /** A flush that began then was acknowledged: what had been made before is void. */
  flushed(beganAt: number): void {
    this.flushedBefore = Math.max(this.flushedBefore, beganAt);
  }

  /** A walk of the keyspace has found these keys. */
  scanned(keys: readonly string[]): void {
    for (const key of keys)
      if (!this.versionsOf.has(key)) this.violation(`a scan found ${key}, which nobody wrote`);
  }

  /** What is left of a key when all is healed: all its replicas together. */
  final(key: string, sight: Sight): void {
    this.saw(key, sight);
    const left = new Set(sight.siblings.map(dotOf));
    const versions = this.versionsOf.get(key) ?? [];
    const kept = closure(
      versions.filter((one) => isHeld(one, sight, left) || this.mayBeForgotten(one)),
      ({ replaced }) => replaced,
    );
    for (const issued of versions) {
      if (!issued.acknowledged || kept.has(issued)) continue;
      const rest = left.size === 0 ? 'nothing is left' : `left are ${[...left].join(' ')}`;
      this.violation(`${key}: the acknowledged write ${issued.dot} is lost; ${rest}`, key);
    }
    for (const dot of left) {
      const version = this.issued.get(dot);
      if (version?.acknowledged && version.madeAt < this.flushedBefore - this.facts.clocksOffMs)
        this.violation(`${key}: ${dot} has come back, although it was flushed`, key);
      const successor = this.acknowledgedAfter(dot);
      if (successor === undefined) continue;
      const what = successor.value === null ? 'deleted' : 'replaced';
      this.violation(`${key}: ${dot} has come back, although it was ${what} by ${successor.dot}`, key);
    }
  }

  private couldBe(issued: Issued, value: string | null): boolean {
    if (issued.value === value) return true;
    return value === null && issued.expireAt !== 0 && this.facts.mayHaveExpired(issued.expireAt);
  }

  private survives(version: Issued, sight: Sight, left: ReadonlySet<string>): boolean {
    for (const one of closure([version], ({ replacedBy }) => replacedBy))
      if (isHeld(one, sight, left) || this.mayBeForgotten(one)) return true;
    return false;
  }

  private mayBeForgotten({ value, hlc, madeAt, expireAt }: Issued): boolean {
    const { facts } = this;
    if (madeAt <= facts.lastFlush() + facts.clocksOffMs && facts.flushed(hlc)) return true;
    if (value !== null && !(expireAt !== 0 && facts.mayHaveExpired(expireAt))) return false;
    // By the clock of who asks all others, which may be ahead: safe, for they all have to agree.
    return facts.now() + facts.clocksOffMs - Math.min(madeAt, facts.timeOf(hlc)) >= facts.graceMs;
  }

  /** A write that was acknowledged and had seen this one. */
  private acknowledgedAfter(dot: string): Issued | undefined {
    const version = this.issued.get(dot);
    if (version === undefined) return undefined;
    for (const one of closure([version], ({ replacedBy }) => replacedBy))
      if (one !== version && one.acknowledged) return one;
    return undefined;
  }

  private floorOf(key: string): Map<string, number> {
    let floor = this.floors.get(key);
    if (floor === undefined) {
      floor = new Map();
      this.floors.set(key, floor);
    }
    return floor;
  }
}

function writerOf({ dot }: Issued): string {
  return dot.slice(0, dot.lastIndexOf('@'));
}

function covers(context: Sight['context'], writer: string, hlc: number): boolean {
  return (context[writer] ?? 0) >= hlc;
}

function isHeld(one: Issued, { context }: Sight, left: ReadonlySet<string>): boolean {
  return left.has(one.dot) || (one.bare && covers(context, writerOf(one), one.hlc));
}

/** A round of a register has found nothing, and says so: nobody wrote it. */
function isTouch({ writer, value }: Sight['siblings'][number]): boolean {
  return value === null && isSerialName(writer);
}

/** Newest first; of equal readings the lower name. */
function inOrder({ siblings }: Sight): boolean {
  for (let i = 1; i < siblings.length; i++) {
    const [a, b] = [siblings[i - 1], siblings[i]];
    if (a.hlc < b.hlc || (a.hlc === b.hlc && compareWriters(a.writer, b.writer) > 0)) return false;
  }
  return true;
}

/** The versions, those one step further, and so on. */
function closure(from: readonly Issued[], step: (one: Issued) => readonly Issued[]): Set<Issued> {
  const all = new Set(from);
  for (const one of all) for (const next of step(one)) all.add(next);
  return all;
}
