import { type KeyRecord, TOMBSTONE } from '../../storage/record.js';
import { type WriterTable, writerName } from '../../storage/writers.js';

/** A record as the checker sees it: in names that mean the same on all nodes, fit for JSON. */
export interface Sight {
  /** By writer: everything of it up to this reading has been seen. */
  readonly context: Readonly<Record<string, number>>;
  readonly siblings: readonly {
    readonly writer: string;
    readonly hlc: number;
    readonly value: string | null;
  }[];
}

export function sightOf(record: KeyRecord | null, writers: WriterTable): Sight {
  const context: Record<string, number> = {};
  if (record === null) return { context, siblings: [] };
  for (let i = 0; i < record.context.length; i += 2)
    context[writerName(writers.id(record.context[i]))] = record.context[i + 1];
  const siblings = record.siblings.map(({ writer, hlc, type, payload }) => ({
    writer: writerName(writers.id(writer)),
    hlc,
    value: type === TOMBSTONE ? null : payload,
  }));
  return { context, siblings };
}

/** A version that was made, and what became of it. */
interface Issued {
  readonly key: string;
  readonly value: string | null;
  /** Versions that took this one's place, knowing it. */
  readonly replacedBy: string[];
  acknowledged: boolean;
}

type Floor = Map<string, number>;

/**
 * Knows every version that was ever issued and what clients were told, and says what must not be. A version may be gone only
 * if others took its place knowingly, and one of those, or of those that replaced them, and so on, is still there.
 */
export class Checker {
  readonly violations: string[] = [];
  acknowledged = 0;
  reads = 0;
  private readonly issued = new Map<string, Issued>();
  /** By key: what acknowledged writes have in common with every later read, when nothing fails. */
  private readonly floors = new Map<string, Floor>();
  /** Values whose writers were told that they were not applied. */
  private readonly denied = new Set<string>();
  private readonly dotsOfKey = new Map<string, string[]>();

  get keys(): readonly string[] {
    return [...this.dotsOfKey.keys()].sort();
  }

  get versions(): number {
    return this.issued.size;
  }

  violation(text: string): void {
    this.violations.push(text);
  }

  /** A coordinator has made a new version of a key, in the place of `before`. */
  made(key: string, before: Sight, after: Sight): void {
    const [version] = after.siblings;
    const dot = dotOf(version);
    if (this.issued.has(dot)) this.violation(`${key}: the dot ${dot} was issued twice`);
    if (this.denied.has(`${key} ${version.value}`))
      this.violation(`${key}: ${version.value} was denied, then made`);
    this.issued.set(dot, { key, value: version.value, replacedBy: [], acknowledged: false });
    const dots = this.dotsOfKey.get(key);
    if (dots === undefined) this.dotsOfKey.set(key, [dot]);
    else dots.push(dot);
    for (const old of before.siblings) this.issued.get(dotOf(old))?.replacedBy.push(dot);
  }

  /** A client was told that its write is safe. */
  told(key: string, dot: string): void {
    this.acknowledged++;
    const issued = this.issued.get(dot);
    if (issued === undefined) return this.violation(`${key}: ${dot} was acknowledged and never made`);
    issued.acknowledged = true;
    const at = dot.lastIndexOf('@');
    raise(this.floorOf(key), dot.slice(0, at), Number(dot.slice(at + 1)));
  }

  /** A client was told that its write has certainly not happened. `value` is written by nobody else. */
  deny(key: string, value: string): void {
    this.denied.add(`${key} ${value}`);
    for (const dot of this.dotsOfKey.get(key) ?? []) {
      if (this.issued.get(dot)!.value === value) this.violation(`${key}: ${value} was made, then denied`);
    }
  }

  /** What a read that begins now must have seen at least, where nothing fails. */
  floor(key: string): ReadonlyMap<string, number> {
    return new Map(this.floorOf(key));
  }

  /** A client has read something, which must be real and, where `floor` is given, not older than that. */
  saw(key: string, sight: Sight, floor: ReadonlyMap<string, number> | undefined): void {
    this.reads++;
    for (const version of sight.siblings) {
      const issued = this.issued.get(dotOf(version));
      if (issued === undefined || issued.key !== key || issued.value !== version.value)
        this.violation(`${key}: read ${dotOf(version)} = ${version.value}, which nobody wrote`);
    }
    for (const [writer, hlc] of floor ?? []) {
      if ((sight.context[writer] ?? 0) < hlc) this.violation(`${key}: read older than ${writer}@${hlc}`);
    }
  }

  /** What is left of a key when all is healed and all replicas were read. */
  final(key: string, sight: Sight): void {
    this.saw(key, sight, undefined);
    const left = new Set(sight.siblings.map(dotOf));
    for (const dot of this.dotsOfKey.get(key) ?? []) {
      if (!this.issued.get(dot)!.acknowledged || this.survives(dot, left)) continue;
      this.violation(`${key}: the acknowledged write ${dot} is lost; left are ${[...left].join(' ')}`);
    }
  }

  private survives(dot: string, left: ReadonlySet<string>): boolean {
    const open = [dot];
    const seen = new Set(open);
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      if (left.has(one)) return true;
      for (const next of this.issued.get(one)?.replacedBy ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    return false;
  }

  private floorOf(key: string): Floor {
    let floor = this.floors.get(key);
    if (floor === undefined) {
      floor = new Map();
      this.floors.set(key, floor);
    }
    return floor;
  }
}

export function dotOf({ writer, hlc }: { writer: string; hlc: number }): string {
  return `${writer}@${hlc}`;
}

export function raise(floor: Map<string, number>, writer: string, hlc: number): void {
  if ((floor.get(writer) ?? 0) < hlc) floor.set(writer, hlc);
}
