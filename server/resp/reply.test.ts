import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisOracle } from './redis-oracle.test-support.js';
import { type ReplyBytes, ReplyWriter, type RespVersion } from './reply.js';

type Write = (reply: ReplyWriter) => void;

const join = (bytes: ReplyBytes): string => (typeof bytes === 'string' ? bytes : bytes.join(''));

function written(resp: RespVersion, ...writes: Write[]): ReplyBytes {
  const reply = new ReplyWriter(resp);
  for (const write of writes) write(reply);
  return reply.take();
}

describe('sends what redis-server sends', () => {
  let redis: RedisOracle;
  beforeAll(async () => {
    redis = await RedisOracle.start();
  });
  afterAll(() => redis.stop());

  /** What Redis answers to an inline command on a connection that speaks `resp`. */
  async function ask(resp: RespVersion, command: string): Promise<string> {
    const raw = await redis.open();
    await raw.send(`FLUSHALL\r\nHELLO ${resp}\r\n`);
    await redis.settle();
    const before = raw.received.length;
    await raw.send(`${command}\r\n`);
    await redis.settle();
    raw.close();
    return raw.received.slice(before);
  }

  const cases: Array<[string, Write, RespVersion[]?]> = [
    ['DEBUG PROTOCOL string', (r) => r.bulk('Hello World')],
    ['DEBUG PROTOCOL integer', (r) => r.integer(12345)],
    ['DEBUG PROTOCOL double', (r) => r.double('3.141')],
    ['DEBUG PROTOCOL null', (r) => r.null()],
    ['DEBUG PROTOCOL true', (r) => r.boolean(true)],
    ['DEBUG PROTOCOL false', (r) => r.boolean(false)],
    ['DEBUG PROTOCOL verbatim', (r) => r.verbatim('txt', 'This is a verbatim\nstring')],
    [
      'DEBUG PROTOCOL array',
      (r) => {
        r.array(3);
        for (const n of [0, 1, 2]) r.integer(n);
      },
    ],
    [
      'DEBUG PROTOCOL set',
      (r) => {
        r.set(3);
        for (const n of [0, 1, 2]) r.integer(n);
      },
    ],
    [
      'DEBUG PROTOCOL map',
      (r) => {
        r.map(3);
        for (const n of [0, 1, 2]) {
          r.integer(n);
          r.boolean(n === 1);
        }
      },
    ],
    [
      'DEBUG PROTOCOL push',
      (r) => {
        r.push(2);
        r.bulk('server-cpu-usage');
        r.integer(42);
        r.bulk('Some real reply following the push reply');
      },
      [3],
    ],
    [
      'SUBSCRIBE c',
      (r) => {
        r.push(3);
        r.bulk('subscribe');
        r.bulk('c');
        r.integer(1);
      },
    ],
    ['PING', (r) => r.simple('PONG')],
    ['FLUSHALL', (r) => r.ok()],
    ['GET nothing', (r) => r.bulk(null)],
    ['GET nothing', (r) => r.bulk(undefined)],
    ['LPOP nothing 2', (r) => r.nullArray()],
    ['ECHO ""', (r) => r.bulk('')],
    ['ECHO "\\x00\\r\\n\\xff$1"', (r) => r.bulk('\0\r\n\xff$1')],
    ['KEYS nothing', (r) => r.array(0)],
    ['HGETALL nothing', (r) => r.map(0)],
    ['SMEMBERS nothing', (r) => r.set(0)],
    ['GETBIT nothing 1', (r) => r.integer(0)],
    ['DECR n', (r) => r.integer(-1)],
    ['INCRBY n 1023', (r) => r.integer(1023)],
    ['INCRBY n 1024', (r) => r.integer(1024)],
    ['INCRBY n 9007199254740991', (r) => r.integer(9007199254740991)],
    ['INCRBY n 9223372036854775807', (r) => r.integer(9223372036854775807n)],
    ['INCRBY n -9223372036854775808', (r) => r.integer(-9223372036854775808n)],
    ['GET', (r) => r.error("ERR wrong number of arguments for 'get' command")],
    ['EVAL "return redis.error_reply(\'MY a\\\\r\\\\nb\\\\nc\')" 0', (r) => r.error('MY a\r\nb\nc')],
    ['"a\\r\\nb"', (r) => r.error("ERR unknown command 'a\r\nb', with args beginning with: ")],
  ];
  const rows = cases.flatMap(([command, write, versions = [2, 3]]) =>
    versions.map((resp) => ({ command, resp, write })),
  );
  it.each(rows)('$command in RESP$resp', async ({ command, resp, write }) => {
    expect(join(written(resp as RespVersion, write))).toBe(await ask(resp as RespVersion, command));
  });

  it.each([1023, 1024, 1025, 65535, 65536, 65537, 200_000])('a bulk string of %i bytes', async (length) => {
    const expected = await ask(2, `EVAL "return string.rep('v', ${length})" 0`);
    expect(join(written(2, (r) => r.bulk('v'.repeat(length))))).toBe(expected);
  });
});

