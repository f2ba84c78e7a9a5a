import { beforeEach, describe, expect, it } from 'vitest';
import type { MemberView, State } from '../../../cluster/core/member-view.js';
import { type Member, Topology } from '../../../cluster/core/topology.js';
import type { ClientState } from '../../client.js';
import { TestDesk } from '../connection/test-desk.js';
import { clusterCommands } from './cluster.js';
import { endpoint, slotMapOf } from './slot-map.js';

const ID = (i: number): string => String(i).repeat(32);

function members(count: number): Member[] {
  return Array.from({ length: count }, (_, i) => ({
    name: ID(i),
    tokens: ID(i),
    rack: '',
    weight: 1,
    nodeId: ID(i),
    clientAddress: `10.0.0.${i}:6379`,
    busAddress: `10.0.0.${i}:16379`,
  }));
}

function view(state: State): MemberView {
  return { state, phi: 0, generation: 1, version: 1, facts: undefined, clockOffBy: 0 };
}

describe('CLUSTER', () => {
  let desk: TestDesk;
  let client: ClientState;
  beforeEach(() => {
    desk = new TestDesk(clusterCommands);
    client = desk.connect();
  });
  const run = (...argv: string[]): string => desk.run(client, 'cluster', ...argv);
  const info = (): Record<string, string> =>
    Object.fromEntries(
      [...run('info').matchAll(/(cluster_\w+):(\w+)/g)].map(([, name, value]) => [name, value]),
    );

  function topologyOf(count: number, replicas: number): Topology {
    const topology = new Topology(members(count), 0, replicas, 16);
    for (let i = 0; i < count; i++) topology.setAlive(i, true);
    desk.topology = topology;
    desk.views = topology.members.map(() => view('up'));
    return topology;
  }

  it('knows slots without a cluster, and nothing else', () => {
    expect(run('keyslot', '{a}b')).toBe(':15495\r\n');
    expect(run('keyslot')).toBe("-ERR wrong number of arguments for 'cluster|keyslot' command\r\n");
    expect(run('help')).toMatch(/^\*28\r\n\+CLUSTER <subcommand> /);
    for (const name of ['info', 'myid', 'nodes', 'slots', 'shards']) {
      expect(run(name)).toBe('-CLUSTERDOWN The cluster is forming\r\n');
    }
  });

  it('shows a node alone as the master of everything', () => {
    topologyOf(1, 3);
    const id = ID(0);
    const nodeLine = `${id} 10.0.0.0:6379@16379 myself,master - 0 0 1 connected 0-16383\n`;
    expect(run('myid')).toBe(`$32\r\n${id}\r\n`);
    expect(run('nodes')).toBe(`$${nodeLine.length}\r\n${nodeLine}\r\n`);
    expect(run('slots')).toBe(
      `*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$8\r\n10.0.0.0\r\n:6379\r\n$32\r\n${id}\r\n*0\r\n`,
    );
    expect(run('shards')).toBe(
      '*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n*14\r\n' +
        `$2\r\nid\r\n$32\r\n${id}\r\n$4\r\nport\r\n:6379\r\n$2\r\nip\r\n$8\r\n10.0.0.0\r\n$8\r\nendpoint\r\n$8\r\n10.0.0.0\r\n` +
        '$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\nreplication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n',
    );
    expect(info()).toMatchObject({ cluster_state: 'ok', cluster_slots_ok: '16384', cluster_size: '1' });
  });

  it('covers all slots by ranges that differ from their neighbours, the coordinator first', () => {
    const topology = topologyOf(4, 3);
    topology.setAlive(1, false);
    const { ranges } = slotMapOf(topology);
    let next = 0;
    ranges.forEach(({ start, end, nodes: [master, ...replicas] }, i) => {
      expect(start).toBe(next);
      expect(master).toBe(topology.firstLive[start]);
      expect(master).toBe(topology.firstLive[end]);
      const homes = [...topology.homes(start)].filter((home) => home !== 1 && home !== master);
      expect(replicas).toEqual(homes.sort());
      expect([master, replicas].join()).not.toBe(ranges[i + 1]?.nodes.join());
      next = end + 1;
    });
    expect(next).toBe(16384);
    expect(run('slots').startsWith(`*${ranges.length}\r\n`)).toBe(true);
    expect(run('slots')).not.toContain(ID(1));
    expect(run('shards')).toContain('$4\r\nfail\r\n');
    expect(run('shards').startsWith('*4\r\n')).toBe(true);
  });

  it('tells a slot whose homes are all down with the node that stands in for them as its master', () => {
    const topology = new Topology(members(4), 0, 2, 16, true);
    for (const i of [1, 2, 3]) topology.setAlive(i, i === 3);
    desk.topology = topology;
    const slot = Array.from({ length: 16384 }, (_, i) => i).find((i) => topology.homes(i).join() === '1,2')!;
    const range = slotMapOf(topology).ranges.find(({ start, end }) => start <= slot && slot <= end)!;
    expect(range.nodes).toEqual([topology.firstLive[slot]]);
    expect([0, 3]).toContain(range.nodes[0]);
  });

  it('makes the long replies once, until somebody comes or goes or has another address', () => {
    const topology = topologyOf(4, 3);
    const map = slotMapOf(topology);
    run('slots');
    expect(slotMapOf(topology)).toBe(map);
    let made = 0;
    const nodes = topology.members.map(({ nodeId }) => ({ id: nodeId, host: 'h', port: 1, busPort: 2 }));
    const make = (): string => String(++made);
    expect([map.reply('x', nodes, make), map.reply('x', nodes, make)]).toEqual(['1', '1']);
    expect(map.reply('x', [{ ...nodes[0], port: 2 }, ...nodes.slice(1)], make)).toBe('2');
    topology.setAlive(2, false);
    expect(slotMapOf(topology)).not.toBe(map);
  });

  it('tells the newest address and id of a node', () => {
    topologyOf(2, 2);
    const facts = { id: ID(7), address: '[::1]:7000', rack: '' };
    desk.views = [view('up'), { ...view('up'), facts }];
    expect(run('nodes')).toContain(`${ID(7)} ::1:7000@16379 master`);
    expect(run('slots')).toContain(`$3\r\n::1\r\n:7000\r\n$32\r\n${ID(7)}`);
    expect(run('slots')).not.toContain(ID(1));
  });

  it.each(['slots', 'shards', 'nodes'])('remembers that a client has asked for CLUSTER %s', (name) => {
    topologyOf(2, 2);
    for (const other of ['info', 'myid', 'links']) run(other);
    expect(client.knowsSlots).toBe(false);
    run(name);
    expect(client.knowsSlots).toBe(true);
  });

  it('answers about single nodes, keys of slots and links', () => {
    topologyOf(3, 3);
    desk.views[1] = view('down');
    desk.links = [{ peer: 2, dialled: true, sinceMs: 5, queuedBytes: 9 }];
    expect(run('count-failure-reports', ID(1))).toBe(':1\r\n');
    expect(run('count-failure-reports', ID(2))).toBe(':0\r\n');
    expect(run('replicas', ID(2))).toBe('*0\r\n');
    expect(run('slaves', 'x')).toBe('-ERR Unknown node x\r\n');
    expect(run('countkeysinslot', '7')).toBe(':3\r\n');
    expect(run('getkeysinslot', '7', '2')).toBe('*2\r\n$1\r\na\r\n$1\r\nb\r\n');
    expect(run('links')).toContain(`$2\r\nto\r\n$4\r\nnode\r\n$32\r\n${ID(2)}\r\n`);
    expect(run('meet', 'x', '1')).toMatch(
      /^-ERR CLUSTER MEET is not how a RingKV cluster changes: .*--seeds/,
    );
  });

  it('tells slots that cannot be written from lost ones', () => {
    const topology = topologyOf(3, 2);
    expect(info()).toMatchObject({ cluster_state: 'ok', cluster_known_nodes: '3', cluster_size: '3' });
    topology.setAlive(1, false);
    topology.setAlive(2, false);
    desk.views = [view('up'), view('suspect'), view('down')];
    const { cluster_state, cluster_size, cluster_slots_ok, cluster_slots_pfail, cluster_slots_fail } = info();
    expect({ cluster_state, cluster_size, cluster_slots_ok }).toEqual({
      cluster_state: 'fail',
      cluster_size: '1',
      cluster_slots_ok: '0',
    });
    expect(Number(cluster_slots_pfail)).toBeGreaterThan(0);
    expect(Number(cluster_slots_pfail) + Number(cluster_slots_fail)).toBe(16384);
    // As in Redis a node that failed keeps the slots that nobody took over.
    const starts = run('nodes')
      .split('\n')
      .map((line) => line.slice(0, 90));
    const { epoch } = topology;
    for (const [i, flags] of ['master,fail?', 'master,fail'].entries()) {
      const line = `${ID(i + 1)} 10.0.0.${i + 1}:6379@16379 ${flags} - 0 0 ${epoch} disconnected `;
      expect(starts).toContainEqual(expect.stringContaining(line));
    }
    // Slots nobody can serve are still told, with where they should be.
    expect(run('slots')).toContain(ID(2));
  });

  it('reads addresses of both families', () => {
    expect(endpoint('[::1]:6379')).toEqual({ host: '::1', port: 6379 });
    expect(endpoint('::1:6379')).toEqual({ host: '::1', port: 6379 });
    expect(endpoint('db.example:1')).toEqual({ host: 'db.example', port: 1 });
  });
});
