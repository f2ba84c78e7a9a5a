import { beforeEach, expect, it } from 'vitest';
import { DiskHealth } from './disk-health.js';

const FINE = { backgroundErrors: 0, writesStopped: false, roomBytes: 1e12 };
const CANNOT_MERGE = { ...FINE, backgroundErrors: 3 };
const STOPPED = { ...CANNOT_MERGE, writesStopped: true };
const SECOND = 1000;

let said: string[];
let now: number;
const make = (alone: boolean): DiskHealth =>
  new DiskHealth('/data/db', alone, {
    log: { error: (text) => said.push(text), fatal: (text) => said.push(`fatal: ${text}`) },
    elapsed: () => now,
    damaged: (what) => said.push(`noted: ${what}`),
    end: () => said.push('ended'),
  });
let health: DiskHealth;
beforeEach(() => {
  said = [];
  now = 0;
  health = make(false);
});

it('says what is damaged and what to do, once a minute, and notes it', () => {
  for (; now < 90 * SECOND; now += SECOND) health.failed(new Error('Corruption: block checksum mismatch'));
  expect(said).toEqual([
    'noted: Corruption: block checksum mismatch',
    expect.stringMatching(/^the database in \/data\/db is damaged: Corruption: block.*--rebuild yes/),
    'noted: Corruption: block checksum mismatch',
    expect.anything(),
  ]);
});

it('says nothing of other failures', () => {
  health.failed(new Error('IO error: no space left on device'));
  health.check(FINE);
  // A full disk is no damage, and passes.
  for (; now < 60 * SECOND; now += SECOND) health.check({ ...STOPPED, roomBytes: 1e6 });
  expect(said).toEqual([]);
});

it('tells of tables that cannot be merged before they stop the writes', () => {
  health.check(CANNOT_MERGE);
  expect(said).toEqual(['noted: its tables cannot be merged', expect.stringContaining('--rebuild yes')]);
});

it('ends the node when damage has stopped the writes for good, not for a moment', () => {
  make(true).check(STOPPED);
  expect(said.pop()).toMatch(/from a backup$/);
  for (const state of [STOPPED, CANNOT_MERGE, STOPPED]) {
    for (let i = 0; i < 10; i++, now += SECOND) health.check(state);
    expect(said).not.toContain('ended');
  }
  health.check(STOPPED);
  expect(said.slice(-2)).toEqual([
    expect.stringMatching(/^fatal: .*takes no more writes.*--rebuild yes/),
    'ended',
  ]);
});
