import { describe, expect, it } from 'vitest';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { Operation } from '../operation.js';
import type { Task } from './batch.js';
import { Backoff, firstOf, Resending } from './rounds.js';

function taskOf(keys: number): Task {
  return {
    operation: {} as Operation,
    entries: new Array<RecordEntry>(keys),
    sinceMs: 0,
    readsOnly: false,
    confirmed: false,
  };
}

describe('the tasks of one round', () => {
  it('are all that wait, while they are few', () => {
    const tasks = [taskOf(1), taskOf(2), taskOf(1)];
    expect(firstOf(tasks)).toEqual(tasks);
    expect(firstOf([])).toEqual([]);
  });

  it('end where they have many keys, and are one at least', () => {
    const tasks = [taskOf(6_000), taskOf(6_000), taskOf(1)];
    expect(firstOf(tasks)).toEqual(tasks.slice(0, 2));
    expect(firstOf([taskOf(70_000), taskOf(1)])).toHaveLength(1);
  });

  it('are no more than a round should hold up', () => {
    expect(firstOf(Array.from({ length: 5_000 }, () => taskOf(1)))).toHaveLength(1024);
  });
});

describe('sending again', () => {
  it('happens at longer and longer intervals', () => {
    const sending = new Resending(1_000);
    const due: number[] = [];
    for (let now = 1_000; now <= 6_000; now += 100) if (sending.isDue(now)) due.push(now - 1_000);
    expect(due).toEqual([300, 900, 2_100, 4_500]);
  });
});

describe('leaders that disturb each other', () => {
  it('try again at once the first time, and wait longer from loss to loss, but not for ever', () => {
    const backoff = new Backoff();
    const waits = Array.from({ length: 12 }, (_, i) => {
      const now = 1_000 * (i + 1);
      backoff.won(now - 500);
      backoff.lost(now, 0.5);
      return Math.max(backoff.untilMs - now, 0);
    });
    expect(waits.slice(0, 4)).toEqual([0, 40, 60, 80]);
    expect(waits.at(-1)).toBe(200);
  });

  it('forget it after a second of one lease, and only then', () => {
    const backoff = new Backoff();
    backoff.lost(0, 0.5);
    backoff.won(100);
    backoff.lost(1_100, 0.5);
    expect(backoff.untilMs).toBe(1_140);
    backoff.won(2_000);
    backoff.lost(3_001, 0.5);
    expect(backoff.untilMs).toBe(1_140);
    backoff.lost(3_002, 0.5);
    expect(backoff.untilMs).toBe(3_042);
  });
});
