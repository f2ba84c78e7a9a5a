import { beforeEach, describe, expect, it } from 'vitest';
import type { RepairDone } from '../../../cluster/core/anti-entropy/anti-entropy.js';
import { Topology } from '../../../cluster/core/topology.js';
import { TestDesk } from '../connection/test-desk.js';
import { repairCommands } from './repair.js';

const PEER = {
  address: 'b:1',
  state: 'idle',
  slotsShared: 10,
  slotsCompared: 9,
  slotsDiffering: 3,
  slotsLeft: 2,
  keysDiffering: 5,
  behind: [[7, 4]],
  keysSent: 1,
  keysReceived: 2,
  bytesSent: 300,
  bytesReceived: 400,
  rounds: 6,
  lastFinished: 1234,
  lastFailure: '',
} as const;

let desk: TestDesk;
/** What was asked for: slot and how to end it. */
let asked: { slot: number | null; done: RepairDone }[];
beforeEach(() => {
  desk = new TestDesk(repairCommands);
  asked = [];
});
const run = (...argv: string[]): string => desk.run(desk.connect(), 'kv.repair', ...argv);

function form(): void {
  const list = ['a', 'b', 'c'].map((name) => ({
    name,
    tokens: name,
    rack: '',
    weight: 1,
    nodeId: name.repeat(32),
    busAddress: `${name}:2`,
    clientAddress: `${name}:1`,
  }));
  desk.topology = new Topology(list, 0, 2, 8);
  desk.repair = {
    repair: (slot, done) => {
      asked.push({ slot, done });
      return true;
    },
    figures: () => [PEER],
  };
}

describe('KV.REPAIR', () => {
  it('is refused while the cluster is forming', () => {
    expect(run()).toBe('-CLUSTERDOWN The cluster is forming\r\n');
  });

  it.each([
    [['nonsense'], 'ERR a slot is a number from 0 to 16383, or ALL'],
    [['16384'], 'ERR a slot is a number from 0 to 16383, or ALL'],
    [['-1'], 'ERR a slot is a number from 0 to 16383, or ALL'],
    [['all', 'wait'], 'ERR syntax error'],
    [['all', 'now', '5'], 'ERR syntax error'],
    [['all', 'wait', '5', '6'], 'ERR syntax error'],
    [['all', 'wait', '-5'], 'ERR timeout is not an integer or out of range'],
    [['wait', 'x'], 'ERR timeout is not an integer or out of range'],
  ])('%j is refused, and nothing begins', (argv, error) => {
    form();
    expect(run(...argv)).toBe(`-${error}\r\n`);
    expect(asked).toEqual([]);
  });

  it('starts a repair and answers at once how it stands', () => {
    form();
    expect(run()).toContain('$5\r\nstate\r\n$7\r\nrunning\r\n');
    expect(run('ALL')).toContain('$5\r\nstate\r\n$7\r\nrunning\r\n');
    expect(asked.map(({ slot }) => slot)).toEqual([null, null]);
  });

  it('repairs a slot of its own, and names those of one that it has not got', () => {
    form();
    const own = desk.topology!.isHome.indexOf(1);
    const foreign = desk.topology!.isHome.indexOf(0);
    expect(run(String(own))).toContain('running');
    expect(asked.map(({ slot }) => slot)).toEqual([own]);
    const topology = desk.topology!;
    const homes = [...topology.homes(foreign)].map((home) => topology.members[home].clientAddress);
    expect(homes).toHaveLength(topology.n);
    expect(run(String(foreign))).toBe(
      `-ERR this node is not a home replica of slot ${foreign}: ask ${homes.join(' or ')}\r\n`,
    );
  });

  it('STATUS tells everything and starts nothing', () => {
    form();
    const reply = run('status');
    expect(asked).toEqual([]);
    expect(reply).toContain('$5\r\nstate\r\n$4\r\nidle\r\n');
    expect(reply).toContain('$13\r\nkeys-received\r\n:2\r\n');
    expect(reply).toContain('$15\r\nfurthest-behind\r\n*1\r\n*2\r\n:7\r\n:4\r\n');
  });

  it('says that too much is waiting', () => {
    form();
    desk.repair = { ...desk.repair!, repair: () => false };
    expect(run()).toBe('-OVERLOADED too many repairs are waiting, try again\r\n');
  });
});
