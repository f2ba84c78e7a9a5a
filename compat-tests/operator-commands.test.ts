import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from './harness/ports.js';
import { RingCluster } from './harness/servers.js';

const MAIN = resolve('dist/server/main.js');
const PASSWORD = 'open sesame';

let cluster: RingCluster;
let port: string;
beforeAll(async () => {
  cluster = await RingCluster.start(1);
  const connection = await cluster.nodes[0].connect();
  await connection.command('CONFIG', 'SET', 'requirepass', PASSWORD);
  connection.close();
  port = String(cluster.nodes[0].port);
});
afterAll(() => cluster.stop());

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function ringkv(
  args: readonly string[],
  env: Record<string, string> = { RINGKV_REQUIREPASS: PASSWORD },
): Promise<Ended> {
  return new Promise((done) => {
    execFile(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } }, (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

describe("the operator's commands", () => {
  it('show a node that is alone, to people and to programs', async () => {
    const shown = await ringkv(['status', '--port', port]);
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toMatch(/^1 of 1 nodes up, ring 1 \(stable\)\n\nnode /);
    const { out } = await ringkv(['ring', '--json', '--port', port]);
    expect(JSON.parse(out)).toMatchObject({
      phase: 'stable',
      members: [{ slots: 16384, percent: '100.0', self: true }],
    });
  });

  it.each([
    ['a wrong password', ['status', '--password', 'abracadabra'], /^ringkv: WRONGPASS /],
    [
      'a node that does not exist',
      ['remove', '10.1.1.1:16379'],
      /^ringkv: ERR no member of the ring is called so/,
    ],
    ['the last member', ['leave'], /^ringkv: ERR .* is the only member/],
    ['nothing to take back', ['rollback'], /^ringkv: ERR no change of the ring is under way/],
    ['a weight that is none', ['weight', 'self', '-1'], /^(error|ringkv): /],
  ])('end with 1 and one line: %s', async (_, args, why) => {
    const { code, out, err } = await ringkv([...args, '--port', port]);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(why);
  });

  it('say that nobody answers', async () => {
    const [free] = await freePorts(1);
    const { code, err } = await ringkv(['status', '--port', String(free)]);
    expect(code).toBe(1);
    expect(err).toBe(`ringkv: 127.0.0.1:${free} cannot be reached: ECONNREFUSED\n`);
  });

  it('need the password', async () => {
    const { code, err } = await ringkv(['status', '--port', port], {
      RINGKV_REQUIREPASS: '',
      REDISCLI_AUTH: '',
    });
    expect(code).toBe(1);
    expect(err).toBe('ringkv: NOAUTH Authentication required.\n');
  });
});
