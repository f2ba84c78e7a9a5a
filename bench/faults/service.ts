/** Clients for whom a fault means the same. */
export interface Group {
  readonly name: string;
  /** Their node is dead: for them alone lost connections are as expected. */
  readonly nodeIsDead: boolean;
}

export const EVERYBODY: Group = { name: 'all', nodeIsDead: false };

const DOCUMENTED = /^(NOQUORUM|CLUSTERDOWN|OVERLOADED|LOADING)\b/;
const CONNECTION = 'connection lost';
const NO_REPLY = 'no reply';

/** What a group of clients was given. */
export class Service {
  acknowledged = 0;
  read = 0;
  /** Reads of a number below the one acknowledged before. */
  stale = 0;
  /** Reads of a number whose write was said not to be applied. */
  untrue = 0;
  slowestMs = 0;
  /** The longest that one client had no success. */
  longestGapMs = 0;
  /** How often, by text. */
  readonly errors = new Map<string, number>();
  readonly undocumented = new Set<string>();

  constructor(readonly group: Group) {}

  get failed(): number {
    return [...this.errors.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Any reply, or the end of waiting for one. */
  answered(ms: number): void {
    this.slowestMs = Math.max(this.slowestMs, ms);
  }

  /** So long one client had no success. */
  gap(ms: number): void {
    this.longestGapMs = Math.max(this.longestGapMs, ms);
  }

  /** An error reply. */
  refused(message: string): void {
    if (!DOCUMENTED.test(message)) this.undocumented.add(message);
    this.count(message);
  }

  lostConnection(why: string): void {
    const text = `${CONNECTION}: ${why}`;
    if (!this.group.nodeIsDead) this.undocumented.add(text);
    this.count(text);
  }

  /** The load had ended and the patience with it. */
  unanswered(ms: number): void {
    this.answered(ms);
    this.undocumented.add(NO_REPLY);
    this.count(NO_REPLY);
  }

  private count(text: string): void {
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }
}

/** What an error is called in a table: its code, or the whole text where it has no documented one. */
export function kindOf(text: string): string {
  return DOCUMENTED.exec(text)?.[1] ?? (text.startsWith(CONNECTION) ? CONNECTION : text);
}

/** The services of one measured span, by group, in the order in which they came up. */
export class Tally {
  private readonly byGroup = new Map<Group, Service>();

  of(group: Group): Service {
    let service = this.byGroup.get(group);
    if (service === undefined) {
      service = new Service(group);
      this.byGroup.set(group, service);
    }
    return service;
  }

  get services(): readonly Service[] {
    return [...this.byGroup.values()].filter((one) => one.acknowledged + one.read + one.failed > 0);
  }
}
