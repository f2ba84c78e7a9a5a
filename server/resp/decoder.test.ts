import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProtocolError, RequestDecoder } from './decoder.js';
import { DEFAULT_DECODER_LIMITS, type DecoderLimits } from './limits.js';
import { RedisOracle } from './redis-oracle.test-support.js';

const LINE = DEFAULT_DECODER_LIMITS.maxInlineBytes;
const INT32_MAX = 2 ** 31 - 1;

type Overrides = Partial<DecoderLimits>;

/** The limits of a fresh Redis 7.0, whose only bound for a multibulk is an int. */
function redisLimits(overrides: Overrides = {}): DecoderLimits {
  return {
    ...DEFAULT_DECODER_LIMITS,
    maxMultibulk: INT32_MAX,
    maxBulkBytes: () => DEFAULT_DECODER_LIMITS.maxBulkBytes,
    authenticated: () => true,
    ...overrides,
  };
}

interface Decoded {
  commands: string[][];
  error: string | null;
}

/** Feeds the pieces, each in memory that is scribbled over as soon as the decoder gave it back. */
function decode(pieces: readonly string[], overrides?: Overrides): Decoded {
  const decoder = new RequestDecoder(redisLimits(overrides));
  const commands: string[][] = [];
  for (const piece of pieces) {
    const chunk = Buffer.from(piece, 'latin1');
    decoder.push(chunk);
    for (let command = decoder.next(); command !== null; command = decoder.next()) {
      if (command instanceof ProtocolError) {
        expect(decoder.next()).toBe(command);
        return { commands, error: command.message };
      }
      commands.push(command);
    }
    chunk.fill('#');
  }
  return { commands, error: null };
}

const bytewise = (stream: string): string[] => stream.split('');

function cutAt(stream: string, places: readonly number[]): string[] {
  const cuts = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [...cuts, stream.length].map((cut, i) => stream.slice(i === 0 ? 0 : cuts[i - 1], cut));
}

