import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RespConnection } from './harness/connection.js';
import { WriteLoad } from './harness/load.js';
import { configFile, guide, sections } from './operating/guide.js';
import { Machines, type Said } from './operating/machines.js';

const PORT = 6379;
const KEYS = 3000;
const FIRST = '10.0.0.1';

const text = guide();
const all = sections(text);
let machines: Machines;
let load: WriteLoad;
/** Clients of the first node, which stays. */
const clients: RespConnection[] = [];

beforeAll(() => {
  machines = new Machines(configFile(text));
  load = new WriteLoad('guide');
});
afterAll(async () => {
  await load.stop();
  await machines.end();
});

async function client(machine: string): Promise<RespConnection> {
  const connection = await RespConnection.open(PORT, machines.addressOf(machine));
  await connection.command('AUTH', machines.password);
  return connection;
}

/** Does what a section says; `before` is called before each block. */
async function carryOut(
  title: string,
  before: (commands: string, machine: string) => Promise<unknown> = async () => {},
): Promise<Said[]> {
  const said: Said[] = [];
  for (const { machine, commands } of all.find((one) => one.title === title)!.blocks) {
    await before(commands.join('\n'), machine);
    for (const line of commands) said.push(await machines.run(machine, line));
  }
  return said;
}

/** The machines that are members, as the first one sees it. */
async function members(): Promise<string[]> {
  const { members: list } = await machines.until(FIRST, ({ phase }) => phase === 'stable');
  return list.filter(({ state }) => state === 'up').map(({ bus }) => `10.0.0.${bus.split(/[.:]/)[3]}`);
}

const addresses = (...numbers: number[]): string[] => numbers.map((number) => `10.0.0.${number}`);

/** No section may cost a client anything. */
function nothingFailed(): void {
  expect([...new Set(load.errors)]).toEqual([]);
}

describe.sequential('docs/operating.md, as it stands there', { timeout: 180_000 }, () => {
  it('tells of nothing that is not carried out here', () => {
    expect(all.map(({ title }) => title)).toEqual([
      'First cluster',
      'Growing',
      'Upgrading',
      'Replacing a dead machine',
      'Shrinking',
    ]);
  });

  it('First cluster', async () => {
    const said = await carryOut('First cluster');
    expect(said.find(({ command }) => command.includes(`status --host ${FIRST}`))!.text).toMatch(
      /^3 of 3 nodes up, ring 1 \(stable\)/,
    );
    // A node that was alone has become the first of a cluster.
    expect(said.find(({ command }) => command.startsWith('ringkv status --host 10.0.0.9'))!.text).toMatch(
      /^2 of 2 nodes up/,
    );
    expect(said.at(-1)!.text).toBe('hello\n');
    for (const machine of ['10.0.0.8', '10.0.0.9']) await machines.servers.get(machine)!.stop('SIGTERM');

    const filler = await client(FIRST);
    for (let at = 0; at < KEYS; at += 500)
      await filler.pipeline(
        Array.from({ length: 500 }, (_, i) => ['SET', `key:${at + i}`, `value ${at + i}`]),
      );
    clients.push(filler);
    for (let i = 0; i < 2; i++) load.add(await client(FIRST));
    await load.reaches(1000);
    nothingFailed();
  });

  it('Growing', async () => {
    const said = await carryOut('Growing');
    expect(await members()).toEqual(addresses(1, 2, 3, 4));
    const view = await machines.status(FIRST);
    expect(view.members.map(({ weight }) => weight)).toEqual(['1', '1', '1', '2']);
    expect(said.find(({ command }) => command.startsWith('ringkv weight'))!.text).toMatch(/has weight 2\n$/);
    expect(said.find(({ command }) => command.includes('stream-throttle'))!.text).toBe('OK\nOK\nOK\nOK\n');
    for (const { keys, slots } of view.members) {
      expect(slots).toBeGreaterThan(0);
      expect(keys).toBeGreaterThan(0);
    }
    nothingFailed();
  });

  it('Upgrading', async () => {
    const processes = () => addresses(1, 2, 3, 4).map((machine) => machines.servers.get(machine));
    const before = processes();
    await carryOut('Upgrading', async (_, machine) => {
      // Its clients go to another node, as those of the guide do.
      if (machine === FIRST) load.add(await client('10.0.0.2'));
    });
    processes().forEach((one, i) => void expect(one).not.toBe(before[i]));
    for (let i = 0; i < 2; i++) load.add(await client(FIRST));
    await load.reaches(load.acknowledged + 1000);
    nothingFailed();
  });

  it('Replacing a dead machine', async () => {
    await machines.dies('10.0.0.3', FIRST);
    const before = await machines.status(FIRST);
    await carryOut('Replacing a dead machine', async (commands) => {
      if (!commands.includes('ringkv remove')) return;
      expect(await members()).toEqual(addresses(1, 2, 4, 5));
      const slots = (await machines.status(FIRST)).members.map((one) => one.slots);
      expect(slots.sort()).toEqual(before.members.map((one) => one.slots).sort());
      await machines.dies('10.0.0.2', FIRST);
    });
    expect(await members()).toEqual(addresses(1, 4, 5));
    nothingFailed();
  });

  it('a node that was taken out does not come back', async () => {
    await machines.run('10.0.0.2', 'ringkv server --config /etc/ringkv.conf');
    expect(await machines.ended('10.0.0.2')).toBe(3);
    expect(await members()).toEqual(addresses(1, 4, 5));
  });

  it('Shrinking', async () => {
    const said = await carryOut('Shrinking');
    expect(said.at(-1)!.text).toMatch(/^OK, but 2 members are fewer than 3 replicas.*\n(.*\n)*.*has left\n$/);
    expect(await machines.ended('10.0.0.4'), machines.logs()).toBe(0);
    expect(await members()).toEqual(addresses(1, 5));
    nothingFailed();
  });

  it('has lost nothing on the way', async () => {
    await load.stop();
    for (const machine of addresses(1, 5)) {
      const reader = await client(machine);
      expect(await load.check(reader)).toEqual([]);
      for (let at = 0; at < KEYS; at += 500) {
        const replies = await reader.pipeline(
          Array.from({ length: 500 }, (_, i) => ['GET', `key:${at + i}`]),
        );
        replies.forEach((reply, i) => void expect(reply.split('\r\n')[1]).toBe(`value ${at + i}`));
      }
      reader.close();
    }
  });
});
