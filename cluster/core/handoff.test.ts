import { beforeEach, describe, expect, it } from 'vitest';
import { Message } from '../messages.js';
import { FrameReader } from '../transport/frame-reader.js';
import { HandoffBench } from './handoff.test-support.js';

let bench: HandoffBench;
/** Another home replica of the home slot, and of the foreign slot. */
let target: number;
let foreignTarget: number;
beforeEach(() => {
  bench = new HandoffBench();
  [target] = bench.homes(bench.home);
  [foreignTarget] = bench.homes(bench.foreign);
});

const keysSent = (): string[] => bench.sent().map(({ key }) => key);
const missed = (...keys: string[]): void => {
  bench.down(target);
  keys.forEach((key, i) => void bench.write(bench.home, key, `${key} value`, i + 1, target));
};
/** Node 0 stands in for `foreignTarget`. */
const stoodIn = (key: string): void => {
  bench.down(foreignTarget);
  bench.write(bench.foreign, key, 'kept', 1, foreignTarget);
};

describe('what a member missed', () => {
  it('is sent to it when it is back, oldest first, and forgotten when it says that it is safe', () => {
    missed('b', 'a', 'c');
    bench.tick();
    expect(keysSent()).toEqual([]);
    bench.up(target);
    const sent = bench.sent();
    expect(sent.map(({ peer, key }) => [peer, key])).toEqual(['b', 'a', 'c'].map((key) => [target, key]));
    expect(bench.hints.count).toBe(3);
    for (const one of sent) bench.answer(one, target);
    expect(bench.hints.count).toBe(0);
    expect(bench.hints.counters.delivered).toBe(3);
    expect(bench.value(bench.home, 'a')).toBe('a value');
    bench.tick();
    expect(keysSent()).toEqual([]);
  });

  it('is sent from the disk as well', () => {
    missed('k');
    bench.evict();
    bench.up(target);
    expect(bench.answerAll()).toEqual(['k']);
    expect(bench.hints.count).toBe(0);
  });

  it('is not sent to anybody else', () => {
    missed('k');
    const others = [1, 2, 3, 4].filter((member) => member !== target);
    for (const other of others) {
      bench.down(other);
      bench.up(other);
    }
    expect(keysSent()).toEqual([]);
  });

  it('is sent in the next life of this node too', () => {
    missed('k');
    bench.start();
    bench.up(target);
    expect(bench.answerAll()).toEqual(['k']);
    bench.start();
    bench.up(target);
    expect(keysSent()).toEqual([]);
  });

  it('is sent again, after a pause, when it was not taken', () => {
    missed('k');
    bench.up(target);
    bench.answerAll(false);
    bench.tick(1);
    expect(keysSent()).toEqual([]);
    bench.tick(200);
    bench.answerAll(false);
    bench.tick(150);
    expect(keysSent()).toEqual([]);
    bench.tick(200);
    expect(bench.answerAll()).toEqual(['k']);
    expect([bench.hints.count, bench.handoff.counters.failed]).toEqual([0, 2]);
  });

  it('is sent again when no answer comes, and a late answer says nothing', () => {
    missed('k');
    bench.up(target);
    const [late] = bench.sent();
    bench.tick(20_000);
    bench.answer(late, target);
    expect(bench.hints.count).toBe(1);
    bench.tick(1000);
    expect(bench.answerAll()).toEqual(['k']);
    expect(bench.hints.count).toBe(0);
  });

  it('is sent again when the member went down before it answered', () => {
    missed('k');
    bench.up(target);
    const [lost] = bench.sent();
    bench.down(target);
    bench.answer(lost, target);
    expect(bench.hints.count).toBe(1);
    bench.up(target);
    expect(bench.answerAll()).toEqual(['k']);
    expect(bench.hints.count).toBe(0);
  });

  it('waits while the connection takes nothing', () => {
    missed('k');
    bench.deaf.add(target);
    bench.up(target);
    expect(bench.hints.count).toBe(1);
    bench.deaf.clear();
    bench.tick(1000);
    expect(bench.answerAll()).toEqual(['k']);
  });

  it('waits until the disk can be read', () => {
    missed('k');
    bench.evict();
    bench.disk.readFailure = new Error('unreadable');
    bench.up(target);
    expect([keysSent(), bench.hints.count]).toEqual([[], 1]);
    bench.disk.readFailure = null;
    bench.tick(1000);
    expect(bench.answerAll()).toEqual(['k']);
  });

  it('one that is never taken does not hold up the others', () => {
    missed('bad', 'good', 'better');
    bench.up(target);
    const [bad, ...good] = bench.sent();
    bench.answer(bad, target, false);
    for (const one of good) bench.answer(one, target);
    expect(bench.hints.count).toBe(1);
  });

  it('is not forgotten at the word of somebody else, or of a garbled message', () => {
    missed('k');
    bench.up(target);
    const [one] = bench.sent();
    bench.answer(one, target === 1 ? 2 : 1);
    const garbled = new FrameReader().reset(Buffer.alloc(3), 0, 3);
    expect(bench.handoff.onMessage(Message.HintAck, target, garbled)).toBe(false);
    expect(bench.hints.count).toBe(1);
  });

  it('is forgotten when it is gone: flushed, or forgotten as a tombstone', () => {
    missed('k');
    const entry = bench.loaded(bench.home, 'k');
    bench.store.put(entry, null);
    bench.store.unpin(entry);
    bench.up(target);
    expect([keysSent(), bench.hints.count]).toEqual([[], 0]);
  });

  it('is left to the other replicas when it is damaged here', () => {
    missed('k');
    bench.damage(bench.home, 'k');
    bench.up(target);
    expect([keysSent(), bench.hints.count, bench.handoff.counters.damaged]).toEqual([[], 0, 1]);
  });
});

