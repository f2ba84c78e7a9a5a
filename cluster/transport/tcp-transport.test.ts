import { afterEach, describe, expect, it } from 'vitest';
import type { TransportLimits } from './limits.js';
import { Cable, idOf, pause, TestNode, until } from './test-nodes.js';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function node(digit: string, secret?: string, limits?: Partial<TransportLimits>): Promise<TestNode> {
  const made = await new TestNode(idOf(digit), secret, limits).listen();
  open.push(made.transport);
  return made;
}

async function connected(a: TestNode, b: TestNode): Promise<void> {
  await until('both are connected', () => a.isConnectedTo(b) && b.isConnectedTo(a));
}

describe.each([
  ['the smaller id dials', 'a', 'b'],
  ['the larger id dials', 'b', 'a'],
])('two nodes, %s', (_, dialling, listening) => {
  it('introduce themselves and exchange messages in order, in both directions', async () => {
    const [a, b] = [await node(dialling), await node(listening)];
    a.transport.connect(b.address);
    await connected(a, b);
    for (let i = 0; i < 1000; i++) {
      expect(a.send(b, `to b ${i}`)).toBe(true);
      expect(b.send(a, `to a ${i}`)).toBe(true);
      if (i % 7 === 0) a.transport.flush();
    }
    a.transport.flush();
    b.transport.flush();
    await until('all came', () => a.messages.length >= 1000 && b.messages.length >= 1000);
    expect(b.messages).toEqual(Array.from({ length: 1000 }, (_, i) => `to b ${i}`));
    expect(a.messages).toEqual(Array.from({ length: 1000 }, (_, i) => `to a ${i}`));
    expect(a.hellos).toEqual([`hello from ${b.nodeId}`]);
    expect(b.hellos).toEqual([`hello from ${a.nodeId}`]);
    expect(a.events).toEqual(['up 1', 'dial up']);
    expect(b.events).toEqual(['up 1']);
  });

  it('find each other again after one restarts, and each loss is reported once', async () => {
    const [a, b] = [await node(dialling), await node(listening)];
    a.transport.connect(b.address);
    await connected(a, b);
    await b.transport.close();
    await until('a noticed', () => !a.isConnectedTo(b));
    expect(a.count('down 1')).toBe(1);
    expect(b.count('down 1')).toBe(1);
    expect(a.send(b, 'into the void')).toBe(false);
    const reborn = await new TestNode(b.nodeId).listen(b.port);
    open.push(reborn.transport);
    await connected(a, reborn);
    reborn.send(a, 'back');
    reborn.transport.flush();
    await until('it came', () => a.messages.length === 1);
    expect(a.count('up 1')).toBe(2);
    expect(a.count('down 1')).toBe(1);
  });

  it('a node that came back is taken at once, although its old connection still looks alive', async () => {
    const patience = { heartbeatMs: 1000, heartbeatTimeoutMs: 60_000 };
    const a = await node(dialling, undefined, patience);
    const b = await node(listening, undefined, patience);
    const cable = await new Cable(b.port).listen();
    open.push(cable);
    a.transport.connect(`127.0.0.1:${cable.port}`);
    await connected(a, b);
    cable.cutIt();
    await b.transport.close();
    expect(a.isConnectedTo(b)).toBe(true);
    const reborn = await new TestNode(b.nodeId, undefined, patience).listen();
    open.push(reborn.transport);
    reborn.transport.connect(a.address);
    await connected(a, reborn);
    await until('a has replaced it', () => a.count('up 1') === 2);
    expect(a.events.filter((one) => !one.startsWith('dial'))).toEqual([
      'up 1',
      'down 1 replaced by a new connection',
      'up 1',
    ]);
  });

  it('a cut cable is noticed by both, and mended by dialling again', async () => {
    const quick = { heartbeatMs: 20, heartbeatTimeoutMs: 200 };
    const [a, b] = [await node(dialling, undefined, quick), await node(listening, undefined, quick)];
    const cable = await new Cable(b.port).listen();
    open.push(cable);
    a.transport.connect(`127.0.0.1:${cable.port}`);
    await connected(a, b);
    const before = a.transport.signsOf(1);
    await pause(400);
    expect(a.count('down')).toBe(0);
    // Nobody says anything, and each knows that the other lives.
    expect(a.transport.signsOf(1)).toBeGreaterThan(before + 5);
    cable.cutIt();
    await until('both noticed', () => !a.isConnectedTo(b) && !b.isConnectedTo(a));
    expect(a.events).toContain('down 1 nothing heard for 200 ms');
    expect(a.transport.signsOf(1)).toBe(0);
    cable.mend();
    await connected(a, b);
  });
});

