import { describe, expect, it } from 'vitest';
import type { MemberRow, RingView } from './ring-view.js';
import { progressLine, ringText, size, statusText, time } from './tables.js';

const ROW: MemberRow = {
  id: 'cafe0123456789',
  address: 'a:1',
  bus: 'a:2',
  rack: 'r1',
  weight: '1',
  state: 'up',
  filling: false,
  role: 'member',
  slots: 16384,
  percent: '50.0',
  slotsToGet: 0,
  slotsToClear: 0,
  keys: 1234567,
  diskBytes: 5 * 2 ** 20,
  slotsLeft: 0,
  slotsTotal: 0,
  bytes: 0,
  done: true,
  self: true,
};
const JOINER: MemberRow = {
  ...ROW,
  id: 'beef',
  address: 'b:1',
  bus: 'b:2',
  self: false,
  role: 'joining',
  slots: 0,
  percent: '0.0',
  slotsToGet: 100,
  keys: -1,
  diskBytes: -1,
  slotsLeft: 25,
  slotsTotal: 100,
  done: false,
};
const STABLE: RingView = {
  epoch: 4,
  phase: 'stable',
  change: '',
  slotsLeft: 0,
  slotsTotal: 0,
  bytes: 0,
  bytesPerSecond: 0,
  secondsLeft: null,
  waitingFor: [],
  members: [ROW],
};
const COPYING: RingView = {
  ...STABLE,
  epoch: 5,
  phase: 'copying',
  change: 'b:2 joining',
  slotsLeft: 25,
  slotsTotal: 100,
  bytes: 3 * 2 ** 20,
  bytesPerSecond: 2 ** 20,
  secondsLeft: 200,
  waitingFor: ['b:2'],
  members: [ROW, JOINER],
};

describe('ringkv status', () => {
  it('of a ring at rest', () => {
    expect(statusText(STABLE).split('\n')).toEqual([
      '1 of 1 nodes up, ring 4 (stable)',
      '',
      'node      clients  bus  rack  state       part     share       keys    disk',
      'cafe0123  a:1      a:2  r1    up (asked)  member  50.0 %  1,234,567  5.0 MB',
    ]);
  });

  it("says whose disk has yet to get what is the node's", () => {
    const text = statusText({ ...STABLE, members: [{ ...ROW, filling: true }] });
    expect(text).toContain('  up, filling (asked)  member');
  });

  it('of a ring that changes', () => {
    expect(statusText(COPYING).split('\n').slice(0, 4)).toEqual([
      '2 of 2 nodes up, ring 5 (copying)',
      'change: b:2 joining',
      '[##################......] step 1 of 4 (copying): 75 of 100 slots, 3.0 MB received, 1.0 MB/s, about 3 min left',
      'waiting for: b:2',
    ]);
  });
});

describe('ringkv ring', () => {
  it('tells what each node has still to do, and what nobody knows', () => {
    expect(ringText(COPYING).split('\n').slice(5)).toEqual([
      'node      bus  weight  slots   share       keys    disk  to get  to clear  part     done',
      'cafe0123  a:2       1  16384  50.0 %  1,234,567  5.0 MB       0         0  member   -',
      'beef      b:2       1      0   0.0 %          ?       ?     100         0  joining  75 of 100',
    ]);
  });
});

describe('the line on progress', () => {
  it.each([
    [
      'nothing is known yet',
      { slotsLeft: 0, slotsTotal: 0, bytes: 0 },
      '[........................] step 1 of 4 (copying): 0 B received',
    ],
    [
      'nothing is left',
      { slotsLeft: 0, slotsTotal: 0, waitingFor: [] },
      `[${'#'.repeat(24)}] step 1 of 4 (copying): 3.0 MB received`,
    ],
    [
      'the last step',
      { phase: 'clearing' },
      '[##################......] step 4 of 4 (clearing): 75 of 100 slots, 3.0 MB received',
    ],
  ])('when %s', (_, some, line) => {
    expect(progressLine({ ...COPYING, bytesPerSecond: 0, secondsLeft: null, ...some })).toBe(line);
  });
});

describe('sizes and times', () => {
  it.each([
    [-1, '?'],
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KB'],
    [2 ** 41, '2.0 TB'],
    [2 ** 55, '32768.0 TB'],
  ])('%i bytes', (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });

  it.each([
    [0, '0 s'],
    [89, '89 s'],
    [90, '2 min'],
    [5399, '1.5 h'],
  ])('%i s', (seconds, text) => {
    expect(time(seconds)).toBe(text);
  });
});
