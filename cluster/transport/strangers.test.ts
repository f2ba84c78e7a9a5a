import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Control, controlFrame, Handshake, OPENING_BYTES } from './handshake.js';
import type { TransportLimits } from './limits.js';
import { idOf, pause, Stranger, TestNode, until } from './test-nodes.js';

const SECRET = 'a shared secret';
const PROOF_BYTES = 32;
const nodes: TestNode[] = [];

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((one) => one.transport.close()));
});

async function victim(limits?: Partial<TransportLimits>): Promise<TestNode> {
  const made = await new TestNode(idOf('b'), SECRET, limits).listen();
  nodes.push(made);
  return made;
}

function openingBytes(): Buffer {
  return Buffer.concat([Buffer.from('RKVB\x02\x02', 'latin1'), randomBytes(OPENING_BYTES - 6)]);
}

/** A dialling node made by hand, to misbehave after it has proven itself; `id` decides who settles. */
async function insider(port: number, id: string): Promise<Stranger> {
  const stranger = new Stranger(port);
  const own = { nodeId: id, boot: 'c'.repeat(16), nonce: randomBytes(32).toString('hex') };
  const handshake = new Handshake(true, own, SECRET, 1024, {
    send: (bytes) => void stranger.socket.write(bytes),
    onProven: () => true,
    onControl: () => true,
    onFailure: () => {},
  });
  stranger.socket.on('data', (chunk) => void handshake.feed(chunk));
  handshake.start();
  await until('the node greets', () => stranger.received.length > OPENING_BYTES + PROOF_BYTES);
  return stranger;
}

async function upInsider(node: TestNode, id: string): Promise<Stranger> {
  const stranger = await insider(node.port, id);
  stranger.socket.write(controlFrame(Control.Hello, Buffer.from('it is me')));
  stranger.socket.write(controlFrame(Control.Accept, Buffer.alloc(4)));
  await until('it is up', () => node.count('up') > node.count('down'));
  return stranger;
}

describe('a stranger', () => {
  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a Redis command', Buffer.from('*1\r\n$4\r\nPING\r\n')],
    ['noise', randomBytes(100_000)],
    ['one wrong byte', Buffer.from('X')],
    ['an older version', Buffer.from('RKVB\x01\x01')],
    ['a version that has forgotten ours', Buffer.from('RKVB\x09\x03')],
    ['an opening and more', Buffer.concat([openingBytes(), Buffer.from('x')])],
  ])('that sends %s is cut off without having got a byte', async (_, bytes) => {
    const node = await victim();
    const stranger = new Stranger(node.port);
    stranger.socket.write(bytes);
    await until('it is cut off', () => stranger.closed);
    expect(stranger.received.length).toBe(0);
    expect(node.transport.counters.failedHandshakes).toBe(1);
    expect(node.hellos).toEqual([]);
  });

  it('that speaks a newer version and ours too is answered', async () => {
    const node = await victim();
    const stranger = new Stranger(node.port);
    const opening = openingBytes();
    opening[4] = 9;
    stranger.socket.write(opening);
    await until('it answers', () => stranger.received.length === OPENING_BYTES);
  });

  it('with a valid opening gets an opening, and after a wrong proof only the end', async () => {
    const node = await victim();
    const stranger = new Stranger(node.port);
    stranger.socket.write(openingBytes());
    await until('it answers', () => stranger.received.length > 0);
    stranger.socket.write(randomBytes(PROOF_BYTES));
    await until('it is cut off', () => stranger.closed);
    expect(stranger.received.length).toBe(OPENING_BYTES);
    expect(node.logged.join()).toContain('does not know the cluster secret');
  });

  it("cannot pass by reflecting the node's own words", async () => {
    const node = await victim();
    const first = new Stranger(node.port);
    first.socket.write(openingBytes());
    await until('it answers', () => first.received.length === OPENING_BYTES);
    const second = new Stranger(node.port);
    second.socket.write(first.received);
    await until('it answers', () => second.received.length === OPENING_BYTES);
    second.socket.write(second.received.subarray(0, PROOF_BYTES));
    await until('it is cut off', () => second.closed);
    expect(second.received.length).toBe(OPENING_BYTES);
    first.socket.destroy();
  });

  it('that sends a byte at a time is cut off at the deadline', async () => {
    const node = await victim({ handshakeMs: 300 });
    const stranger = new Stranger(node.port);
    const opening = openingBytes();
    const began = Date.now();
    for (let i = 0; i < 70 && !stranger.closed; i++) {
      if (!stranger.socket.destroyed) stranger.socket.write(opening.subarray(i, i + 1));
      await pause(20);
    }
    expect(stranger.closed).toBe(true);
    expect(Date.now() - began).toBeGreaterThanOrEqual(290);
    expect(Date.now() - began).toBeLessThan(1200);
    expect(stranger.received.length).toBe(0);
    expect(node.logged.join()).toContain('no handshake in time');
  });

  it('that opens connections and says nothing pushes out its own, not the nodes', async () => {
    const node = await victim({ maxHalfOpen: 5 });
    const silent = Array.from({ length: 20 }, () => new Stranger(node.port));
    await until('all were taken', () => node.transport.counters.taken === 20);
    await until('only five are left', () => silent.filter((one) => one.closed).length === 15);
    expect(node.transport.counters.pushedOut).toBe(15);
    const friend = await new TestNode(idOf('a')).listen();
    nodes.push(friend);
    friend.transport.connect(node.address);
    await until('they are connected', () => friend.isConnectedTo(node) && node.isConnectedTo(friend));
    expect(node.logged.length).toBeLessThan(10);
    for (const one of silent) one.socket.destroy();
  });
});