describe('a key that is written again while it is on its way', () => {
  it('and missed again is sent again, the newest', () => {
    missed('k');
    bench.up(target);
    const [old] = bench.sent();
    bench.write(bench.home, 'k', 'newer', 9, target);
    bench.answer(old, target);
    expect(bench.hints.count).toBe(1);
    bench.tick();
    expect(bench.answerAll()).toEqual(['k']);
    expect(bench.hints.count).toBe(0);
  });

  it('and not missed has come to the member from who wrote it', () => {
    missed('k');
    bench.up(target);
    const [old] = bench.sent();
    bench.write(bench.home, 'k', 'newer', 9);
    bench.answer(old, target);
    expect(bench.hints.count).toBe(0);
  });

  it('and could not be written here, and not be read again either, is not taken for delivered', () => {
    missed('k');
    bench.up(target);
    const [old] = bench.sent();
    bench.disk.writeFailure = new Error('full');
    bench.disk.readFailure = new Error('unreadable');
    bench.write(bench.home, 'k', 'lost', 9, target);
    bench.answer(old, target);
    expect(bench.hints.count).toBe(1);
    bench.disk.writeFailure = null;
    bench.disk.readFailure = null;
    bench.tick(1000);
    expect(bench.answerAll()).toEqual(['k']);
    expect([bench.hints.count, bench.value(bench.home, 'k')]).toEqual([0, 'k value']);
  });
});

