import type { Event, History } from './history.js';
import { type Held, NOTHING, type Step, takeStep, visibleAt } from './step.js';

/** What is found about a history. */
export type Verdict =
  | { readonly kind: 'linearizable' }
  /** No order of the steps explains the answers. */
  | { readonly kind: 'anomaly'; readonly why: string }
  /** The search was given up after as many tries as it was allowed. */
  | { readonly kind: 'undecided' };

const MOST_TRIES = 2_000_000;
const LAST_SHOWN = 8;

/**
 * Whether some order of the steps, in which each takes effect at once between its question and its answer, explains all answers
 * (Herlihy and Wing 1990). Steps of unknown outcome may be anywhere after their question, or nowhere.
 *
 * The search is Wing and Gong's with Lowe's memory of configurations that led nowhere, and three cuts of our own, all sound: a step that fits
 * and changes nothing is taken at once; of equal steps of unknown outcome the earliest goes first; one of which nobody can have seen
 * anything is left out.
 */
export function linearize(history: History, mostTries = MOST_TRIES): Verdict {
  return new Search(history).run(mostTries);
}

/** A completed step not yet placed, in a list by question. */
interface Place {
  readonly event: Event;
  readonly index: number;
  before: Place | undefined;
  after: Place | undefined;
}

/** Steps of unknown outcome that are equal: any of them is as good as the other, so the earliest that is left. */
interface Unknowns {
  readonly events: readonly Event[];
  readonly index: number;
  placed: number;
}

interface Move {
  readonly event: Event;
  readonly of: Place | Unknowns;
  readonly state: State;
  /** It changes nothing: no other move need be tried in its stead. */
  readonly idle: boolean;
}

type State = readonly Held[];

/** The moves that can be made in a configuration, and how many of them have been tried. */
interface Fork {
  readonly moves: readonly Move[];
  tried: number;
}

class Search {
  private first: Place | undefined;
  private readonly unknowns: readonly Unknowns[];
  private left = 0;
  private state: State;
  /** Sets of placed steps as sums of what their members drew (Zobrist 1970), with the state: all that led nowhere. */
  private readonly seen = new Set<string>();
  private low = 0;
  private high = 0;
  private readonly made: Move[] = [];
  private deepest = -1;
  private why = '';

  constructor(private readonly history: History) {
    const { events } = history;
    this.state = history.keys.map(() => NOTHING);
    let last: Place | undefined;
    for (const event of events) {
      if (event.answer === null) continue;
      const place: Place = { event, index: this.left++, before: last, after: undefined };
      if (last === undefined) this.first = place;
      else last.after = place;
      last = place;
    }
    this.unknowns = gatherUnknowns(events, this.left);
  }

  run(mostTries: number): Verdict {
    const forks: Fork[] = [this.fork()];
    for (let tries = 0; this.left > 0; tries++) {
      if (tries >= mostTries) return { kind: 'undecided' };
      const fork = forks.at(-1)!;
      if (fork.tried === fork.moves.length) {
        forks.pop();
        if (forks.length === 0) return { kind: 'anomaly', why: this.why };
        this.takeBack();
        continue;
      }
      const move = fork.moves[fork.tried++];
      this.make(move);
      if (move.idle || this.isNew()) forks.push(this.fork());
      else this.takeBack();
    }
    return { kind: 'linearizable' };
  }

  private fork(): Fork {
    const moves = this.moves();
    if (this.made.length > this.deepest) {
      this.deepest = this.made.length;
      if (moves.every(({ idle }) => !idle)) this.why = this.explain();
    }
    return { moves, tried: 0 };
  }

  /** Whatever may come next: asked before the first answer of those that are left. */
  private moves(): Move[] {
    const moves: Move[] = [];
    let before = Number.POSITIVE_INFINITY;
    for (let place = this.first; place !== undefined; place = place.after) {
      const { event } = place;
      if (event.asked > before) break;
      before = Math.min(before, event.answered);
      for (const state of this.after(event)) {
        const move: Move = { event, of: place, state, idle: state === this.state };
        if (move.idle) return [move];
        moves.push(move);
      }
    }
    for (const group of this.unknowns) {
      const event = group.events[group.placed];
      if (event === undefined || event.asked > before) continue;
      for (const state of this.after(event))
        if (state !== this.state) moves.push({ event, of: group, state, idle: false });
    }
    return moves;
  }

