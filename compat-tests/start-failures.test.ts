import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePorts } from './harness/ports.js';
import { TestProcess } from './harness/process.js';
import { RingCluster, RingNode, spawnRingKV, temporaryFolder } from './harness/servers.js';

const OTHER_ID = 'fedcba9876543210fedcba9876543210';

let folder: ReturnType<typeof temporaryFolder>;
let dir: string;
let port: number;
let bus: number;
beforeEach(async () => {
  folder = temporaryFolder();
  dir = join(folder.path, 'data');
  [port, bus] = await freePorts(2);
});
afterEach(() => folder.remove());

/** A start that must fail: its exit code and what it said. It says one thing, in a sentence. */
async function failure(process: TestProcess): Promise<{ code: number | null; said: string }> {
  const code = await process.ended();
  const said = process.output;
  expect(said).not.toMatch(/\n\s+at |node:internal|"stack"|Error:.*Error:/);
  expect(said.trim().split('\n')).toHaveLength(1);
  return { code, said };
}

const startWith = (settings: Record<string, string>) =>
  failure(spawnRingKV({ port: String(port), dir, ...settings }));

const startWithFlags = (...flags: string[]) =>
  failure(new TestProcess(process.execPath, [resolve('dist/server/main.js'), 'server', ...flags]));

function occupy(at: number): Promise<Server> {
  return new Promise((done) => {
    const server = createServer().listen(at, '127.0.0.1', () => done(server));
  });
}

/** A node on the folder, with one key in it, told to stop. */
async function nodeWithData(): Promise<RingNode> {
  const node = new RingNode(port, dir, {});
  await node.start();
  const connection = await node.connect();
  expect(await connection.command('SET', 'kept', 'yes')).toBe('+OK\r\n');
  connection.close();
  return node;
}

/** Nothing was harmed by a start that failed. */
async function expectGoodFolder(): Promise<void> {
  const node = new RingNode(port, dir, {});
  await node.start();
  const connection = await node.connect();
  expect(await connection.command('GET', 'kept')).toBe('$3\r\nyes\r\n');
  expect(await connection.command('DBSIZE')).toBe(':1\r\n');
  connection.close();
  expect(await node.process.stop()).toBe(0);
}

describe('a start that cannot be', () => {
  it('says which port is in use', async () => {
    await (await nodeWithData()).process.stop();
    const server = await occupy(port);
    const { code, said } = await startWith({});
    server.close();
    expect(code).toBe(1);
    expect(said).toContain(`port ${port} on 127.0.0.1 is in use`);
    await expectGoodFolder();
  });

  it('says which bus port is in use', async () => {
    const server = await occupy(bus);
    const seeds = `127.0.0.1:${bus},127.0.0.1:${bus + 1}`;
    const { code, said } = await startWith({ 'bus-port': String(bus), seeds, 'cluster-secret': 'a' });
    server.close();
    expect(code).toBe(1);
    expect(said).toContain(`port ${bus} on 127.0.0.1 is in use`);
    expect(said).toContain('--bus-port');
  });

  it('says whose data folder it is', async () => {
    await (await nodeWithData()).process.stop();
    const { code, said } = await startWith({ 'node-id': OTHER_ID });
    expect(code).toBe(1);
    expect(said).toMatch(new RegExp(`${dir} belongs to node [0-9a-f]{32}, not to ${OTHER_ID}`));
    await expectGoodFolder();
  });

  it('says who uses the data folder', async () => {
    const node = await nodeWithData();
    const { code, said } = await startWith({ port: String(bus) });
    expect(code).toBe(1);
    expect(said).toContain(`${dir} is in use by process ${node.process.pid}`);
    const connection = await node.connect();
    expect(await connection.command('GET', 'kept')).toBe('$3\r\nyes\r\n');
    connection.close();
    await node.process.stop();
    await expectGoodFolder();
  });

  it.each([
    [
      'of a newer format',
      (text: string) => text.replace('"format": 1', '"format": 2'),
      /format 2.*newer version/,
    ],
    ['with a damaged identity', (text: string) => text.slice(0, 20), /ringkv\.json is damaged/],
    ['with an empty identity', () => '', /ringkv\.json is damaged/],
  ])('refuses a data folder %s', async (_, change, text) => {
    await (await nodeWithData()).process.stop();
    const identity = join(dir, 'ringkv.json');
    const before = readFileSync(identity, 'utf8');
    writeFileSync(identity, change(before));
    const { code, said } = await startWith({});
    expect(code).toBe(1);
    expect(said).toContain(dir);
    expect(said).toMatch(text);
    writeFileSync(identity, before);
    await expectGoodFolder();
  });

  it('refuses a file in place of the data folder, and a folder of something else', async () => {
    writeFileSync(dir, 'precious');
    for (const place of [dir, join(dir, 'inside')]) {
      const { code, said } = await startWith({ dir: place });
      expect(code).toBe(1);
      expect(said).toContain(`the data folder ${place} cannot be used: it is not a directory`);
    }
    const { code, said } = await startWith({ dir: folder.path });
    expect(code).toBe(1);
    expect(said).toContain('not a RingKV data folder (it holds data)');
    expect(readFileSync(dir, 'utf8')).toBe('precious');
  });

  it.each([
    ['nodes that are no number', ['--nodes', 'three'], /option '--nodes <n>' argument 'three' is invalid/],
    ['a port of six digits', ['--port', '123456'], /option '--port <port>' argument '123456' is invalid/],
    ['a folder that cannot be made', ['--dir', '/dev/null/x'], /the folder \/dev\/null\/x cannot be used/],
  ])('says so of a whole cluster with %s', async (_, flags, text) => {
    const main = resolve('dist/server/main.js');
    const cluster = new TestProcess(process.execPath, [main, 'cluster', ...flags]);
    expect(await cluster.ended()).toBe(1);
    expect(cluster.output).toMatch(text);
    expect(cluster.output).not.toMatch(/\n\s+at /);
  });

  it('does not let everybody in without a password', async () => {
    const { code, said } = await startWith({ host: '0.0.0.0' });
    expect(code).toBe(1);
    expect(said).toContain('host is 0.0.0.0');
    expect(said).toContain('requirepass');
  });

  it.each(['0.0.0.0', '::'])(
    'does not take part in a cluster as %s, where nobody reaches it',
    async (host) => {
      const member = {
        host,
        requirepass: 'a',
        'bus-port': String(bus),
        seeds: `127.0.0.1:${bus}`,
        'cluster-secret': 'a',
      };
      const { code, said } = await startWith(member);
      expect(code).toBe(2);
      expect(said).toContain(`host is ${host}`);
      expect(said).toContain('set announce-host');
      const node = new RingNode(port, dir, { ...member, host: '0.0.0.0', 'announce-host': '127.0.0.1' });
      await node.start();
      expect(await node.process.stop()).toBe(0);
    },
  );

  it('says that an address is not one of this machine', async () => {
    const { code, said } = await startWith({ host: '192.0.2.1', requirepass: 'a' });
    expect(code).toBe(1);
    expect(said).toContain('the address 192.0.2.1 is not one of this machine');
  });
});