describe.each([
  ['smaller', idOf('a')],
  ['larger', idOf('c')],
])('a node with the secret that misbehaves (%s id)', (_, id) => {
  it('and wishes before it has greeted is cut off', async () => {
    const node = await victim();
    const stranger = await insider(node.port, id);
    stranger.socket.write(controlFrame(Control.Accept, Buffer.alloc(4)));
    await until('it is cut off', () => stranger.closed);
    expect(node.events).toEqual([]);
  });

  it('and announces a huge greeting is cut off', async () => {
    const node = await victim();
    const stranger = await insider(node.port, id);
    stranger.socket.write(Buffer.of(Control.Hello, 0xff, 0xff, 0xff, 0xff));
    await until('it is cut off', () => stranger.closed);
    expect(node.hellos).toEqual([]);
  });

  it('and announces a huge message is cut off, whole or byte by byte', async () => {
    const node = await victim();
    for (const cuts of [[4], [1, 2, 3, 4]]) {
      const stranger = await upInsider(node, id);
      let from = 0;
      for (const to of cuts) {
        stranger.socket.write(Buffer.of(0xff, 0xff, 0xff, 0xff).subarray(from, to));
        from = to;
        await pause(10);
      }
      await until('it is cut off', () => stranger.closed);
      expect(node.events.at(-1)).toBe(
        'down 1 message of 4294967295 bytes announced, at most 545259520 are allowed',
      );
    }
    expect(node.count('up 1')).toBe(2);
    expect(node.count('down 1')).toBe(2);
  });

  it('and leaves in the middle of a message takes nothing down but its connection', async () => {
    const node = await victim();
    const stranger = await upInsider(node, id);
    stranger.socket.end(
      Buffer.concat([Buffer.of(0, 0, 0, 5), Buffer.from('whole'), Buffer.of(0, 0, 1, 0, 1)]),
    );
    await until('it is down', () => node.count('down 1') === 1);
    expect(node.messages).toEqual(['whole']);
  });

  it('and sends noise as messages never makes the transport throw', async () => {
    const node = await victim({ maxFrameBytes: 2000 });
    node.onMessage = (_peer, _buffer, start, end) => end - start > 0 && end - start <= 2000;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }),
        async (chunks) => {
          const stranger = await upInsider(node, id);
          for (const chunk of chunks) stranger.socket.write(chunk);
          stranger.socket.end();
          await until('it is down', () => node.count('up') === node.count('down'));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('and sends noise as control frames never makes the transport throw', async () => {
    const node = await victim();
    await fc.assert(
      fc.asyncProperty(fc.nat(6), fc.uint8Array({ maxLength: 40 }), async (type, payload) => {
        const stranger = await insider(node.port, id);
        stranger.socket.write(controlFrame(type, Buffer.from(payload)));
        stranger.socket.write(Buffer.from(payload));
        stranger.socket.end();
        await until('it is cut off', () => stranger.closed);
      }),
      { numRuns: 60 },
    );
    expect(node.count('up')).toBe(node.count('down'));
  });
});