describe('one connection per pair', () => {
  it('is what remains when both dial at once', async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = [await node('a'), await node('b')];
      if (round % 2 === 0) a.transport.connect(b.address);
      b.transport.connect(a.address);
      a.transport.connect(b.address);
      await connected(a, b);
      await until('both addresses are known', () => a.count('dial up') === 1 && b.count('dial up') === 1);
      for (const one of [a, b]) expect(one.count('up')).toBe(1 + one.count('down'));
      // Settled: whatever was half-way is gone, and what stands carries messages.
      const ups = a.count('up');
      await pause(30);
      expect(a.count('up')).toBe(ups);
      a.send(b, 'x');
      b.send(a, 'y');
      a.transport.flush();
      b.transport.flush();
      await until('both came', () => a.messages.length === 1 && b.messages.length === 1);
      await Promise.all([a.transport.close(), b.transport.close()]);
    }
  });

  it('holds when a node has two addresses', async () => {
    const [a, b] = [await node('a'), await node('b')];
    const cable = await new Cable(b.port).listen();
    open.push(cable);
    a.transport.connect(b.address);
    a.transport.connect(`127.0.0.1:${cable.port}`);
    await until('both addresses are known', () => a.count('dial up') === 2);
    expect(a.count('up 1')).toBe(1);
    expect(b.count('up 1')).toBe(1);
  });

  it('a node that dials itself finds out, and does not try again', async () => {
    const a = await node('a');
    a.transport.connect(a.address);
    await until('it knows', () => a.events.length > 0);
    await pause(200);
    expect(a.events).toEqual(['dial self']);
    expect(a.hellos).toEqual([]);
    expect(a.transport.counters.taken).toBe(1);
  });

  it('a second process with the same id is not taken for oneself', async () => {
    const [a, twin] = [await node('a'), await node('a')];
    a.transport.connect(twin.address);
    await until('it knows', () => a.events.length > 0);
    expect(a.events).toEqual(['dial twin']);
    expect(a.logged.join()).toContain('copied data folder');
  });
});

describe('admission', () => {
  it.each([
    ['another secret', 'one', 'two'],
    ['a secret and none', 'one', ''],
    ['none and a secret', '', 'one'],
  ])('%s: nobody is introduced, and the log says so', async (_, ours, theirs) => {
    const [a, b] = [await node('a', ours), await node('b', theirs)];
    a.transport.connect(b.address);
    await until('it failed', () => b.transport.counters.failedHandshakes > 0 && a.count('dial failed') > 0);
    expect([...a.hellos, ...b.hellos]).toEqual([]);
    expect(a.isConnectedTo(b)).toBe(false);
    expect(b.logged.join()).toContain('does not know the cluster secret');
    expect(a.events[0]).toContain('is the cluster secret the same?');
    await until('it is tried again', () => b.transport.counters.failedHandshakes > 2);
    expect(b.logged.length).toBeLessThanOrEqual(2);
  });

  it('without a secret on either side they connect', async () => {
    const [a, b] = [await node('a', ''), await node('b', '')];
    a.transport.connect(b.address);
    await connected(a, b);
  });

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('a refusal reaches the other side with its reason (%s dials)', async (dialling, listening) => {
    const [a, b] = [await node(dialling), await node(listening)];
    b.verdict = () => ({ accept: false, reason: 'replicas is 3 here and 5 there' });
    a.transport.connect(b.address);
    await until('a knows', () => a.count('dial refused') > 1);
    expect(a.events[0]).toBe('dial refused replicas is 3 here and 5 there');
    expect(a.count('up') + b.count('up')).toBe(0);
    b.verdict = undefined;
    await connected(a, b);
  });

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('who refuses is not taken for who is refused (%s dials)', async (dialling, listening) => {
    const [a, b] = [await node(dialling), await node(listening)];
    a.verdict = () => ({ accept: false, reason: 'its data folder is older' });
    a.transport.connect(b.address);
    await until('a has turned it away', () => a.count('dial unwanted') > 1);
    expect(a.count('dial refused')).toBe(0);
  });

  it('reports an address where nobody answers, or that is none, and keeps trying the first', async () => {
    const a = await node('a');
    const gone = await node('b');
    await gone.transport.close();
    a.transport.connect(gone.address);
    a.transport.connect('nonsense');
    await until('tried', () => a.count('dial failed connect ECONNREFUSED') > 2);
    expect(a.count('dial failed not an address')).toBe(1);
    a.transport.forget(gone.address);
    const tries = a.count('dial failed connect');
    await pause(250);
    expect(a.count('dial failed connect')).toBe(tries);
  });
});

