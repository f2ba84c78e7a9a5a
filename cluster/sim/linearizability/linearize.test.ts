import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimRandom } from '../sim-random.js';
import { type Answer, History } from './history.js';
import { linearize } from './linearize.js';
import { type Held, NOTHING, type Step, takeStep, visibleAt } from './step.js';

const KEY = 'key';
const get: Step = { do: 'get' };
const incr: Step = { do: 'incr' };
const set = (value: string): Step => ({ do: 'set', value });
const cas = (expected: string | null, value: string): Step => ({ do: 'cas', expected, value });
const read = (value: string | null): Answer => ({ reply: '', saw: [value] });
const reply = (text: string): Answer => ({ reply: text });

/** Steps of one client each, with the moments of question and answer; without an answer nobody knows the outcome. */
function historyOf(...steps: readonly (readonly [Step, number, number, Answer | null])[]): History {
  const history = new History([KEY]);
  const moments = steps.flatMap(([step, asked, answered, answer], i) => [
    { at: asked, i, step, answer: undefined },
    ...(answer === null ? [] : [{ at: answered, i, step, answer }]),
  ]);
  const open = new Map<number, ReturnType<History['ask']>>();
  for (const { i, step, answer } of moments.sort((a, b) => a.at - b.at)) {
    if (answer === undefined) open.set(i, history.ask(`c${i}`, step, [KEY]));
    else open.get(i)!.answered(answer);
  }
  return history;
}

const kindOf = (history: History): string => linearize(history).kind;

describe('histories that some order explains', () => {
  it.each<[string, History]>([
    ['nothing at all', historyOf()],
    ['one after the other', historyOf([set('a'), 1, 2, reply('OK')], [get, 3, 4, read('a')])],
    [
      'a read beside a write sees the old value, a later one the new',
      historyOf([set('a'), 1, 6, reply('OK')], [get, 2, 3, read(null)], [get, 4, 5, read('a')]),
    ],
    [
      'of two that compare at once one wins',
      historyOf(
        [cas(null, 'a'), 1, 4, reply('1')],
        [cas(null, 'b'), 2, 3, reply('0')],
        [get, 5, 6, read('a')],
      ),
    ],
    [
      'what nobody knows the outcome of takes effect late',
      historyOf([set('a'), 1, 0, null], [get, 2, 3, read(null)], [get, 4, 5, read('a')]),
    ],
    [
      'or never',
      historyOf([cas(null, 'a'), 1, 0, null], [get, 2, 3, read(null)], [cas(null, 'b'), 4, 5, reply('1')]),
    ],
    [
      'two of five increments of unknown outcome happened',
      historyOf(
        ...[1, 2, 3, 4, 5].map((at) => [incr, at, 0, null] as const),
        [incr, 6, 7, reply('3')],
        [get, 8, 9, read('3')],
      ),
    ],
    [
      'a value that is over for the clock of who judges it',
      historyOf(
        [{ do: 'setnx', value: 'a', expireAt: 100 }, 1, 2, { reply: '1', saw: [null], now: 50 }],
        [{ do: 'setnx', value: 'b', expireAt: 200 }, 3, 4, { reply: '0', saw: ['a'], now: 99 }],
        [{ do: 'setnx', value: 'c', expireAt: 200 }, 5, 6, { reply: '1', saw: [null], now: 100 }],
      ),
    ],
    [
      'a value that was over, and swept, before the step had its turn',
      historyOf(
        [{ do: 'setnx', value: 'a', expireAt: 100 }, 1, 2, { reply: '1', saw: [null], now: 50 }],
        [{ do: 'setnx', value: 'b', expireAt: 200 }, 3, 4, { reply: '1', saw: [null], now: 60, ranAt: 130 }],
      ),
    ],
  ])('%s', (_, history) => {
    expect(linearize(history)).toEqual({ kind: 'linearizable' });
  });
});

describe('histories that no order explains', () => {
  it.each<[string, History]>([
    ['a read of what was never written', historyOf([get, 1, 2, read('a')])],
    ['a stale read', historyOf([set('a'), 1, 2, reply('OK')], [get, 3, 4, read(null)])],
    [
      'a value seen, then unseen',
      historyOf([set('a'), 1, 0, null], [get, 2, 3, read('a')], [get, 4, 5, read(null)]),
    ],
    [
      'two that compare with the same value both win',
      historyOf([cas(null, 'a'), 1, 4, reply('1')], [cas(null, 'b'), 2, 3, reply('1')]),
    ],
    [
      'two reads differ with no write between, the one in flight not being settled by the first (CASSANDRA-12126)',
      historyOf(
        [set('a'), 1, 2, reply('OK')],
        [cas('a', 'b'), 3, 0, null],
        [get, 4, 5, read('b')],
        [get, 6, 7, read('a')],
      ),
    ],
    [
      'a compare that fails for a value it did not settle',
      historyOf(
        [set('a'), 1, 2, reply('OK')],
        [cas('a', 'b'), 3, 0, null],
        [cas('a', 'c'), 4, 5, reply('0')],
        [get, 6, 7, read('a')],
      ),
    ],
    ['an increment lost', historyOf([incr, 1, 2, reply('1')], [incr, 3, 4, reply('1')])],
    [
      'an increment counted twice',
      historyOf([incr, 1, 0, null], [incr, 2, 3, reply('1')], [get, 4, 5, read('3')]),
    ],
    [
      'a lock taken before its time was over',
      historyOf(
        [{ do: 'setnx', value: 'a', expireAt: 100 }, 1, 2, { reply: '1', saw: [null], now: 50 }],
        [{ do: 'setnx', value: 'b', expireAt: 200 }, 3, 4, { reply: '1', saw: [null], now: 99 }],
      ),
    ],
  ])('%s', (_, history) => {
    const verdict = linearize(history);
    expect(verdict.kind).toBe('anomaly');
    expect(verdict.kind === 'anomaly' && verdict.why).toContain('none of these can come next');
  });

  it('what was said not to have been applied is seen', () => {
    const history = new History([KEY]);
    history.ask('a', set('a'), [KEY]).notApplied();
    history.ask('b', get, [KEY]).answered(read('a'));
    expect(kindOf(history)).toBe('anomaly');
  });

  it('a transfer of which a reader sees a half', () => {
    const history = new History(['from', 'to']);
    const both = ['from', 'to'];
    history.ask('a', { do: 'setnx', value: '10' }, both).answered(reply('1'));
    history.ask('b', { do: 'transfer', amount: 3 }, both).answered(reply('1'));
    const end = history.ask('a', get, both);
    end.answered({ reply: '', saw: ['7', '10'] });
    expect(kindOf(history)).toBe('anomaly');
  });
});

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.constant(get),
  fc.constant(incr),
  fc.constant<Step>({ do: 'del' }),
  fc.constantFrom('1', '2').map(set),
  fc.constantFrom('1', '3').map((expected): Step => ({ do: 'delifeq', expected })),
  fc.tuple(fc.constantFrom(null, '1', '2'), fc.constantFrom('1', '3')).map(([from, to]) => cas(from, to)),
);

