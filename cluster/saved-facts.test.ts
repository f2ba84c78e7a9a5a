import { describe, expect, it } from 'vitest';
import { checked } from '../storage/checked-row.js';
import { MemoryEngine } from '../storage/engine-memory.js';
import { metaKey } from '../storage/key-layout.js';
import { firstRing } from './core/elastic/ring-state.js';
import { readFacts, type SavedFacts, writeFacts } from './saved-facts.js';

const LATEST = 1000;
const MEMBER = {
  name: 'a:1',
  tokens: 'a:1',
  rack: '',
  weight: 1,
  nodeId: 'a',
  busAddress: 'a:1',
  clientAddress: 'a:2',
};
const RING = {
  ring: firstRing([MEMBER]),
  cluster: 'c',
  members: [MEMBER],
  shape: { replicas: 3, vnodes: 8, databases: 16 },
};
const LIVES = { a: { life: 1, boot: 2, incarnation: 3 } };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A disk with these rows. */
async function disk(rows: Readonly<Record<string, Buffer>>): Promise<MemoryEngine> {
  const engine = new MemoryEngine(queueMicrotask);
  await engine.open();
  const batch = engine.batch();
  for (const [name, value] of Object.entries(rows)) batch.put(metaKey(name), value);
  await new Promise<void>((done) => batch.write(false, () => done()));
  return engine;
}

function read(engine: MemoryEngine): Promise<SavedFacts> {
  return new Promise((resolve, reject) => {
    readFacts(engine, LATEST, (error, facts) => (facts === undefined ? reject(error) : resolve(facts)));
  });
}

const damaged = (row: Buffer): Buffer => {
  const copy = Buffer.from(row);
  copy[copy.length - 2] ^= 4;
  return copy;
};

describe('what a node kept about itself', () => {
  it('is read behind its checksums, and as it was before there were any', async () => {
    const plain = { 'flush-marks': json([7, 0]), members: json(RING), lives: json(LIVES) };
    const behind = Object.fromEntries(Object.entries(plain).map(([name, row]) => [name, checked(row)]));
    const clock = Buffer.alloc(8);
    clock.writeDoubleBE(5);
    for (const rows of [
      { ...plain, clock },
      { ...behind, clock: checked(clock) },
    ])
      expect(await read(await disk(rows))).toMatchObject({
        clock: 5,
        marks: [7, 0],
        ring: RING,
        lives: LIVES,
      });
  });

  it('has checksums on the marks once it was read', async () => {
    const engine = await disk({ 'flush-marks': json([7]) });
    await read(engine);
    const row = await new Promise<Buffer>((resolve) => {
      engine.getMany([metaKey('flush-marks')], (_, [found]) => resolve(found!));
    });
    expect(row).toEqual(checked(json([7])));
  });

  it.each([
    ['flush-marks', checked(json([7])), /damaged: its row of the flush marks/],
    ['members', checked(json(RING)), /damaged: its row of the ring/],
  ])('is not believed when %s are damaged', async (name, row, why) => {
    for (const broken of [
      damaged(row),
      row.subarray(0, row.length - 1),
      checked(json('other')),
      Buffer.alloc(0),
    ])
      await expect(read(await disk({ [name]: broken }))).rejects.toThrow(why);
  });

  it('is not believed of a flush that has not been yet, unless it has a checksum: a clock may have been set back', async () => {
    await expect(read(await disk({ 'flush-marks': json([0, LATEST + 1]) }))).rejects.toThrow(/in the future/);
    expect(await read(await disk({ 'flush-marks': checked(json([LATEST + 1])) }))).toMatchObject({
      marks: [LATEST + 1],
    });
  });

  it('goes on without the lives of others when they are damaged', async () => {
    expect((await read(await disk({ lives: damaged(checked(json(LIVES))) }))).lives).toBe(undefined);
  });

  it('goes on without its clock at the second start, not at the first: that one has to be under another incarnation', async () => {
    const engine = await disk({});
    await new Promise((done) => writeFacts(engine, 5, undefined, done));
    expect((await read(engine)).clock).toBe(5);
    const broken = await disk({ clock: damaged(checked(Buffer.alloc(8))) });
    await expect(read(broken)).rejects.toThrow(/the clock/);
    expect((await read(broken)).clock).toBe(0);
  });
});