describe('bounds', () => {
  it('a limited number of hints is under way; each answer lets the next go', () => {
    missed(...Array.from({ length: 600 }, (_, i) => `key${i}`));
    bench.up(target);
    let inFlight = 0;
    let most = 0;
    const seen: string[] = [];
    for (let sent = bench.sent(); sent.length > 0; sent = [...sent.slice(1), ...bench.sent()]) {
      inFlight = sent.length;
      most = Math.max(most, inFlight);
      seen.push(sent[0].key);
      bench.answer(sent[0], target);
    }
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThanOrEqual(256);
    expect(new Set(seen).size).toBe(600);
    expect(bench.hints.count).toBe(0);
  });

  it('large records go a few at a time', () => {
    bench.down(target);
    for (let i = 0; i < 40; i++) bench.write(bench.home, `key${i}`, 'x'.repeat(300_000), 1, target);
    bench.up(target);
    let most = 0;
    const queue = bench.sent();
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      bench.answer(next, target);
      queue.push(...bench.sent());
      if (bench.hints.count < 30) most = Math.max(most, queue.length);
    }
    expect(bench.hints.count).toBe(0);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(5);
  });

  it('bytes a second are kept to on average', () => {
    bench.throttle = 100_000;
    bench.down(target);
    for (let i = 0; i < 100; i++) bench.write(bench.home, `key${i}`, 'x'.repeat(5000), 1, target);
    bench.up(target);
    let ms = 0;
    let bytes = 0;
    while (bench.hints.count > 0) {
      for (const one of bench.sent()) {
        bytes += one.bytes;
        bench.answer(one, target);
      }
      bench.tick();
      ms += 50;
    }
    expect(bytes / ms).toBeGreaterThan(80);
    expect(bytes / ms).toBeLessThan(115);
  });
});

describe('a stand-in', () => {
  it('lets go of the record, too, once the member has it', () => {
    stoodIn('k');
    bench.up(foreignTarget);
    expect(bench.value(bench.foreign, 'k')).toBe('kept');
    expect(bench.answerAll()).toEqual(['k']);
    expect(bench.value(bench.foreign, 'k')).toBeNull();
    expect(bench.forgotten).toMatchObject([{ siblings: [{ payload: 'kept' }] }]);
    bench.evict();
    expect(bench.value(bench.foreign, 'k')).toBeNull();
    expect(bench.hints.count).toBe(0);
  });

  it('keeps the record while anybody else lacks it', () => {
    const [, second] = bench.homes(bench.foreign);
    bench.down(foreignTarget, second);
    bench.write(bench.foreign, 'k', 'kept', 1, foreignTarget, second);
    bench.up(foreignTarget);
    bench.answerAll();
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual(['kept', 1]);
    bench.up(second);
    bench.answerAll();
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual([null, 0]);
  });

  it('lets go of no hint that alone is on the disk', () => {
    const [, second] = bench.homes(bench.foreign);
    stoodIn('k');
    bench.down(second);
    const entry = bench.loaded(bench.foreign, 'k');
    bench.disk.writeFailure = new Error('full');
    bench.handoff.keep(second, entry);
    bench.disk.settle();
    bench.disk.writeFailure = null;
    bench.store.unpin(entry);
    bench.up(foreignTarget);
    bench.answerAll();
    bench.start();
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual(['kept', 1]);
  });

  it('keeps what is newer than what was sent, even if it was not told that the member lacks it', () => {
    stoodIn('k');
    bench.up(foreignTarget);
    const [old] = bench.sent();
    bench.write(bench.foreign, 'k', 'newer', 9);
    bench.answer(old, foreignTarget);
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual(['newer', 1]);
    bench.tick();
    expect(bench.answerAll()).toEqual(['k']);
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual([null, 0]);
  });

  it('keeps the record while it is in use', () => {
    stoodIn('k');
    bench.up(foreignTarget);
    const entry = bench.loaded(bench.foreign, 'k');
    entry.gated = true;
    bench.answerAll();
    expect(bench.value(bench.foreign, 'k')).toBe('kept');
    entry.gated = false;
    bench.tick();
    bench.answerAll();
    expect(bench.value(bench.foreign, 'k')).toBeNull();
    bench.store.unpin(entry);
  });

  it('keeps both when the disk does not take their removal', () => {
    stoodIn('k');
    bench.up(foreignTarget);
    bench.disk.writeFailure = new Error('full');
    bench.answerAll();
    bench.disk.writeFailure = null;
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual(['kept', 1]);
    bench.tick();
    bench.answerAll();
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual([null, 0]);
  });

  it('does not keep a record that is damaged', () => {
    stoodIn('k');
    bench.damage(bench.foreign, 'k');
    bench.up(foreignTarget);
    expect([keysSent(), bench.hints.count, bench.handoff.counters.damaged]).toEqual([[], 0, 1]);
    expect([bench.value(bench.foreign, 'k'), bench.forgotten]).toEqual([null, [null]]);
  });
});