describe('speed and bounds', () => {
  it('100,000 small messages of one turn are one socket write', async () => {
    const [a, b] = [await node('a'), await node('b')];
    let [sum, count] = [0, 0];
    b.onMessage = (_peer, buffer, start, end) => {
      sum += buffer.readUInt32BE(start) + end - start;
      count++;
      return true;
    };
    a.transport.connect(b.address);
    await connected(a, b);
    const before = a.transport.counters.writes;
    for (let i = 0; i < 100_000; i++) {
      const writer = a.transport.writer(1)!;
      writer.begin();
      writer.u32(i);
      writer.latin1('a small key');
      writer.end();
    }
    a.transport.flush();
    const writes = a.transport.counters.writes - before;
    await until('all came', () => count >= 100_000);
    expect(writes).toBe(1);
    expect(sum).toBe((99_999 * 100_000) / 2 + 100_000 * 19);
  });

  it('what gathers while a write is under way goes out after it, unasked and as one', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.transport.connect(b.address);
    await connected(a, b);
    const before = a.transport.counters.writes;
    for (let i = 0; i < 50; i++) {
      a.send(b, `${i}`);
      a.transport.flush();
    }
    await until('all came', () => b.messages.length === 50);
    expect(b.messages).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
    expect(a.transport.counters.writes - before).toBeLessThanOrEqual(3);
  });

  it('carries a message of 40 MB and keeps the order around it', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.transport.connect(b.address);
    await connected(a, b);
    const large = Buffer.alloc(40 * 1024 * 1024, 'abc');
    const seen: number[] = [];
    b.onMessage = (_peer, buffer, start, end) => {
      seen.push(end - start);
      if (end - start === large.length) expect(large.compare(buffer, start, end)).toBe(0);
      return true;
    };
    a.send(b, 'before');
    a.transport.send(1, large);
    a.send(b, 'behind');
    a.transport.flush();
    await until('all came', () => seen.length === 3);
    expect(seen).toEqual([6, large.length, 6]);
  });

  it('refuses what is too long and what exceeds the queue, and says how often; both pass with time', async () => {
    const bounds = { maxFrameBytes: 1000_000, maxQueuedBytes: 2_000_000 };
    const [a, b] = [await node('a', undefined, bounds), await node('b', undefined, bounds)];
    a.transport.connect(b.address);
    await connected(a, b);
    expect(a.transport.send(1, Buffer.alloc(1000_001))).toBe(false);
    expect(a.transport.counters.tooLong).toBe(1);
    b.transport.pause(b.peerOf(a));
    const chunk = Buffer.alloc(100_000, 'x');
    let sent = 0;
    // The kernel takes some megabytes before the queue grows.
    while (sent < 1000 && a.transport.send(1, chunk)) {
      sent++;
      a.transport.flush();
      await pause(0);
    }
    expect(sent).toBeLessThan(1000);
    expect(a.transport.counters.queueFull).toBe(1);
    expect(a.transport.queuedBytes(1)).toBeGreaterThanOrEqual(2_000_000);
    expect(a.transport.queuedBytes(1)).toBeLessThan(2_000_000 + 200_000);
    // Longer than the heartbeat's patience: a paused link is not a dead one.
    const before = b.transport.signsOf(b.peerOf(a));
    await pause(1300);
    expect(b.count('down')).toBe(0);
    expect(b.transport.signsOf(b.peerOf(a))).toBeGreaterThan(before + 5);
    expect(b.messages.length).toBeLessThan(sent);
    b.transport.resume(b.peerOf(a));
    await until('all came', () => b.messages.length === sent);
    expect(a.transport.queuedBytes(1)).toBe(0);
  });

  it('a handler that calls a message nonsense ends the connection once, and hears no more of it', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.transport.connect(b.address);
    await connected(a, b);
    let heard = 0;
    b.onMessage = () => ++heard < 3;
    for (let i = 0; i < 10; i++) a.send(b, 'm');
    a.transport.flush();
    await until('both noticed', () => b.count('down') === 1 && a.count('down') === 1);
    expect(heard).toBe(3);
    expect(b.events).toContain('down 1 sent a message that makes no sense');
  });

  it('a dropped connection is reported before drop returns, and dialled again', async () => {
    const [a, b] = [await node('a'), await node('b')];
    a.transport.connect(b.address);
    await connected(a, b);
    a.transport.drop(1, 'bored');
    expect(a.events.at(-1)).toBe('down 1 bored');
    await until('it is back', () => a.count('up 1') === 2 && b.count('up 1') === 2);
    expect(b.count('down 1')).toBe(1);
  });
});

it('a node that listens and is not yet attached takes nobody in, and whoever dials it once it is', async () => {
  const a = await new TestNode(idOf('a'), undefined, {}, true).listen();
  const b = await node('b');
  open.push(a.transport);
  b.transport.connect(a.address);
  await until('b has tried', () => b.count('dial failed') > 0);
  expect(a.transport.counters.failedHandshakes).toBe(0);
  a.attach();
  await connected(a, b);
});
