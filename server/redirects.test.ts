import { beforeEach, describe, expect, it } from 'vitest';
import { NOBODY, Topology } from '../cluster/core/topology.js';
import { membersOf } from '../cluster/core/topology.test-support.js';
import type { ClientState } from './client.js';
import { commandTable } from './commands/all.js';
import { TestDesk } from './commands/connection/test-desk.js';
import { Redirects } from './redirects.js';
import { RoutingHabit } from './routing-habit.js';

const table = commandTable();
const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);
const SLOT = /^MOVED (\d+) (\S+)$/;

describe('where a command of a client belongs', () => {
  let desk: TestDesk;
  let topology: Topology;
  let client: ClientState;
  let redirects: Redirects;
  let isLone: boolean;

  function start(mode: string, replicas = 2): void {
    desk = new TestDesk([], { 'cluster-redirects': mode });
    topology = new Topology(membersOf(4), 0, replicas, 64);
    for (const node of [1, 2, 3]) topology.setAlive(node, true);
    desk.topology = topology;
    client = desk.connect();
    redirects = new Redirects(desk.server);
    isLone = true;
  }
  beforeEach(() => start('auto'));

  function ask(...argv: string[]): string | null {
    const row = table.resolve(argv);
    if (typeof row === 'string') throw new Error(row);
    return redirects.objection(client, row, argv, isLone);
  }
  const moved = (): number => KEYS.filter((key) => ask('GET', key) !== null).length;

  it('is here for a client that has not asked for the slots, with `auto`, and for all with `no`', () => {
    expect(moved()).toBe(0);
    start('no');
    client.knowsSlots = true;
    expect(moved()).toBe(0);
  });

  it.each(['auto', 'yes'])('is the coordinator of the slot, with `%s`', (mode) => {
    start(mode);
    client.knowsSlots = mode === 'auto';
    expect(moved()).toBeGreaterThan(100);
    expect(moved()).toBeLessThan(200);
    for (const key of KEYS) {
      const found = SLOT.exec(ask('SET', key, 'v') ?? '');
      if (found === null) continue;
      expect(found[2]).toBe(`node${topology.firstLive[Number(found[1])]}:2`);
    }
  });

  it('follows who lives', () => {
    client.knowsSlots = true;
    for (const node of [1, 2, 3]) topology.setAlive(node, false);
    for (const key of KEYS)
      expect(ask('GET', key) ?? 'CLUSTERDOWN Hash slot not served').toMatch(/^CLUSTERDOWN/);
    expect([...topology.firstLive].includes(NOBODY)).toBe(true);
  });

  it('is a replica for the reads of a client that asked for one', () => {
    client.knowsSlots = true;
    const elsewhere = KEYS.filter((key) => ask('GET', key) !== null);
    client.readonlyMode = true;
    const still = elsewhere.filter((key) => ask('GET', key) !== null);
    expect(still.length).toBeGreaterThan(0);
    expect(still.length).toBeLessThan(elsewhere.length);
    expect(elsewhere.filter((key) => ask('SET', key, 'v') === null)).toEqual([]);
  });

  it('is nowhere for keys of several slots, and here without keys', () => {
    client.knowsSlots = true;
    expect(ask('MGET', 'a', 'b')).toMatch(/^CROSSSLOT/);
    expect(ask('MSET', '{a}1', 'v', '{a}2', 'v') ?? 'here').not.toMatch(/^CROSSSLOT/);
    expect(ask('COPY', 'a', 'b')).toMatch(/^CROSSSLOT/);
    for (const argv of [['PING'], ['DBSIZE'], ['EXEC'], ['MULTI'], ['KV.AT', 'ONE', 'GET', 'a']])
      expect(ask(...argv)).toBeNull();
  });

  describe('of one that has not asked, but sends every key to its coordinator', () => {
    const own = (): string[] =>
      Array.from({ length: 1000 }, (_, i) => `own:${i}`).filter((key) => homeOf(key) === 0);
    const other = (): string => KEYS.find((key) => homeOf(key) !== 0)!;
    let away: string;
    beforeEach(() => {
      const keys = own();
      away = other();
      client.knowsSlots = false;
      for (const key of keys) expect(ask('SET', key, 'v')).toBeNull();
    });

    it('is the coordinator, for a lone command on one slot', () => {
      expect(ask('SET', away, 'v')).toMatch(SLOT);
      isLone = false;
      expect(ask('SET', away, 'v')).toBeNull();
      isLone = true;
      expect(ask('MGET', 'a', 'b')).toBeNull();
      client.transaction.begin();
      expect(ask('SET', away, 'v')).toBeNull();
      expect(ask('EXEC')).toBeNull();
    });

    it('is here again after RESET, and with `no`', () => {
      desk.settings.set([['cluster-redirects', 'no']]);
      expect(ask('SET', away, 'v')).toBeNull();
      desk.settings.set([['cluster-redirects', 'auto']]);
      expect(ask('SET', away, 'v')).toMatch(SLOT);
      client.habit = new RoutingHabit();
      expect(ask('SET', away, 'v')).toBeNull();
    });
  });

  it('is here for a client whose keys are everywhere', () => {
    for (let i = 0; i < 10_000; i++) expect(ask('SET', `any:${i}`, 'v')).toBeNull();
    expect([client.habit.judged, client.habit.bySlot]).toEqual([true, false]);
  });

  it('is decided again for what a transaction has queued', () => {
    const queue = (...argv: string[]): void => client.transaction.queue(argv, table.lookup(argv[0])!);
    const [here, there] = [true, false].map((own) => KEYS.find((key) => (homeOf(key) === 0) === own)!);
    client.knowsSlots = true;
    client.transaction.begin();
    queue('SET', here, '1');
    expect(ask('EXEC')).toBeNull();
    queue('SET', there, '1');
    expect(ask('EXEC')).toMatch(/^CROSSSLOT/);
    client.transaction.discard();
    client.transaction.begin();
    queue('GET', there);
    expect(ask('EXEC')).toMatch(SLOT);
  });

  function homeOf(key: string): number {
    client.knowsSlots = true;
    const found = SLOT.exec(ask('GET', key) ?? '');
    return found === null ? 0 : topology.firstLive[Number(found[1])];
  }
});
