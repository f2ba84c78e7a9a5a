import { perSecond, type Span } from './load.js';

const KEEPS = 0.7;
const MOVES = 1.15;
const EVEN = 0.1;

/** A change of the ring, or of its processes, and what clients noticed. */
export interface Step {
  readonly name: string;
  /** Requests per second before it, */
  readonly before: number;
  /** and after it: where another number of nodes shares the machine, that alone makes a difference. */
  readonly after?: number;
  readonly span: Span;
  /** By the ring: copies of slots that got a new home, and what could not have been fewer. */
  readonly moved?: { readonly copies: number; readonly ideal: number };
  /** By the nodes: keys that came to who had nothing of them, and what could not have been fewer; and later records of keys that had come. */
  readonly received?: { readonly added: number; readonly due: number; readonly renewed: number };
  /** Of records that members received. */
  readonly bytes?: number;
  /** Keys on each node afterwards. */
  readonly keys?: readonly number[];
  /** Whether throughput is held to the mark: not where part of the nodes is away. */
  readonly keepsUp: boolean;
}

const HEAD = [
  'what happens',
  'lasted',
  'requests/s before',
  'after',
  'meanwhile',
  'of before',
  'of the lower',
  'worst second',
  'failed',
  'stale reads',
  'p99',
  'slowest',
  'slots moved, of ideal',
  'keys received, of ideal',
  'received again',
  'bytes',
  'keys per node, off even',
  '',
];

export function stepTable(steps: readonly Step[]): string {
  return [row(HEAD), row(HEAD.map(() => '---')), ...steps.map(line)].join('\n');
}

/** What was promised and is not so, in words. */
export function missed(step: Step): string[] {
  const { name, span, before, moved, received, keys, keepsUp } = step;
  const told: string[] = [];
  if (span.failed > 0) told.push(`${span.failed} commands failed`);
  if (span.stale > 0) told.push(`${span.stale} reads were stale`);
  if (keepsUp && perSecond(span) < KEEPS * before) told.push(`throughput fell below ${KEEPS} of before`);
  if (moved !== undefined && moved.copies > MOVES * moved.ideal)
    told.push(`more than ${MOVES} of the ideal number of slots moved`);
  if (received !== undefined && received.added > MOVES * received.due)
    told.push(`more than ${MOVES} of the ideal number of keys moved`);
  if (keys !== undefined && unevenness(keys) > EVEN)
    told.push(`keys are spread worse than within ${100 * EVEN} %`);
  return told.map((text) => `${name}: ${text}`);
}

/** The largest distance from the mean, as a share of it. */
export function unevenness(keys: readonly number[]): number {
  const mean = keys.reduce((all, one) => all + one, 0) / keys.length;
  return Math.max(...keys.map((one) => Math.abs(one - mean))) / mean;
}

function line(step: Step): string {
  const { name, span, before, after, moved, received, bytes, keys } = step;
  const number = (value: number): string => Math.round(value).toLocaleString('en');
  const share = (atRest: number): string => `${Math.round((100 * perSecond(span)) / atRest)} %`;
  return row([
    name,
    `${span.seconds.toFixed(0)} s`,
    number(before),
    after === undefined ? '' : number(after),
    number(perSecond(span)),
    share(before),
    after === undefined ? '' : share(Math.min(before, after)),
    number(span.worstSecond),
    String(span.failed),
    String(span.stale),
    `${span.p99Ms.toFixed(0)} ms`,
    `${span.slowestMs.toFixed(0)} ms`,
    moved === undefined ? '' : `${number(moved.copies)}, ${(moved.copies / moved.ideal).toFixed(2)}`,
    received === undefined ? '' : `${number(received.added)}, ${(received.added / received.due).toFixed(2)}`,
    received === undefined ? '' : number(received.renewed),
    bytes === undefined ? '' : `${(bytes / 1e6).toFixed(1)} MB`,
    keys === undefined ? '' : `${keys.map(number).join(' ')}, ${(100 * unevenness(keys)).toFixed(1)} %`,
    missed(step).length === 0 ? 'yes' : '**no**',
  ]);
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