describe('large replies', () => {
  const chunkBytes = 64 * 1024;
  const piece = fc.oneof(
    { weight: 5, arbitrary: fc.nat({ max: 300 }) },
    { weight: 3, arbitrary: fc.nat({ max: 5000 }) },
    { weight: 2, arbitrary: fc.integer({ min: chunkBytes - 20, max: chunkBytes + 20 }) },
    { weight: 1, arbitrary: fc.nat({ max: 4 * chunkBytes }) },
  );

  /** Bulk strings and their surroundings, told by number so that a swap of any two shows. */
  function write(reply: ReplyWriter, sizes: readonly number[]): string {
    let expected = '';
    for (const [i, size] of sizes.entries()) {
      const value = String.fromCharCode(97 + (i % 26)).repeat(size);
      reply.integer(i * 700);
      reply.bulk(value);
      reply.ok();
      expected += `:${i * 700}\r\n$${size}\r\n${value}\r\n+OK\r\n`;
    }
    return expected;
  }

  it('keep their order, in bounded chunks', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (sizes) => {
        const reply = new ReplyWriter();
        const expected = write(reply, sizes);
        const bytes = reply.take();
        expect(join(bytes) === expected).toBe(true);
        if (typeof bytes === 'string') return;
        const largest = Math.max(...sizes);
        for (const chunk of bytes) {
          expect(chunk).not.toBe('');
          expect(chunk.length).toBeLessThanOrEqual(Math.max(chunkBytes + 64, largest));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('pass through another writer unchanged', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.array(piece, { maxLength: 20 }), (inner, outer) => {
        const first = new ReplyWriter();
        const second = new ReplyWriter();
        let expected = write(second, outer);
        expected += write(first, inner);
        second.raw(first.take());
        expected += write(second, outer);
        expect(join(second.take()) === expected).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('are one string when they are small', () => {
    expect(typeof written(2, (r) => write(r, [10, 1023, 1024, 5000]))).toBe('string');
  });

  it('do not copy a large value into a larger string', () => {
    const value = 'v'.repeat(1_000_000);
    const bytes = written(2, (r) => r.bulk(value));
    expect(bytes).toEqual(['$1000000\r\n', value, '\r\n']);
  });
});

describe('take', () => {
  it('starts afresh', () => {
    const reply = new ReplyWriter();
    expect(reply.empty).toBe(true);
    for (const size of [3, 200_000, 3]) {
      reply.bulk('v'.repeat(size));
      expect(reply.empty).toBe(false);
      expect(join(reply.take())).toBe(`$${size}\r\n${'v'.repeat(size)}\r\n`);
      expect(reply.empty).toBe(true);
    }
    expect(reply.take()).toBe('');
  });

  it('leaves no line break in an error, which would end it early', () => {
    const breaks = fc.string({ unit: fc.constantFrom('a', '\r', '\n', ' ') });
    fc.assert(
      fc.property(breaks, (text) => {
        expect(join(written(2, (r) => r.error(`ERR ${text}`)))).toMatch(/^-ERR [^\r\n]*\r\n$/);
      }),
    );
  });

  it('follows a change of version in the middle', () => {
    const reply = new ReplyWriter(2);
    reply.null();
    reply.resp = 3;
    reply.null();
    reply.map(1);
    expect(reply.take()).toBe('$-1\r\n_\r\n%1\r\n');
  });
});