/** Few steps with few values at random moments, the answers as often wrong as right. */
const anyHistory = fc
  .array(
    fc.record({
      step: anyStep,
      asked: fc.double({ min: 0, max: 1, noNaN: true }),
      takes: fc.double({ min: 0.01, max: 0.6, noNaN: true }),
      known: fc.integer({ min: 0, max: 3 }),
      reply: fc.constantFrom('0', '1', '1', '2', '3'),
      saw: fc.constantFrom(null, '1', '2', '3'),
    }),
    { maxLength: 6 },
  )
  .map((steps) =>
    historyOf(
      ...steps.map(({ step, asked, takes, known, reply: text, saw }) => {
        const answer = step.do === 'get' ? read(saw) : reply(step.do === 'set' ? 'OK' : text);
        return [step, asked, asked + takes, known === 0 ? null : answer] as const;
      }),
    ),
  );

/** Tries all orders, one by one. */
function someOrderExplains(history: History): boolean {
  const { events } = history;
  const go = (left: ReadonlySet<number>, state: Held): boolean => {
    const open = [...left].filter((i) => events[i].answer !== null);
    if (open.length === 0) return true;
    return [...left].some((i) => {
      const { step, asked, answer } = events[i];
      if (open.some((other) => other !== i && events[other].answered < asked)) return false;
      const { reply: right, writes } = takeStep(step, [visibleAt(state, 0)]);
      if (answer !== null && answer.reply !== right) return false;
      if (answer?.saw !== undefined && answer.saw[0] !== visibleAt(state, 0)) return false;
      return go(new Set([...left].filter((one) => one !== i)), writes[0] ?? state);
    });
  };
  return go(new Set(events.keys()), NOTHING);
}

describe('against a search without any cleverness', () => {
  it('says the same of random histories', () => {
    const found = { linearizable: 0, anomaly: 0, undecided: 0 };
    fc.assert(
      fc.property(anyHistory, (history) => {
        const { kind } = linearize(history);
        found[kind]++;
        expect(kind).toBe(someOrderExplains(history) ? 'linearizable' : 'anomaly');
      }),
      { numRuns: 3000 },
    );
    expect(found.linearizable).toBeGreaterThan(100);
    expect(found.anomaly).toBeGreaterThan(100);
  });
});

/** What clients of one key that is atomic are told, a tenth of them never. */
function atomicHistory(steps: number, clients: number, random: SimRandom): History {
  const history = new History([KEY]);
  let state: Held = NOTHING;
  const idle = Array.from({ length: clients }, (_, i) => i);
  const busy: { readonly client: number; readonly finish: () => void }[] = [];
  for (let asked = 0; asked < steps; ) {
    if (idle.length > 0 && random.chance(0.5)) {
      const client = idle.pop()!;
      const value = `${1000 * asked}`;
      const step = random.pick([get, incr, set(value), cas(state.value, value)]);
      const open = history.ask(`c${client}`, step, [KEY]);
      asked++;
      const lost = random.chance(0.1);
      const saw = [state.value];
      const taken = takeStep(step, saw);
      if (!lost || random.chance(0.5)) state = taken.writes[0] ?? state;
      const answer = step === get || random.chance(0.5) ? { reply: taken.reply, saw } : reply(taken.reply);
      busy.push({ client, finish: () => lost || open.answered(answer) });
    } else if (busy.length > 0) {
      const [{ client, finish }] = busy.splice(random.below(busy.length), 1);
      finish();
      idle.push(client);
    }
  }
  return history;
}

describe('long histories', () => {
  it.each([1, 2, 3])('of thousands of steps and hundreds of unknown outcomes are judged, seed %i', (seed) => {
    expect(linearize(atomicHistory(1000, 5, new SimRandom(seed)))).toEqual({ kind: 'linearizable' });
  });

  it('a search that takes too long is given up', () => {
    const history = historyOf([set('a'), 1, 2, reply('OK')], [get, 3, 4, read('a')]);
    expect(linearize(history, 1)).toEqual({ kind: 'undecided' });
  });
});
