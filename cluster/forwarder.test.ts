import { beforeEach, describe, expect, it } from 'vitest';
import type { CallDone } from './core/peer-calls.js';
import { NOBODY, type Topology } from './core/topology.js';
import { DECLINED, doubted, ForwardedRequest, Forwarder, ofRead } from './forwarder.js';
import { SELF } from './members.js';

const TIMEOUT_MS = 2000;
const SLOT = 5;

/** What the test knows of one request. */
class TestRequest extends ForwardedRequest {
  readonly ends: string[] = [];

  payload(): string {
    return 'payload';
  }

  runHere(): void {
    this.ends.push('runs here');
  }

  answered(answer: string): void {
    this.ends.push(answer);
  }

  failed(failure: string): void {
    this.ends.push(failure);
  }
}

interface Sent {
  readonly peer: number;
  readonly budgetMs: number;
  readonly done: CallDone;
}

let now = 0;
let firstLive: Uint16Array;
let sent: Sent[];
let forwarder: Forwarder;
/** Peers to which nothing can be sent. */
let cut: Set<number>;
let topology: { firstLive: Uint16Array; trustEpoch: number; firstLiveHome: () => number };
/** Differs from the others' where a stand-in has taken a home's place. */
let firstLiveHome: number;

beforeEach(() => {
  now = 10_000;
  firstLive = new Uint16Array(16).fill(1);
  firstLiveHome = 1;
  topology = { firstLive, trustEpoch: 1, firstLiveHome: () => firstLiveHome };
  sent = [];
  cut = new Set();
  forwarder = new Forwarder(
    () => topology as unknown as Topology,
    (peer, budgetMs, _, done) => {
      if (cut.has(peer)) done(null, 'not-sent');
      else sent.push({ peer, budgetMs, done });
    },
    () => now,
    () => TIMEOUT_MS,
  );
  forwarder.tick(now);
});

function start(repeatable: 'yes' | 'reads' | 'no', slot = SLOT): TestRequest {
  const request = new TestRequest(slot, repeatable);
  forwarder.start(request);
  return request;
}

/** The slots' coordinator is another one from now on. */
function failOver(to: number): void {
  firstLive.fill(to);
  topology.trustEpoch++;
}

describe('a request whose coordinator dies before it answers', () => {
  it('is sent to the next one, with the time that is left, if twice is as good as once', () => {
    const request = start('yes');
    expect(sent.map(({ peer, budgetMs }) => [peer, budgetMs])).toEqual([[1, TIMEOUT_MS]]);
    now += 500;
    failOver(2);
    sent[0].done(null, 'connection-lost');
    expect(sent.slice(1).map(({ peer, budgetMs }) => [peer, budgetMs])).toEqual([[2, TIMEOUT_MS - 500]]);
    sent[1].done('+OK', null);
    expect(request.ends).toEqual(['+OK']);
    expect(forwarder.counters.retried).toBe(1);
  });

  it('runs here when this node is the next one', () => {
    const request = start('yes');
    failOver(SELF);
    sent[0].done(null, 'connection-lost');
    expect(request.ends).toEqual(['runs here']);
    expect([request.doubtful, request.deadline]).toEqual([true, 12_000]);
  });

  it('is never tried again if that could do it twice', () => {
    const request = start('no');
    failOver(2);
    sent[0].done(null, 'connection-lost');
    expect(sent).toHaveLength(1);
    expect(request.ends).toEqual([expect.stringMatching(/^NOQUORUM .*may have been applied$/)]);
  });

  it('is tried again in any case if it has certainly not been seen', () => {
    cut.add(1);
    const request = start('no');
    expect(request.ends).toEqual([]);
    failOver(2);
    forwarder.changed();
    sent[0].done('+OK', null);
    expect(request.ends).toEqual(['+OK']);
    expect(request.doubtful).toBe(false);
  });

  it('is not tried again when its time is over', () => {
    const request = start('yes');
    now += TIMEOUT_MS;
    failOver(2);
    sent[0].done(null, 'connection-lost');
    expect(sent).toHaveLength(1);
    expect(request.ends).toEqual([expect.stringContaining('may have been applied')]);
  });

  it('is not tried again after a timeout, and not where too much is queued', () => {
    const late = start('yes');
    sent[0].done(null, 'timeout');
    const crowded = start('yes');
    sent[1].done(null, 'crowded');
    expect(late.ends).toEqual([expect.stringMatching(/^NOQUORUM .*may have been applied$/)]);
    expect(crowded.ends).toEqual([expect.stringMatching(/^OVERLOADED .*was not applied$/)]);
  });

  it('never denies its first try, whatever became of the second', () => {
    const failures = ['timeout', 'not-sent', 'crowded', 'too-long'] as const;
    for (const failure of failures) {
      failOver(1);
      sent = [];
      const request = start('yes');
      failOver(2);
      sent[0].done(null, 'connection-lost');
      sent[1].done(null, failure);
      now += TIMEOUT_MS;
      forwarder.tick(now);
      expect(request.ends, failure).toEqual([expect.stringMatching(/may have been applied$/)]);
    }
  });

  it('leaves no doubt when it only reads', () => {
    const request = start('reads');
    failOver(2);
    sent[0].done(null, 'connection-lost');
    expect(request.doubtful).toBe(false);
  });
});

