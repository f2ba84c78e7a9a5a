import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encode } from './harness/connection.js';
import { exchangeWithBoth } from './harness/exchange.js';
import { freePorts } from './harness/ports.js';
import { RedisServer, RingNode, temporaryFolder } from './harness/servers.js';

let redis: RedisServer;
let node: RingNode;
let folder: ReturnType<typeof temporaryFolder>;

const PING = encode(['PING']);

async function startNode(settings: Record<string, string>): Promise<void> {
  folder = temporaryFolder();
  const [port] = await freePorts(1);
  node = new RingNode(port, join(folder.path, 'data'), settings);
  await node.start();
}

async function stopBoth(): Promise<void> {
  await Promise.all([redis.stop(), node.process.stop('SIGKILL')]);
  folder.remove();
}

async function expectSame(port: number, bytes: string): Promise<void> {
  const [theirs, ours] = await exchangeWithBoth([redis.port, port], bytes);
  expect(ours).toEqual(theirs);
}

describe('bytes that are no commands get what redis-server answers', () => {
  beforeAll(async () => {
    redis = await RedisServer.start();
    await startNode({});
  });
  afterAll(stopBoth);

  it.concurrent.each([
    ['a negative bulk length', '*2\r\n$3\r\nGET\r\n$-5\r\n'],
    ['a bulk length of no digits', '*2\r\n$3\r\nGET\r\n$abc\r\n'],
    ['a bulk length with a plus', '*2\r\n$3\r\nGET\r\n$+3\r\nabc\r\n'],
    ['a bulk length with a leading zero', '*2\r\n$3\r\nGET\r\n$03\r\nabc\r\n'],
    ['a bulk length beyond the limit', '*2\r\n$3\r\nGET\r\n$536870913\r\n'],
    ['a bulk length of 2^63', '*2\r\n$3\r\nGET\r\n$9223372036854775808\r\n'],
    ['no bulk length', '*2\r\n$3\r\nGET\r\n$\r\n'],
    ['a multibulk length of 2^31', '*2147483648\r\n'],
    ['a multibulk length of no digits', '*abc\r\n'],
    ['a multibulk length with blanks', '* 1\r\n$4\r\nPING\r\n'],
    ['no multibulk length', '*\r\n'],
    ['a negative multibulk length', `*-1\r\n${PING}`],
    ['a multibulk length of 0', `*0\r\n${PING}`],
    ['an argument without its $', '*1\r\n:4\r\nPING\r\n'],
    ['an inline argument in a multibulk', '*2\r\n$3\r\nGET\r\nfoo\r\n'],
    ['a newline for a $', '*1\r\n\nPING\r\n'],
    ['an endless multibulk length', `*${'1'.repeat(70_000)}`],
    ['an endless bulk length', `*1\r\n$${'1'.repeat(70_000)}`],
    ['an endless inline request', 'a'.repeat(70_000)],
    ['a long inline request', `ECHO ${'a'.repeat(65_000)}\r\n`],
    ['unbalanced double quotes', 'SET a "b\r\n'],
    ['unbalanced single quotes', "SET a 'b\r\n"],
    ['text behind a closing quote', 'SET a "b"c\r\n'],
    ['quotes with escapes', 'ECHO "a\\x41\\n\\"b"\r\n'],
    ['blank lines', `\r\n\r\n\n${PING}`],
    ['a NUL in an inline request', `PI\0NG\r\n${PING}`],
    ['an unknown command', 'NOSUCH a b c\r\n'],
    ['an unknown command of odd bytes', encode(['\x00\xff\r\n', 'a\x01\n'])],
    ['a long unknown command', encode(['N'.repeat(300), ...Array(40).fill('argument')])],
    ['an empty command', encode([''])],
    ['a command of wrong arity', encode(['GET'])],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a POST of a browser', 'POST / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['wrong bytes behind a right command', `${PING}*1\r\n$x\r\n${PING}`],
    ['wrong bytes behind a write', `${encode(['SET', 'behind', '1'])}*1\r\n$x\r\n`],
    ['any two bytes behind an argument', '*1\r\n$4\r\nPINGxx'],
    ['an EXEC of wrong arity', 'MULTI\r\nSET a b\r\nEXEC 1\r\nEXEC\r\n'],
    ['an unknown subcommand with a NUL', encode(['CLIENT', 'a\0b'])],
    ['half a command', '*2\r\n$4\r\nECHO\r\n$3\r\nab'],
    ['QUIT and more', `${encode(['QUIT'])}${PING}`],
  ])('%s', (_, bytes) => expectSame(node.port, bytes));
});

describe('a client that has not given the password gets what redis-server answers', () => {
  beforeAll(async () => {
    redis = await RedisServer.start('--requirepass', 'secret');
    await startNode({ requirepass: 'secret' });
  });
  afterAll(stopBoth);

  it.concurrent.each([
    ...['GET a', 'SET a b', 'PING', 'INFO', 'COMMAND', 'CLIENT ID', 'MULTI', 'EXEC', 'SELECT 1', 'SHUTDOWN'],
    ...[
      'CONFIG GET requirepass',
      'FLUSHALL',
      'NOSUCH',
      'GET',
      'HELLO',
      'HELLO 3',
      'HELLO 9',
      'RESET',
      'QUIT',
    ],
    ...['AUTH', 'AUTH wrong', 'AUTH default wrong', 'AUTH nobody secret', 'AUTH a b c', 'AUTH secret'],
    ...['HELLO 3 AUTH default wrong', 'HELLO 2 AUTH'],
  ])('%s', (line) => expectSame(node.port, `${line}\r\n`));

  it.concurrent.each([
    ['ten arguments', encode(Array(10).fill('a'))],
    ['eleven arguments', '*11\r\n'],
    ['an argument of 16384 bytes', encode(['GET', 'a'.repeat(16384)])],
    ['an argument of 16385 bytes', '*2\r\n$3\r\nGET\r\n$16385\r\n'],
    [
      'eleven arguments once the password was given',
      encode(['AUTH', 'secret']) + encode(['DEL', ...'abcdefghijk']),
    ],
    ['a pipeline that begins with AUTH', encode(['AUTH', 'secret']) + encode(['SET', 'z', 'b']) + PING],
    ['a pipeline in which AUTH fails', encode(['AUTH', 'no']) + encode(['SET', 'z', 'c']) + PING],
    ['RESET after AUTH', encode(['AUTH', 'secret']) + encode(['RESET']) + PING],
  ])('%s', (_, bytes) => expectSame(node.port, bytes));
});
