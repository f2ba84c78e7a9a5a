import { parseArgs } from 'node:util';
import { buildRing, type Ring, type RingMember } from '../cluster/core/ring.js';
import { RingHomes } from '../cluster/core/ring-homes.js';
import { planChange, slotShifts } from '../cluster/core/ring-plan.js';
import { seat } from '../cluster/core/ring-seats.js';
import { dueFirsts, dueHomes } from '../cluster/core/ring-share.js';
import { savePart } from './report.js';

const HELP = `npm run bench:ring -- [--most 1000] [--dry]
Lets a cluster grow one node at a time, and measures at some sizes how long placement takes, what a lookup costs, how even the shares
are and what the last node to join moved; then the same with racks and weights. Writes bench/RESULTS.md (not with --dry).`;

const SHAPE = { replicas: 3, vnodes: 256 };
const SHOWN = new Set([3, 4, 6, 10, 30, 100, 300, 1000]);
const LOOKUPS = 10_000_000;
/** What the table is held to. */
const MAX_PLACE_MS = 2000;
const MAX_OFF = 0.1;
/** Up to so many nodes shares must be even. */
const EVEN_UP_TO = 6;

const { values: options } = parseArgs({
  options: {
    most: { type: 'string', default: '1000' },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const lines: string[] = [];

if (options.help) process.stdout.write(`${HELP}\n`);
else main(Number(options.most));

function main(most: number): void {
  say(
    '| nodes | place all slots, ms: first time, again | lookup, ns | first places, max/mean | homes, max/mean | by names alone | moved by the last join | of 1/n | |',
  );
  say('|---|---|---|---|---|---|---|---|---|');
  const worst = grow(most);
  say('');
  say(`Over all joins from 3 to ${most} nodes the share of copies that moved was ${ratios(worst)} of 1/n.`);
  say('');
  say('| cluster | node | first places, of its due | homes, of its due |');
  say('|---|---|---|---|');
  uneven('6 nodes, the last of weight 2', 6, 1, 2);
  uneven('20 nodes, the last of weight 2', 20, 1, 2);
  uneven('6 nodes in 3 racks', 6, 3, 1);
  uneven('9 nodes in 3 racks, the last of weight 2', 9, 3, 2);
  if (!options.dry) savePart('npm run bench:ring', lines.join('\n'));
}

/** Nodes join one at a time. Returns how much of its share each of them moved. */
function grow(most: number): number[] {
  const homes = new RingHomes(SHAPE);
  const members: RingMember[] = [];
  const moved: number[] = [];
  for (let n = 1; n <= most; n++) {
    const before = [...members];
    members.push(seat(homes, newMember(n)));
    const slots = homes.homeCounts.reduce((sum, count) => sum + count, 0) / Math.min(n, SHAPE.replicas);
    if (n >= SHAPE.replicas) moved.push((homes.homeCounts[n - 1] / (slots * SHAPE.replicas)) * n);
    if (SHOWN.has(n)) measure(members, before);
  }
  return moved;
}

function measure(members: readonly RingMember[], before: readonly RingMember[]): void {
  const n = members.length;
  // Names that were never hashed before: the first time counts that too.
  const strangers = members.map((member) => ({ ...member, tokens: `${member.tokens}/${n}` }));
  const [first] = timed(() => buildRing(strangers, SHAPE.vnodes));
  const [again, ring] = timed(() => buildRing(members, SHAPE.vnodes));
  const firsts = maxOverMean(loads(ring, n, 1));
  const homes = maxOverMean(loads(ring, n, SHAPE.replicas));
  const byNames = buildRing(
    members.map((member) => ({ ...member, tokens: member.name })),
    SHAPE.vnodes,
  );
  const shifts = slotShifts(before, members, SHAPE);
  const gained = shifts.reduce((sum, { gains }) => sum + gains, 0);
  const share = gained / (ring.preference.length * Math.min(n, SHAPE.replicas));
  const isGood =
    first <= MAX_PLACE_MS && Math.abs(share * n - 1) <= MAX_OFF && (n > EVEN_UP_TO || homes <= 1 + MAX_OFF);
  const cells = [
    n,
    `${first.toFixed(0)}, ${again.toFixed(0)}`,
    lookupNs(ring).toFixed(1),
    firsts.toFixed(3),
    homes.toFixed(3),
    maxOverMean(loads(byNames, n, SHAPE.replicas)).toFixed(3),
    `${(share * 100).toFixed(2)} %`,
    (share * n).toFixed(3),
    isGood ? 'yes' : '**no**',
  ];
  say(`| ${cells.join(' | ')} |`);
}

/** Shares where not all are due the same: `n` nodes, of which the last has a weight of its own. */
function uneven(title: string, n: number, racks: number, lastWeight: number): void {
  let members: readonly RingMember[] = [];
  for (let i = 1; i <= n; i++) {
    const rack = racks === 1 ? '' : `rack${i % racks}`;
    const member = { ...newMember(i), rack, weight: i === n ? lastWeight : 1 };
    const planned = planChange(members, { kind: 'join', member }, SHAPE);
    if ('refused' in planned) throw new Error(planned.refused);
    members = planned.members;
  }
  const ring = buildRing(members, SHAPE.vnodes);
  const slots = ring.preference.length;
  const firsts = share(loads(ring, n, 1), dueFirsts(members), slots);
  const homes = share(loads(ring, n, SHAPE.replicas), dueHomes(members, SHAPE.replicas), slots);
  say(`| ${title} | the others | ${ratios(firsts.slice(0, -1))} | ${ratios(homes.slice(0, -1))} |`);
  say(`| ${title} | the last | ${ratios(firsts.slice(-1))} | ${ratios(homes.slice(-1))} |`);
}

function share(held: readonly number[], due: readonly number[], slots: number): number[] {
  return held.map((count, i) => count / (due[i] * slots));
}

/** In how many slots each member is among the first `places`. */
function loads(ring: Ring, n: number, places: number): number[] {
  const held: number[] = Array(n).fill(0);
  for (const list of ring.preference) for (const member of list.subarray(0, places)) held[member]++;
  return held;
}

function maxOverMean(held: readonly number[]): number {
  return (Math.max(...held) * held.length) / held.reduce((sum, one) => sum + one, 0);
}

function ratios(all: readonly number[]): string {
  const [least, most] = [Math.min(...all), Math.max(...all)].map((one) => one.toFixed(3));
  return least === most ? least : `${least} to ${most}`;
}

function lookupNs(ring: Ring): number {
  const slots = ring.preference.length;
  let sum = 0;
  // A step that shares no factor with the number of slots: all of them, in no order that memory likes.
  const [ms] = timed(() => {
    for (let i = 0, slot = 0; i < LOOKUPS; i++, slot = (slot + 7919) % slots) sum += ring.preference[slot][0];
  });
  if (Number.isNaN(sum)) throw new Error('a slot without members');
  return (ms * 1e6) / LOOKUPS;
}

function timed<T>(work: () => T): [ms: number, result: T] {
  const began = performance.now();
  const result = work();
  return [performance.now() - began, result];
}

function newMember(number: number): RingMember {
  const name = `10.0.${number >> 8}.${number & 255}:7600`;
  return { name, tokens: name, rack: '', weight: 1 };
}

function say(line: string): void {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}