function encode(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

const bytes = (constraints?: { maxLength?: number }) =>
  fc.uint8Array({ maxLength: 40, ...constraints }).map((array) => Buffer.from(array).toString('latin1'));

/** Streams near the protocol's edges: whole frames, broken frames, inline lines and noise. */
const token = fc.oneof(
  { weight: 3, arbitrary: fc.array(bytes(), { minLength: 1, maxLength: 5 }).map(encode) },
  { weight: 2, arbitrary: bytes().map((arg) => encode(['ECHO', arg])) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('PING\r\n', 'echo "a\\x00b"\n', "ECHO 'it\\'s'\r\n", '\r\n', ' \n'),
  },
  { weight: 2, arbitrary: fc.constantFrom('*0\r\n', '*-1\r\n', '*1\rX$4\rYPINGZZ', '*2\r\n', '$4\r\n') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('*', '$', '\r', '\n', '"', "'", '\\', '\0', ':', '-1', ' ', '01', 'x'),
  },
  { weight: 1, arbitrary: bytes({ maxLength: 6 }) },
);
const stream = fc.array(token, { maxLength: 8 }).map((tokens) => tokens.join(''));
const places = fc.array(fc.nat(), { maxLength: 12 });

describe('against redis-server', () => {
  let open: RedisOracle;
  let locked: RedisOracle;
  beforeAll(async () => {
    open = await RedisOracle.start();
    locked = await RedisOracle.start('--requirepass', 'secret');
  });
  afterAll(async () => {
    await open.stop();
    await locked.stop();
  });

  /**
   * Sends the raw bytes to Redis, and what our decoder makes of them, command by command in clean frames, over a second
   * connection: replies and fate of the connection must be the same.
   */
  async function expectSame(oracle: RedisOracle, pieces: readonly string[]): Promise<void> {
    const ours = decode(pieces, { authenticated: () => oracle === open });
    const [raw, clean] = await Promise.all([oracle.open(), oracle.open()]);
    try {
      for (const command of ours.commands) await clean.send(encode(command));
      await oracle.settle();
      for (const piece of pieces) {
        await raw.send(piece);
        if (pieces.length > 1) await oracle.settle();
      }
      const expected = clean.received + (ours.error === null ? '' : `-${ours.error}\r\n`);
      if (ours.error !== null) await raw.untilClosed();
      else await raw.receive(expected.length);
      await oracle.settle();
      expect({ reply: raw.received, closed: raw.closed }).toEqual({
        reply: expected,
        closed: ours.error !== null,
      });
    } finally {
      raw.close();
      clean.close();
    }
  }

  const lengths = [
    '',
    '0',
    '-0',
    '00',
    '1',
    '+1',
    ' 1',
    '1 ',
    '01',
    '-1',
    '-5',
    '-',
    '--1',
    'a',
    '1a',
    '0x1',
    '1.0',
  ];
  const huge = ['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'];
  const limits = [
    '4294967297',
    '2147483647',
    '2147483648',
    '536870913',
    '123456789',
    '1234567890',
    '9'.repeat(40),
  ];
  const numbers = [...lengths, ...huge, ...limits];

  const whole = [
    ...numbers.map((n) => `*${n}\r\n$4\r\nPING\r\n`),
    ...numbers.map((n) => `*2\r\n$4\r\nECHO\r\n$${n}\r\nx\r\n`),
    '*1\n$4\r\nPING\r\n',
    '*1\rX$4\rYPINGZZPING\r\n',
    '*1\0\r\n$4\r\nPING\r\n',
    '*1\r\n%4\r\n',
    '*1\r\n%4\r',
    '*1\r\n:4\r\n',
    '*1\r\n\xff4\r\n',
    '*1\r\n\r\n',
    '*1\r\n\n\r\n',
    '*1\r\n\x004\r\n',
    '*1\r\n*1\r\n$4\r\nPING\r\n',
    '*1\r\n$0\r\n\r\n',
    '*2\r\n$4\r\nECHO\r\n$0\r\n\r\nPING\r\n',
    '\r\nPING\r\n',
    '\r\r\nPING\n',
    'PING\r\r\n',
    '\tPING \v\f\n',
    'PI\0NG\r\nPING\r\n',
    'PING\r',
    ' *1\r\nPING\r\n',
    'ECHO "a"b\r\n',
    'ECHO "a\r\n',
    "ECHO 'a'b\r\n",
    "ECHO 'a\r\nPING\r\n",
    'ECHO a"b"\r\n',
    "ECHO a'b c'd\r\n",
    "ECHO a'b c'\r\n",
    "ECHO 'a\\'b\\\"\\n'\r\n",
    "ECHO 'a\\\\'\r\n",
    'ECHO "\\x4"\r\n',
    'ECHO "\\x4g"\r\n',
    'ECHO "\\x4A\\xfF\\x00"\r\n',
    'ECHO "\\n\\r\\t\\b\\a\\v\\\\\\"\\q"\r\n',
    'ECHO "a\\"\r\n',
    'ECHO "a\\\n',
    'ECHO \\\n',
    'ECHO a\\nb\r\n',
    'ECHO \va\f\r\n',
    'ECHO a\rb\r\n',
    'ECHO "a"\vb\r\n',
    'ECHO "a"\x01b\r\n',
    'ECHO "a"\xa0\r\n',
    'ECHO a\x85\xa0b\r\n',
    'ECHO ""\r\n',
    '"" x\r\n',
    'ECHO "" \'\'\r\n',
    '"PI""NG"\r\n',
  ];
  it.each(whole)('%j, whole and in pieces', async (stream) => {
    await expectSame(open, [stream]);
    await expectSame(open, bytewise(stream));
  });

  const filler = 'a'.repeat(LINE);
  // Redis measures what it happens to have read without finding the end; here each piece arrives by itself.
  const tooLong: Record<string, string[]> = {
    'the longest inline command': [filler, '\n'],
    'an inline command one byte longer': [filler, 'a', '\n'],
    'an inline command one byte longer, by its CR': [filler, '\r', '\n'],
    'a NUL before the line end': ['PING\0\r\n', filler],
    'the longest multibulk line': [`*${filler.slice(1)}`, '\r', '\n'],
    'a multibulk line one byte longer': [`*${filler}`, '\r\n'],
    'a multibulk line with a NUL': ['*1\0\r\n', filler],
    'the longest bulk line': [`*1\r\n$${filler.slice(1)}`, '\r', '\n'],
    'a bulk line one byte longer': ['*1\r\n', `$${filler}`, '\r\n'],
    'a bulk line of something else': ['*1\r\n', `${filler}a`],
  };
  it.each(Object.entries(tooLong))('%s', (_name, pieces) => expectSame(open, pieces));

  it.each([
    ['at most ten arguments', '*10\r\n'],
    ['no eleventh', '*11\r\n'],
    ['no argument number that is no number', '*2147483648\r\n'],
    ['at most 16384 bytes', '*1\r\n$16384\r\n'],
    ['not one byte more', '*1\r\n$16385\r\n'],
    ['not more than anybody', '*1\r\n$536870913\r\n'],
  ])('without the password: %s', (_name, stream) => expectSame(locked, [stream]));

  it('without the password: as many inline arguments as fit', async () => {
    const line = `PING ${'a '.repeat(20)}\r\n`;
    expect(decode([line], { authenticated: () => false }).commands).toEqual([line.trim().split(' ')]);
    const raw = await locked.open();
    await raw.send(line);
    await locked.settle();
    expect(raw.received).toMatch(/^-NOAUTH /);
    expect(raw.closed).toBe(false);
    raw.close();
  });

  it('a full query buffer ends the connection without a word', async () => {
    const small = await RedisOracle.start('--client-query-buffer-limit', '1mb');
    const pieces = ['*2\r\n$4\r\nECHO\r\n$2000000\r\n', 'v'.repeat(1_200_000)];
    expect(decode(pieces, { maxQueryBuffer: 1024 * 1024 })).toEqual({ commands: [], error: '' });
    const raw = await small.open();
    for (const piece of pieces) await raw.send(piece);
    await raw.untilClosed();
    expect(raw.received).toBe('');
    await small.stop();
  });

  it('generated streams', async () => {
    await fc.assert(
      fc.asyncProperty(stream, (stream) => expectSame(open, [stream])),
      { numRuns: 400 },
    );
  });

  it('generated inline commands', async () => {
    const char = fc.constantFrom(...'ab\\\'"  \t\v\f\rxn0F\x07\xe9'.split(''));
    const line = fc
      .array(char, { maxLength: 14 })
      .map((chars) => `EVAL "return ARGV" 0 ${chars.join('')}\r\n`);
    await fc.assert(
      fc.asyncProperty(line, (line) => expectSame(open, [line])),
      { numRuns: 400 },
    );
  });
});

describe('however the stream is cut', () => {
  it('the result is that of the whole', () => {
    fc.assert(
      fc.property(stream, places, (stream, places) => {
        const whole = decode([stream]);
        expect(decode(cutAt(stream, places))).toEqual(whole);
        expect(decode(bytewise(stream))).toEqual(whole);
      }),
      { numRuns: 3000 },
    );
  });

  it('what was encoded comes back', () => {
    const commands = fc.array(fc.array(bytes({ maxLength: 2000 }), { minLength: 1, maxLength: 40 }), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(commands, places, (commands, places) => {
        const stream = commands.map(encode).join('');
        expect(decode(cutAt(stream, places))).toEqual({ commands, error: null });
      }),
      { numRuns: 500 },
    );
  });

  it('a line at the limit is judged alike in one chunk and in many', () => {
    for (const start of ['', '*', '*1\r\n$', '*1\r\nx', 'a\0', '*\0']) {
      for (const end of ['\n', '\r\n', '\rx', 'a\r\n', '\0\r\n', 'aaaa']) {
        for (let length = LINE - 6; length <= LINE + 3; length++) {
          const stream = start + 'a'.repeat(length) + end;
          const whole = decode([stream]);
          for (let cut = stream.length - 5; cut < stream.length; cut++) {
            expect(decode(cutAt(stream, [7, cut]))).toEqual(whole);
          }
        }
      }
    }
  });
});

describe('chunks handed over before the last one was used up', () => {
  it('are parsed in order, also after keep()', () => {
    const stream = fc.array(fc.array(bytes(), { minLength: 1, maxLength: 4 }), { maxLength: 6 });
    const steps = fc.array(fc.constantFrom('next', 'push', 'keep'), { maxLength: 40 });
    fc.assert(
      fc.property(stream, places, steps, (commands, places, steps) => {
        const decoder = new RequestDecoder(redisLimits());
        const pieces = cutAt(commands.map(encode).join(''), places).map((p) => Buffer.from(p, 'latin1'));
        const pushed: Buffer[] = [];
        const decoded: unknown[] = [];
        const step = { next: () => decoded.push(decoder.next()), push: () => {}, keep: () => {} };
        step.push = () => {
          const piece = pieces.shift();
          if (piece === undefined) return;
          pushed.push(piece);
          decoder.push(piece);
        };
        step.keep = () => {
          decoder.keep();
          for (const piece of pushed.splice(0)) piece.fill('#');
        };
        for (const name of steps) step[name]();
        while (pieces.length > 0) step.push();
        for (let i = 0; i <= commands.length; i++) step.next();
        expect(decoded.filter((command) => command !== null)).toEqual(commands);
        expect(decoder.buffered).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('limits', () => {
  it('costs nothing to announce much', () => {
    const before = process.memoryUsage();
    const decoders = Array.from({ length: 200 }, (_, i) => {
      const decoder = new RequestDecoder(redisLimits());
      decoder.push(Buffer.from(i % 2 === 0 ? '*2\r\n$536870000\r\nabc' : '*2000000000\r\n$1\r\na\r\n'));
      expect(decoder.next()).toBeNull();
      return decoder;
    });
    const after = process.memoryUsage();
    expect(decoders).toHaveLength(200);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(10e6);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(20e6);
  });

  it('refuses an argument longer than a string can be', () => {
    const overrides = { maxBulkBytes: () => 2 ** 40 };
    const invalid = { commands: [], error: 'ERR Protocol error: invalid bulk length' };
    expect(decode(['*1\r\n$536870889\r\n'], overrides)).toEqual(invalid);
    expect(decode(['*1\r\n$536870888\r\n'], overrides).error).toBeNull();
  });

  it('asks for proto-max-bulk-len and the password anew at each argument', () => {
    let most = 4;
    let authenticated = false;
    const limits = redisLimits({ maxBulkBytes: () => most, authenticated: () => authenticated });
    const decoder = new RequestDecoder(limits);
    decoder.push(
      Buffer.from(`${encode(['AUTH', 'x'])}${encode(Array.from({ length: 11 }, () => 'abcdef'))}`),
    );
    expect(decoder.next()).toEqual(['AUTH', 'x']);
    most = 6;
    authenticated = true;
    expect(decoder.next()).toHaveLength(11);
  });

  it('refuses more arguments than maxMultibulk', () => {
    expect(decode(['*4\r\n'], { maxMultibulk: 3 }).error).toBe(
      'ERR Protocol error: invalid multibulk length',
    );
    expect(decode(['*3\r\n'], { maxMultibulk: 3 }).error).toBeNull();
  });

  it('ends a connection that holds more than the query buffer, without a word', () => {
    const argument = `$1000\r\n${'v'.repeat(1000)}\r\n`;
    const stream = `*50\r\n${argument.repeat(20)}`;
    for (const size of [1, 100, 5000]) {
      const pieces = cutAt(
        stream,
        Array.from({ length: Math.floor(stream.length / size) }, (_, i) => i * size),
      );
      expect(decode(pieces, { maxQueryBuffer: 10_000 })).toEqual({ commands: [], error: '' });
    }
  });

  it('counts what it holds', () => {
    const decoder = new RequestDecoder(redisLimits());
    decoder.push(Buffer.from('*2\r\n$3\r\nGET\r\n$10\r\nabc'));
    expect(decoder.next()).toBeNull();
    expect(decoder.buffered).toBeGreaterThanOrEqual(6);
    decoder.push(Buffer.from('defghij\r\n*1'));
    expect(decoder.next()).toEqual(['GET', 'abcdefghij']);
    expect(decoder.buffered).toBe(2);
  });

  it('never throws on noise, nor holds more than its limits', () => {
    const noise = fc.array(fc.oneof(bytes({ maxLength: 300 }), stream), { maxLength: 30 });
    const maxQueryBuffer = 600;
    fc.assert(
      fc.property(noise, (pieces) => {
        const decoder = new RequestDecoder(redisLimits({ maxQueryBuffer, maxInlineBytes: 200 }));
        for (const piece of pieces) {
          decoder.push(Buffer.from(piece, 'latin1'));
          let result = decoder.next();
          while (Array.isArray(result)) result = decoder.next();
          expect(decoder.buffered).toBeLessThanOrEqual(result === null ? maxQueryBuffer : 0);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('time grows with the bytes, however they come', () => {
  /** Best of three, in ms: the machine may be busy with something else. */
  function time(work: () => void): number {
    return Math.min(
      ...Array.from({ length: 3 }, () => {
        const start = performance.now();
        work();
        return performance.now() - start;
      }),
    );
  }

  function feed(header: string, part: Buffer, parts: number): void {
    const decoder = new RequestDecoder(redisLimits());
    decoder.push(Buffer.from(header));
    for (let i = 0; i < parts; i++) {
      if (decoder.next() !== null) throw new Error('too early');
      decoder.push(part);
    }
    expect(decoder.next()).toHaveLength(1);
  }

  it('a 100 MB value in chunks of 64 KiB', () => {
    const part = Buffer.alloc(65536, 'v');
    const parts = 1600;
    const header = `*1\r\n$${part.length * parts - 2}\r\n`;
    expect(time(() => feed(header, part, parts))).toBeLessThan(3000);
  });

  it('an argument and a great many arguments, a byte at a time', () => {
    const push = (count: number) => {
      const decoder = new RequestDecoder(redisLimits());
      const stream = Buffer.from(`*${count}\r\n${'$1\r\na\r\n'.repeat(count)}`);
      for (let i = 0; i < stream.length; i++) {
        decoder.push(stream.subarray(i, i + 1));
        if (i < stream.length - 1 && decoder.next() !== null) throw new Error('too early');
      }
      expect(decoder.next()).toHaveLength(count);
    };
    const small = time(() => push(5_000));
    expect(time(() => push(40_000))).toBeLessThan(8 * 4 * small + 200);
    const value = (size: number) => time(() => feed(`*1\r\n$${size - 2}\r\n`, Buffer.from('v'), size));
    expect(value(320_000)).toBeLessThan(8 * 4 * value(40_000) + 200);
  });
});
