import type { MemberRow, RingView } from './ring-view.js';

const PHASES = ['copying', 'joint', 'sealed', 'clearing'];
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
const BAR_WIDTH = 24;
const SHOWN_ID = 8;

/** `ringkv status`: is all well, and what is going on. */
export function statusText(view: RingView): string {
  const up = view.members.filter(({ state }) => state === 'up').length;
  const rows = view.members.map((one) => [
    one.id.slice(0, SHOWN_ID),
    one.address,
    one.bus,
    one.rack,
    stateOf(one),
    one.role,
    `${one.percent} %`,
    count(one.keys),
    size(one.diskBytes),
  ]);
  const head = ['node', 'clients', 'bus', 'rack', 'state', 'part', 'share', 'keys', 'disk'];
  return [
    `${up} of ${view.members.length} nodes up, ring ${view.epoch} (${view.phase})`,
    ...changeLines(view),
    '',
    ...columns(head, rows),
  ].join('\n');
}

function stateOf({ state, filling, self }: MemberRow): string {
  return `${state}${filling ? ', filling' : ''}${self ? ' (asked)' : ''}`;
}

/** `ringkv ring`: who owns how much, and what each node has still to do. */
export function ringText(view: RingView): string {
  const head = ['node', 'bus', ...NUMBERS, 'part', 'done'];
  const rows = view.members.map((one) => [
    one.id.slice(0, SHOWN_ID),
    one.bus,
    one.weight,
    String(one.slots),
    `${one.percent} %`,
    count(one.keys),
    size(one.diskBytes),
    String(one.slotsToGet),
    String(one.slotsToClear),
    one.role,
    doneOf(one),
  ]);
  return [`ring ${view.epoch} (${view.phase})`, ...changeLines(view), '', ...columns(head, rows)].join('\n');
}

/** One line on how far a change is. */
export function progressLine(view: RingView): string {
  const step = PHASES.indexOf(view.phase) + 1;
  if (step === 0) return `ring ${view.epoch} (${view.phase})`;
  const { slotsLeft, slotsTotal } = view;
  const share = slotsTotal === 0 ? (view.waitingFor.length === 0 ? 1 : 0) : 1 - slotsLeft / slotsTotal;
  const rate = view.bytesPerSecond === 0 ? '' : `, ${size(view.bytesPerSecond)}/s`;
  const rest = view.secondsLeft === null ? '' : `, about ${time(view.secondsLeft)} left`;
  const slots = slotsTotal === 0 ? '' : ` ${slotsTotal - slotsLeft} of ${slotsTotal} slots,`;
  return `${bar(share)} step ${step} of 4 (${view.phase}):${slots} ${size(view.bytes)} received${rate}${rest}`;
}

export function size(bytes: number): string {
  if (bytes < 0) return '?';
  let unit = 0;
  while (bytes >= 1024 && unit < UNITS.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${UNITS[unit]}`;
}

export function time(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

function changeLines(view: RingView): string[] {
  if (view.phase === 'stable') return [];
  const waiting = view.waitingFor.length === 0 ? [] : [`waiting for: ${view.waitingFor.join(', ')}`];
  return [`change: ${view.change}`, progressLine(view), ...waiting];
}

function doneOf({ done, slotsLeft, slotsTotal, slotsToGet, slotsToClear }: MemberRow): string {
  if (slotsToGet + slotsToClear === 0) return '-';
  if (done) return 'yes';
  return slotsTotal === 0 ? 'no' : `${slotsTotal - slotsLeft} of ${slotsTotal}`;
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

function count(keys: number): string {
  return keys < 0 ? '?' : keys.toLocaleString('en');
}

/** These columns hold numbers, and are set to the right: by what they are, for an id may look like a number. */
const NUMBERS: readonly string[] = ['weight', 'slots', 'share', 'keys', 'disk', 'to get', 'to clear'];

function columns(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (NUMBERS.includes(head[i]) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)];
}