  /** What the state can be after the step, if its answer fits: the very same object where it changes nothing. */
  private after({ step, at, answer }: Event): State[] {
    const { state } = this;
    const nows = at.some((key) => state[key].expireAt !== 0) ? times(answer) : [0];
    const states: State[] = [];
    for (const now of nows) {
      const shown = at.map((key) => visibleAt(state[key], now));
      if (answer?.saw?.some((value, i) => value !== shown[i])) continue;
      const { reply, writes } = takeStep(step, shown);
      if (answer !== null && answer.reply !== reply) continue;
      states.push(changed(state, at, writes));
    }
    return states;
  }

  private make(move: Move): void {
    const { of } = move;
    this.made.push({ ...move, state: this.state });
    this.state = move.state;
    if ('event' in of) {
      this.left--;
      if (of.before === undefined) this.first = of.after;
      else of.before.after = of.after;
      if (of.after !== undefined) of.after.before = of.before;
      this.toggle(of.index);
    } else this.toggle(of.index + of.placed++);
  }

  private takeBack(): void {
    const { of, state } = this.made.pop()!;
    this.state = state;
    if ('event' in of) {
      this.left++;
      if (of.before === undefined) this.first = of;
      else of.before.after = of;
      if (of.after !== undefined) of.after.before = of;
      this.toggle(of.index);
    } else this.toggle(of.index + --of.placed);
  }

  private toggle(index: number): void {
    this.low ^= drawn(index);
    this.high ^= drawn(index ^ 0x5bd1e995);
  }

  private isNew(): boolean {
    const state = this.state.map(
      ({ value, expireAt }) => `${value === null ? '-' : `=${value}`}@${expireAt}`,
    );
    const configuration = `${this.low} ${this.high} ${state.join(' ')}`;
    if (this.seen.has(configuration)) return false;
    this.seen.add(configuration);
    return true;
  }

  private explain(): string {
    const { keys } = this.history;
    const told = this.made.slice(-LAST_SHOWN).map(({ event }) => said(event, keys));
    const holds = keys.map((key, i) => `${key} = ${this.state[i].value ?? 'nothing'}`).join(', ');
    const next: string[] = [];
    let before = Number.POSITIVE_INFINITY;
    for (let place = this.first; place !== undefined && place.event.asked < before; place = place.after) {
      before = Math.min(before, place.event.answered);
      next.push(said(place.event, keys));
    }
    return `after ... ${told.join('; ')} (then ${holds}) none of these can come next: ${next.join('; ')}`;
  }
}

function gatherUnknowns(events: readonly Event[], from: number): Unknowns[] {
  const groups = new Map<string, Event[]>();
  const pending = events.filter(({ answer }) => answer === null);
  for (const event of pending) {
    if (!mayMatter(event, events)) continue;
    const name = JSON.stringify([event.step, event.at]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [event]);
    else group.push(event);
  }
  let index = from;
  return [...groups.values()].map((group) => {
    const one: Unknowns = { events: group, index, placed: 0 };
    index += group.length;
    return one;
  });
}

/**
 * Whether anybody's answer can depend on it: somebody has seen the value it writes, or may have without our knowing, or went on from it.
 */
function mayMatter({ step, at }: Event, events: readonly Event[]): boolean {
  if (step.do === 'get') return false;
  if (!('value' in step)) return true;
  return events.some(({ step: other, at: where, answer }) => {
    if (!where.some((key) => at.includes(key))) return false;
    // What they write depends on what they find.
    if (other.do === 'incr' || other.do === 'transfer') return true;
    if ('expected' in other && other.expected === step.value) return true;
    return answer !== null && (answer.saw === undefined || answer.saw.includes(step.value));
  });
}

/** The moments by which expiries may have been judged. Of a step nobody knows the outcome of: any. */
function times(answer: Event['answer']): readonly number[] {
  if (answer?.now === undefined) return [0, Number.POSITIVE_INFINITY];
  const { now, ranAt = now } = answer;
  return ranAt > now ? [now, ranAt] : [now];
}

function changed(state: State, at: readonly number[], writes: readonly (Held | undefined)[]): State {
  if (writes.every((held) => held === undefined)) return state;
  const next = [...state];
  for (const [i, held] of writes.entries()) if (held !== undefined) next[at[i]] = held;
  return next;
}

/** A number that looks like chance, for a bit of Zobrist's sums. */
function drawn(index: number): number {
  let x = Math.imul(index + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

function said({ client, step, at, asked, answered, answer }: Event, keys: readonly string[]): string {
  const heard = answer === null ? 'unknown' : `${answer.reply} ${JSON.stringify(answer.saw ?? [])}`;
  const until = answered === Number.POSITIVE_INFINITY ? '' : answered;
  return `[${asked}-${until} ${client}: ${words(step)} ${at.map((i) => keys[i]).join(' ')} -> ${heard}]`;
}

function words(step: Step): string {
  return Object.values(step).join(' ');
}
