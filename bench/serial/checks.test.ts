import { describe, expect, it } from 'vitest';
import { ConnectionLost, type Reply } from '../faults/resp-client.js';
import { fencesBackwards, overlaps } from './lock-fight.js';
import { failures, trialTable } from './report.js';
import { type Fate, Tally } from './tally.js';
import type { Trial } from './trial.js';

describe('what a reply says of the effect', () => {
  const notApplied = new Error('NOQUORUM 1 of 2 needed replicas are reachable; the write was not applied');
  const maybe = new Error('NOQUORUM 1 of 2 needed replicas confirmed the write; it may have been applied');
  it.each<[string, Reply | ConnectionLost, Fate]>([
    ['OK', 'OK', 'answered'],
    ['nothing', null, 'answered'],
    ['0', 0, 'answered'],
    ['an error that says so', notApplied, 'not applied'],
    ['a node that is not ready', new Error('CLUSTERDOWN the members have not met'), 'not applied'],
    ['a node that is busy', new Error('OVERLOADED try again'), 'not applied'],
    ['a transaction that did not begin', new Error('EXECABORT Transaction discarded'), 'not applied'],
    ['an error that leaves it open', maybe, 'unknown'],
    ['an end of the connection', new ConnectionLost('the connection was closed'), 'unknown'],
    ['an error nobody knows', new Error('ERR strange; the write'), 'unknown'],
  ])('%s', (_, reply, fate) => {
    expect(new Tally().note(reply)).toBe(fate);
  });

  it('errors that are not documented are kept', () => {
    const tally = new Tally();
    for (const error of [maybe, notApplied, new Error('ERR strange'), new ConnectionLost('gone')])
      tally.note(error);
    expect([...tally.strange]).toEqual([['ERR strange', 1]]);
  });
});

describe('holders of a lock', () => {
  const hold = (client: string, from: number, until: number) => ({ client, from, until });

  it('may follow each other, and one whose answer came too late held nothing', () => {
    const holds = [hold('b', 20, 30), hold('a', 0, 20), hold('late', 25, 24), hold('c', 30, 31)];
    expect(overlaps(holds)).toEqual([]);
  });

  it('are caught when two hold it at the same time, also behind a long one', () => {
    const holds = [hold('long', 0, 100), hold('b', 10, 20), hold('c', 50, 120)];
    expect(overlaps(holds)).toEqual([
      'long and b both held the lock for 10.0 ms',
      'long and c both held the lock for 50.0 ms',
    ]);
  });
});

describe('fences', () => {
  const hold = (client: string, from: number, fence?: number) => ({ client, from, until: from + 1, fence });

  it('rise from holder to holder; who could not read its own shows none', () => {
    expect(fencesBackwards([hold('b', 2, 7), hold('a', 1, 5), hold('c', 3), hold('d', 4, 8)])).toEqual([]);
  });

  it('are caught when they do not', () => {
    expect(fencesBackwards([hold('a', 1, 5), hold('b', 2, 5)])).toEqual([
      'b has fence 5 after somebody had 5',
    ]);
  });
});

describe('a trial', () => {
  const tally = new Tally();
  for (let i = 0; i < 3; i++) tally.note('OK');
  tally.note(new ConnectionLost('gone'));
  const good: Trial = {
    nodes: 3,
    seconds: 60,
    seed: 1,
    kills: 4,
    stops: 5,
    cuts: 6,
    histories: 7,
    anomalies: [],
    undecided: 0,
    lockHolds: 8,
    tally,
  };

  it('is told as a line of a table', () => {
    expect(trialTable([{ ...good, undecided: 2 }]).split('\n')[2]).toBe(
      '| 3 | 60 s | 4 | 5 | 6 | 3 (75.0 %) | 0 (0.0 %) | 1 (25.0 %) | 5 | 2 | 8 | 0 |',
    );
    expect(failures(good)).toEqual([]);
  });

  it.each<[string, Partial<Trial>]>([
    ['3 nodes: two winners', { anomalies: ['two winners'] }],
    ['3 nodes: 2 histories could not be judged', { undecided: 2 }],
    ['3 nodes: nobody ever had the lock', { lockHolds: 0 }],
    ['3 nodes: nothing was ever answered', { tally: new Tally() }],
  ])('fails: %s', (text, change) => {
    expect(failures({ ...good, ...change })).toEqual([text]);
  });
});
