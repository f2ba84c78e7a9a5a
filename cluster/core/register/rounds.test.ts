import { describe, expect, it } from 'vitest';
import type { RecordEntry } from '../../../storage/record-cache.js';
import type { Operation } from '../operation.js';
import type { Task } from './batch.js';
import { firstOf, Resending } from './rounds.js';

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
