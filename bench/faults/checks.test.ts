import { describe, expect, it } from 'vitest';
import type { Outcome } from './campaign.js';
import { FAULTS } from './faults.js';
import { KeyLedger } from './ledger.js';
import { failures, table } from './report.js';
import { type Group, Service } from './service.js';

const ALIVE: Group = { name: 'the others', nodeIsDead: false };
const DEAD: Group = { name: 'the dead node', nodeIsDead: true };
const GOOD = { lost: [], untrue: [], differed: 3, differing: [], repairedBy: 'reads at ALL' };
const KILL = FAULTS.find(({ name }) => name === 'kill')!;

function outcome(service: Service, verdict: Partial<Outcome['verdict']> = {}): Outcome {
  return {
    fault: KILL,
    seconds: 5,
    slowestBeforeMs: 20,
    calmAfterMs: 10,
    services: [service],
    verdict: { ...GOOD, ...verdict },
  };
}

function served(group: Group, slowestMs = 20): Service {
  const service = new Service(group);
  service.acknowledged = 1000;
  service.answered(slowestMs);
  return service;
}

describe('what may be read of a key', () => {
  const ledger = new KeyLedger('k');
  const [first, second, refused, last] = Array.from({ length: 4 }, (_, i) => {
    const value = ledger.attempt();
    if (i === 1) ledger.acknowledge();
    if (i === 2) ledger.fail('NOQUORUM no replica of this key is reachable; the write was not applied');
    if (i === 3) ledger.fail('NOQUORUM 1 of 2 needed replicas confirmed the write; it may have been applied');
    return value;
  });

  it.each([
    ['the last acknowledged', second, 'right'],
    ['a later one that may have been applied', last, 'right'],
    ['one that was said not to be applied', refused, 'refused'],
    ['one before the acknowledged', first, 'lost'],
    ['nothing', null, 'lost'],
    ['one that was never attempted', last.replace('#4#', '#5#'), 'lost'],
    ['part of one', second.slice(0, -1), 'lost'],
    ["another key's", second.replace('k#', 'j#'), 'lost'],
  ])('%s', (_, value, verdict) => {
    expect(ledger.judge(value)).toBe(verdict);
  });

  it('nothing, while nothing was acknowledged', () => {
    expect(new KeyLedger('k').judge(null)).toBe('right');
  });
});

describe('what makes a run fail', () => {
  it.each(['NOQUORUM 1 of 2', 'CLUSTERDOWN forming', 'OVERLOADED try again', 'LOADING'])('not %s', (text) => {
    const service = served(ALIVE);
    service.refused(text);
    expect(failures(outcome(service))).toEqual([]);
  });

  it.each(['ERR internal error', 'NOQUORUMS', 'a SET was answered with null'])('%s', (text) => {
    const service = served(DEAD);
    service.refused(text);
    expect(failures(outcome(service)).join()).toContain(text);
  });

  it("a lost connection, unless the client's own node is dead", () => {
    const [alive, dead] = [served(ALIVE), served(DEAD)];
    for (const service of [alive, dead]) service.lostConnection('ECONNRESET');
    expect(failures(outcome(alive)).join()).toContain('ECONNRESET');
    expect(failures(outcome(dead))).toEqual([]);
  });

  it('a request without a reply', () => {
    const service = served(ALIVE);
    service.unanswered(30_000);
    expect(failures(outcome(service)).join()).toContain('no reply');
    expect(service.slowestMs).toBe(30_000);
  });

  it.each(['lost', 'untrue', 'differing'] as const)('a key among the %s', (kind) => {
    expect(failures(outcome(served(ALIVE)))).toEqual([]);
    expect(failures(outcome(served(ALIVE), { [kind]: ['the key'] })).join()).toContain('the key');
  });
});

describe('the target: a node that dies costs the others no request and at most a second', () => {
  const reached = (service: Service): boolean => table([outcome(service)]).endsWith('| yes |');

  it('is reached by a slow request, not by a slower or a failed one', () => {
    const failed = served(ALIVE);
    failed.refused('NOQUORUM 1 of 2');
    expect([served(ALIVE, 1020), served(ALIVE, 1021), failed].map(reached)).toEqual([true, false, false]);
  });
});