describe('a member of a cluster', () => {
  let cluster: RingCluster;
  afterEach(() => cluster.stop());

  it.each([
    ['replicas', '2', /replicas is 2, but the data was placed by replicas 3/],
    ['vnodes', '128', /vnodes is 128, but the data was placed by vnodes 256/],
    ['databases', '15', /databases is 15, but there are 16 on the disk/],
  ])(
    'does not start with other %s, which would hide data, and serves it with what it had',
    async (name, value, text) => {
      cluster = await RingCluster.start(3);
      const [node] = cluster.nodes;
      const write = await node.connect();
      expect(await write.command('SET', 'kept', 'yes')).toBe('+OK\r\n');
      await node.process.stop();
      node.spawn({ [name]: value });
      const { code, said } = await failure(node.process);
      expect(code).toBe(2);
      expect(said).toMatch(text);
      await node.start();
      await node.serves();
      const read = await node.connect();
      expect(await read.command('GET', 'kept')).toBe('$3\r\nyes\r\n');
    },
  );
});

describe('a wrong setting', () => {
  it.each([
    [
      'a bad value',
      { port: 'abc' },
      "port is 'abc' in the environment (RINGKV_PORT); allowed: a whole number",
    ],
    ['an unknown name', { nonsense: '1' }, "unknown setting 'RINGKV_NONSENSE' in the environment"],
    ['too high a level', { replicas: '3', 'read-quorum': '4' }, 'read-quorum is 4, but replicas is only 3'],
    ['no secret', { seeds: '127.0.0.1:9,127.0.0.1:10' }, 'cluster-secret is empty'],
    ['a heartbeat', { 'heartbeat-timeout': '400' }, 'heartbeat-timeout is 400 ms, it must be at least'],
    [
      'a bad seed',
      { seeds: 'here' },
      "seeds is 'here' in the environment (RINGKV_SEEDS); allowed: host:port",
    ],
  ])('is named: %s in the environment', async (_, settings, text) => {
    const { code, said } = await startWith(settings as Record<string, string>);
    expect(code).toBe(2);
    expect(said).toContain(text);
  });

  it('is named with its line of the config file', async () => {
    const config = join(folder.path, 'ringkv.conf');
    for (const [line, text] of [
      ['databases 99', "databases is '99' in"],
      ['nonsense 1', "unknown setting 'nonsense' in"],
    ]) {
      writeFileSync(config, `# a comment\n\n${line}\n`);
      const { code, said } = await startWith({ config });
      expect(code).toBe(2);
      expect(said).toContain(text);
      expect(said).toContain(`${config} line 3`);
    }
    const { code, said } = await startWith({ config: join(folder.path, 'missing') });
    expect(code).toBe(2);
    expect(said).toContain(`the config file ${join(folder.path, 'missing')} cannot be read`);
  });

  it('that is on or off is on when its flag has no value', async () => {
    for (const flags of [['--rebuild'], ['--rebuild', 'yes']]) {
      const { code, said } = await startWithFlags('--dir', dir, ...flags);
      expect(code).toBe(2);
      expect(said).toContain('rebuild is yes, but there are no seeds');
    }
    const { code, said } = await startWithFlags('--rebuild', '--sloppy', 'maybe');
    expect(code).toBe(2);
    expect(said).toContain("sloppy is 'maybe' in the flag --sloppy; allowed: yes, no");
  });

  it('is named when it is a flag', async () => {
    const { code, said } = await startWithFlags('--dir', dir, '--appendfsync', 'sometimes');
    expect(code).toBe(2);
    expect(said).toContain(
      "appendfsync is 'sometimes' in the flag --appendfsync; allowed: everysec, always, no",
    );
    const unknown = new TestProcess(process.execPath, [
      resolve('dist/server/main.js'),
      'server',
      '--nonsense',
    ]);
    expect(await unknown.ended()).not.toBe(0);
    expect(unknown.output).toContain("unknown option '--nonsense'");
  });
});
