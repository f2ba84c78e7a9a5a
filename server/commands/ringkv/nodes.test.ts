import { beforeEach, describe, expect, it } from 'vitest';
import type { MemberView } from '../../../cluster/core/member-view.js';
import { type Member, Topology } from '../../../cluster/core/topology.js';
import { TestDesk } from '../connection/test-desk.js';
import { nodeCommands } from './nodes.js';

const MEMBERS: readonly Member[] = ['a', 'b', 'c'].map((name) => ({
  name: `${name}:2`,
  tokens: `${name}:2`,
  rack: 'r',
  weight: 1,
  nodeId: name.repeat(32),
  clientAddress: `${name}:1`,
  busAddress: `${name}:2`,
}));
const UP: MemberView = { state: 'up', phi: 0, generation: 7, version: 3, facts: undefined, clockOffBy: 0 };

describe('KV.NODES', () => {
  let desk: TestDesk;
  beforeEach(() => {
    desk = new TestDesk(nodeCommands);
  });
  /** The bulk strings and integers of each member. */
  const nodes = (): string[] => {
    const reply = desk.run(desk.connect(), 'kv.nodes');
    return reply
      .split(/\*22\r\n/)
      .slice(1)
      .map((member) => member.replace(/\$\d+\r\n/g, '').replace(/\r\n:?/g, ' '));
  };

  it('waits for the cluster', () => {
    expect(desk.run(desk.connect(), 'kv.nodes')).toBe('-CLUSTERDOWN The cluster is forming\r\n');
  });

  it('tells the state of each member, how sure it is, whose clock is wrong, and whose disk is filling', () => {
    desk.topology = new Topology(MEMBERS, 0, 3, 8);
    desk.views = [
      UP,
      { ...UP, state: 'suspect', phi: 9.876, clockOffBy: -612 },
      { ...UP, state: 'down', phi: 999, facts: { id: 'new', address: 'moved:1', rack: 's', filling: true } },
    ];
    expect(nodes()).toEqual([
      `id ${'a'.repeat(32)} address a:1 bus a:2 rack r state up phi 0.00 generation 7 version 3 clock ok filling 0 self 1 `,
      `id ${'b'.repeat(32)} address b:1 bus b:2 rack r state suspect phi 9.88 generation 7 version 3 clock off by -612 ms filling 0 self 0 `,
      'id new address moved:1 bus c:2 rack s state down phi 999.00 generation 7 version 3 clock ok filling 1 self 0 ',
    ]);
  });
});