describe('a request that is declined by whom it was sent to', () => {
  it('is sent again, to whoever coordinates by now, however dear doing it twice would be', () => {
    const request = start('no');
    sent[0].done(DECLINED, null);
    failOver(2);
    sent[1].done(DECLINED, null);
    failOver(SELF);
    sent[2].done(DECLINED, null);
    expect(sent.map(({ peer }) => peer)).toEqual([1, 1, 2]);
    expect([request.ends, request.doubtful]).toEqual([['runs here'], false]);
  });

  it('fails when its time is over, without a doubt that it was not applied', () => {
    const request = start('no');
    now += TIMEOUT_MS;
    sent[0].done(DECLINED, null);
    expect(sent).toHaveLength(1);
    expect(request.ends).toEqual([expect.stringMatching(/^NOQUORUM .*was not applied$/)]);
  });

  it('does not overtake those that wait', () => {
    const first = start('no');
    cut.add(1);
    const second = start('no');
    cut.clear();
    sent[0].done(DECLINED, null);
    expect(sent).toHaveLength(1);
    forwarder.changed();
    sent[1].done('second', null);
    sent[2].done('first', null);
    expect([first.ends, second.ends]).toEqual([['first'], ['second']]);
  });
});

describe('what another node sent here, and waits to be taken', () => {
  it('keeps no request of this node waiting behind it, and is over at its own time', () => {
    const ends: string[] = [];
    const waiter = {
      slot: null,
      deadline: now + 100,
      again: () => ends.push('again'),
      giveUp: () => ends.push('over'),
    };
    expect(forwarder.hold(waiter)).toBe(true);
    start('no');
    expect(sent).toHaveLength(1);
    now += 100;
    forwarder.tick(now);
    forwarder.changed();
    expect(ends).toEqual(['over']);
  });
});

describe('while nobody is sure yet who coordinates', () => {
  it('a request waits for that, and fails at its deadline', () => {
    cut.add(1);
    const request = start('no');
    now += TIMEOUT_MS - 1;
    forwarder.tick(now);
    expect(request.ends).toEqual([]);
    now += 1;
    forwarder.tick(now);
    expect(request.ends).toEqual([expect.stringMatching(/^NOQUORUM .*is not reachable; .*was not applied$/)]);
  });

  it('requests of a slot stay in their order', () => {
    cut.add(1);
    const first = start('no');
    cut.clear();
    const second = start('no');
    const other = start('no', SLOT + 1);
    expect(sent).toHaveLength(1);
    sent[0].done('other', null);
    expect(other.ends).toEqual(['other']);
    expect(forwarder.runsHere(SLOT)).toBe(false);
    forwarder.changed();
    sent[1].done('first', null);
    sent[2].done('second', null);
    expect([first.ends, second.ends]).toEqual([['first'], ['second']]);
  });

  it('one whose turn has come again waits again, and those of its slot behind it', () => {
    cut.add(1);
    const requests = [start('no'), start('no')];
    forwarder.changed();
    cut.clear();
    forwarder.changed();
    sent.forEach(({ done }, i) => void done(`${i}`, null));
    expect(requests.map(({ ends }) => ends)).toEqual([['0'], ['1']]);
  });

  it('no replica at all is waited for only as long as a failover may be under way', () => {
    failOver(NOBODY);
    forwarder.tick(now);
    const request = start('no');
    expect(request.ends).toEqual([]);
    now += TIMEOUT_MS;
    forwarder.tick(now);
    expect(request.ends).toEqual([expect.stringMatching(/no replica .*was not applied$/)]);
    expect(start('no').ends).toHaveLength(1);
  });

  it('no more than so many wait', () => {
    cut.add(1);
    const requests = Array.from({ length: 5000 }, () => start('no'));
    expect(requests.filter(({ ends }) => ends.length === 0)).toHaveLength(4096);
  });

  it('a node that is the coordinator itself is asked once nobody waits before', () => {
    firstLive.fill(SELF);
    expect(forwarder.runsHere(SLOT)).toBe(true);
  });
});

describe('a request for the register of its slot', () => {
  const startSerial = (): TestRequest => {
    const request = new TestRequest(SLOT, 'no', true);
    forwarder.start(request);
    return request;
  };

  it('goes to the first live home replica, whoever stands in', () => {
    firstLiveHome = 3;
    startSerial();
    expect(sent.map(({ peer }) => peer)).toEqual([3]);
    firstLiveHome = SELF;
    expect(forwarder.runsHere(SLOT)).toBe(false);
    expect(startSerial().ends).toEqual(['runs here']);
  });

  it('waits for a home replica, and fails without one although others would stand in', () => {
    firstLiveHome = NOBODY;
    forwarder.changed();
    const request = startSerial();
    expect([sent, request.ends]).toEqual([[], []]);
    now += TIMEOUT_MS;
    forwarder.tick(now);
    expect(request.ends).toEqual([expect.stringMatching(/^NOQUORUM no replica .*was not applied$/)]);
  });

  it('is sent to the next home that can be reached, and to no stand-in', () => {
    cut.add(1);
    const request = startSerial();
    failOver(9);
    firstLiveHome = 2;
    forwarder.changed();
    sent[0].done('+OK', null);
    expect([sent.map(({ peer }) => peer), request.ends]).toEqual([[2], ['+OK']]);
  });
});

it.each([
  'NOQUORUM 1 of 2 needed replicas are reachable; the write was not applied',
  "NOQUORUM the key's coordinator did not answer in time; the write may have been applied",
  'NOQUORUM the write came to its coordinator too late; it was not applied',
])('a read that fails has read nothing: %s', (text) => {
  expect(ofRead(text)).toMatch(/; nothing was read$/);
});

it.each([
  'NOQUORUM 1 of 2 needed replicas are reachable; the write was not applied',
  'OVERLOADED try again, 3 requests are under way; nothing was read or written',
  'NOQUORUM the write came to its coordinator too late; it was not applied',
  'MISCONF Errors writing to disk: the key is being read again; nothing was applied',
])('an earlier try makes of %s that it may have been applied', (text) => {
  expect(doubted(text)).toMatch(/; the write may have been applied$/);
  expect(doubted(text)).not.toMatch(/not applied|nothing was/);
});
