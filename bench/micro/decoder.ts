/**
 * What decoding costs: `node dist/bench/micro/decoder.js`. Pipelines of 16 SETs or GETs with 100-byte values and 16-byte
 * keys, as redis-benchmark sends them, through our decoder and through `redis-parser`, whole and cut into pieces.
 */
import RedisParser from 'redis-parser';
import { RequestDecoder } from '../../server/resp/decoder.js';
import { DEFAULT_DECODER_LIMITS } from '../../server/resp/limits.js';

const PIPELINE = 16;
const COMMANDS_PER_RUN = 400_000;
const RUNS = 7;

/** Parses a chunk and returns how many commands it completed. */
type Feed = (chunk: Buffer) => number;

function ours(): Feed {
  const decoder = new RequestDecoder({
    ...DEFAULT_DECODER_LIMITS,
    maxBulkBytes: () => DEFAULT_DECODER_LIMITS.maxBulkBytes,
    authenticated: () => true,
  });
  return (chunk) => {
    decoder.push(chunk);
    let commands = 0;
    while (decoder.next() !== null) commands++;
    return commands;
  };
}

function redisParser(returnBuffers: boolean): Feed {
  let commands = 0;
  const parser = new RedisParser({
    returnBuffers,
    returnReply: () => commands++,
    returnError: (error: Error) => {
      throw error;
    },
  });
  return (chunk) => {
    commands = 0;
    parser.execute(chunk);
    return commands;
  };
}

function encode(...args: string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

function pipeline(command: (key: string) => string): Buffer {
  const keys = Array.from({ length: PIPELINE }, (_, i) => `key:${String(i * 7919).padStart(12, '0')}`);
  return Buffer.from(keys.map(command).join(''), 'latin1');
}

/** A long stream of whole pipelines, cut every `size` bytes. */
function cut(chunk: Buffer, size: number): Buffer[] {
  const stream = Buffer.concat(Array.from({ length: 256 }, () => chunk));
  return Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
    stream.subarray(i * size, (i + 1) * size),
  );
}

/** Commands per second of one run. */
function run(feed: Feed, chunks: readonly Buffer[]): number {
  let commands = 0;
  const start = process.hrtime.bigint();
  while (commands < COMMANDS_PER_RUN) for (const chunk of chunks) commands += feed(chunk);
  return commands / (Number(process.hrtime.bigint() - start) / 1e9);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

const value = 'x'.repeat(100);
const sets = pipeline((key) => encode('SET', key, value));
const gets = pipeline((key) => encode('GET', key));
const inline = Buffer.from('PING\r\n'.repeat(PIPELINE));

const works: Record<string, readonly Buffer[]> = {
  [`SET, ${PIPELINE} in a chunk`]: [sets],
  [`GET, ${PIPELINE} in a chunk`]: [gets],
  'SET, one in a chunk': [Buffer.from(encode('SET', 'key:000000012345', value))],
  'GET, one in a chunk': [Buffer.from(encode('GET', 'key:000000012345'))],
  'SET, cut every 64 KiB': cut(sets, 65536),
  'SET, cut every 1460 bytes': cut(sets, 1460),
  'SET, cut every 100 bytes': cut(sets, 100),
  'GET, cut every 10 bytes': cut(gets, 10),
  [`inline PING, ${PIPELINE} in a chunk`]: [inline],
};

const decoders: Record<string, () => Feed> = {
  RequestDecoder: ours,
  'redis-parser, strings': () => redisParser(false),
  'redis-parser, buffers': () => redisParser(true),
};

const rows = Object.entries(works).map(([work, chunks]) => {
  const row: Record<string, string> = { 'commands/s': work };
  // redis-parser reads replies: an inline command is nothing it knows.
  const able = Object.entries(decoders).filter(([name]) => chunks[0] !== inline || name === 'RequestDecoder');
  const results = able.map(([name, make]) => ({ name, feed: make(), rates: [] as number[] }));
  for (const { feed } of results) run(feed, chunks);
  for (let i = 0; i < RUNS; i++) for (const { feed, rates } of results) rates.push(run(feed, chunks));
  for (const { name, rates } of results) row[name] = Math.round(median(rates)).toLocaleString('en');
  return row;
});
console.table(rows);
