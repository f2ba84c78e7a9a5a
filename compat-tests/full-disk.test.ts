import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RespConnection } from './harness/connection.js';
import { freePorts } from './harness/ports.js';
import { RingNode, temporaryFolder } from './harness/servers.js';

/** Longer than the disk is large, all in all. */
const MAX_WRITES = 6000;

const folder = temporaryFolder();
const mounted = mount('size=24m');
let node: RingNode;

/** A small disk of the test's own: only root may mount. */
function mount(options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder.path]).status === 0;
}

function remount(size: string): void {
  expect(mount(`remount,${size}`)).toBe(true);
}

afterAll(async () => {
  await node?.process?.stop('SIGKILL');
  if (mounted) spawnSync('umount', [folder.path]);
  folder.remove();
});

function valueFor(i: number): string {
  // Does not compress, or the disk would never be full.
  let text = `${i}:`;
  for (let x = i + 1; text.length < 8000; ) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    text += String.fromCharCode(x >>> 24);
  }
  return text;
}

interface Filled {
  readonly kept: readonly number[];
  readonly refused: readonly number[];
  readonly errors: ReadonlySet<string>;
}

/** Writes until nothing is taken any more; what was acknowledged, what was not, and what was said instead of OK. */
async function fill(connection: RespConnection, from = 0, most = MAX_WRITES): Promise<Filled> {
  const kept: number[] = [];
  const refused: number[] = [];
  const errors = new Set<string>();
  for (let i = from; i < from + most && errors.size === 0; i += 20) {
    const numbers = Array.from({ length: 20 }, (_, at) => i + at);
    const replies = await connection.pipeline(numbers.map((n) => ['SET', `disk:${n}`, valueFor(n)]));
    replies.forEach((reply, at) => {
      if (reply === '+OK\r\n') kept.push(numbers[at]);
      else {
        refused.push(numbers[at]);
        errors.add(reply);
      }
    });
  }
  return { kept, refused, errors };
}

async function expectKept(connection: RespConnection, { kept }: Filled): Promise<void> {
  for (const i of kept) {
    const value = valueFor(i);
    const reply = await connection.command('GET', `disk:${i}`);
    if (reply !== `$${value.length}\r\n${value}\r\n`)
      throw new Error(`disk:${i} reads ${reply.slice(0, 40)}`);
  }
}

const note = mounted ? '' : ' (skipped: this user may not mount a tmpfs)';

describe.skipIf(!mounted)(`a full disk${note}`, () => {
  let filled: Filled;

  it('makes writes fail with a word, and reads go on', async () => {
    const [port] = await freePorts(1);
    node = new RingNode(port, join(folder.path, 'data'), { 'cache-size': '1mb' });
    await node.start();
    const connection = await node.connect();
    filled = await fill(connection);
    expect(filled.kept.length).toBeGreaterThan(1000);
    for (const error of filled.errors)
      expect(error).toMatch(/^-MISCONF .*No space left on device; the write may have been applied/);
    const again = await connection.command('SET', 'one more', 'x'.repeat(100_000));
    expect(again).toMatch(/^-MISCONF .*No space left on device/);
    expect(await connection.command('GET', 'one more')).toBe('$-1\r\n');
    expect(await connection.command('PING')).toBe('+PONG\r\n');
    await expectKept(connection, filled);
    connection.close();
  });

  it('loses nothing that was acknowledged over a kill, a start that fails and a restart with more room', async () => {
    await node.process.stop('SIGKILL');
    const rest = join(folder.path, 'rest');
    expect(spawnSync('dd', ['if=/dev/zero', `of=${rest}`, 'bs=1k']).status).toBe(1);
    await expect(node.start()).rejects.toThrow(/disk is full|No space left/);
    expect(await node.process.ended()).toBe(1);
    expect(node.process.output.trim().split('\n')).toHaveLength(1);
    rmSync(rest);
    remount('size=64m');
    await node.start();
    const connection = await node.connect();
    await expectKept(connection, filled);
    expect(await connection.command('GET', 'one more')).toBe('$-1\r\n');
    expect(await connection.command('SET', 'one more', 'now')).toBe('+OK\r\n');
    connection.close();
    expect(await node.process.stop()).toBe(0);
  });

  it('takes writes again when there is room again, without a restart', async () => {
    remount('size=40m');
    await node.start();
    const connection = await node.connect();
    const rest = join(folder.path, 'rest');
    spawnSync('dd', ['if=/dev/zero', `of=${rest}`, 'bs=64k']);
    const second = await fill(connection, 10_000);
    expect(second.refused.length).toBeGreaterThan(0);
    rmSync(rest);
    remount('size=90m');
    const replies: string[] = [];
    const deadline = Date.now() + 5000;
    do replies.push(await connection.command('SET', 'disk:again', 'yes'));
    while (replies.at(-1) !== '+OK\r\n' && Date.now() < deadline);
    expect(replies.at(-1)).toBe('+OK\r\n');
    const third = await fill(connection, 20_000, 200);
    expect(third.refused).toEqual([]);
    await node.process.stop('SIGKILL');
    await node.start();
    const after = await node.connect();
    for (const each of [filled, second, third]) await expectKept(after, each);
    expect(await after.command('GET', 'disk:again')).toBe('$3\r\nyes\r\n');
  });
});
