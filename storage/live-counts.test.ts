import { expect, it } from 'vitest';
import { LiveCounts } from './live-counts.js';
import { type KeyRecord, STRING } from './record.js';
import { WriterTable } from './writers.js';

const RECORD: KeyRecord = {
  context: [0, 1],
  siblings: [{ writer: 0, hlc: 1, type: STRING, expireAt: 0, payload: '' }],
};

it('is exact when a key is removed before the background count has come to it', () => {
  const counts = new LiveCounts(4, new WriterTable());
  counts.changed(0, 2, 0, RECORD, null);
  counts.changed(0, 2, 0, null, RECORD);
  expect([counts.total(0), counts.slot(0, 2)]).toEqual([0, 0]);
});

it('never says less than nothing', () => {
  const counts = new LiveCounts(4, new WriterTable());
  counts.changed(0, 2, 0, RECORD, null);
  expect([counts.total(0), counts.slot(0, 2)]).toEqual([0, 0]);
  const kept = new LiveCounts(4, new WriterTable());
  expect(kept.restore(counts.save())).toBe(true);
  expect([kept.total(0), kept.slot(0, 2)]).toEqual([0, 0]);
});