describe('a member that is away for longer than hint-window', () => {
  beforeEach(() => {
    bench.windowSeconds = 10;
  });

  it('is no longer kept anything for by a home replica, which drops what it has', () => {
    missed('a', 'b');
    bench.tick(9000);
    expect([bench.handoff.mayKeep(target), bench.hints.count]).toEqual([true, 2]);
    bench.tick(2000);
    expect([bench.handoff.mayKeep(target), bench.hints.count]).toEqual([false, 0]);
    expect(bench.hints.counters.dropped).toBe(2);
    expect(bench.warnings.length).toBe(1);
    bench.write(bench.home, 'late', 'value', 3, target);
    expect([bench.hints.count, bench.hints.counters.refused]).toEqual([0, 1]);
    expect(bench.value(bench.home, 'a')).toBe('a value');
    bench.up(target);
    expect([keysSent(), bench.handoff.mayKeep(target)]).toEqual([[], true]);
  });

  it('was away anew each time it was back in between', () => {
    missed('a');
    bench.deaf.add(target);
    bench.tick(9000);
    bench.up(target);
    bench.down(target);
    bench.tick(9000);
    expect(bench.hints.count).toBe(1);
    bench.tick(2000);
    expect(bench.hints.count).toBe(0);
  });

  it('is the only one to take from a stand-in what that was counted for in its place', () => {
    stoodIn('k');
    bench.tick(100_000);
    expect(keysSent()).toEqual([]);
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual(['kept', 1]);
    bench.up(foreignTarget);
    bench.tick(1000);
    bench.answerAll();
    expect([bench.value(bench.foreign, 'k'), bench.hints.count]).toEqual([null, 0]);
  });

  it('is still kept things for by a stand-in', () => {
    stoodIn('k');
    bench.tick(11_000);
    bench.write(bench.foreign, 'more', 'kept', 2, foreignTarget);
    expect(bench.hints.count).toBe(2);
  });
});

it('hints for who is no member any more end as those for one that is away for good', () => {
  const entry = bench.loaded(bench.home, 'k');
  bench.store.put(entry, bench.record('value', 1));
  bench.hints.keep('stranger', entry, 1);
  bench.hints.keep('node0', entry, 1);
  bench.disk.settle();
  expect(bench.handoff.figures().map(({ target: name }) => name)).toEqual(['stranger', 'node0']);
  bench.tick();
  expect([keysSent(), bench.hints.count]).toEqual([[], 0]);
});

it('shows who is waiting and who is being served', () => {
  const [first, second] = bench.homes(bench.home);
  bench.down(first, second);
  bench.write(bench.home, 'k', 'value', 1, first, second);
  bench.deaf.add(second);
  bench.up(second);
  expect(bench.handoff.figures()).toMatchObject([
    { target: `node${first}`, clientAddress: `node${first}:2`, count: 1, delivering: false },
    { target: `node${second}`, clientAddress: `node${second}:2`, count: 1, delivering: true },
  ]);
});

it('hints of earlier are read again when the disk could not be read at first', () => {
  missed('k');
  const { iterate } = bench.disk.engine;
  bench.disk.engine.iterate = (range) => {
    const inner = iterate(range);
    return { ...inner, close: inner.close, next: (_max, done) => done(new Error('unreadable'), []) };
  };
  bench.start();
  bench.up(target);
  expect([keysSent(), bench.warnings.length]).toEqual([[], 1]);
  bench.disk.engine.iterate = iterate;
  bench.tick(2000);
  bench.tick();
  expect(bench.answerAll()).toEqual(['k']);
});
