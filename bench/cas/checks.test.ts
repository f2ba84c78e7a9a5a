import { describe, expect, it } from 'vitest';
import { type CasFigures, measureCas } from './load.js';
import { bytesAt, bytesField, fieldOf, numberField } from './protobuf.js';
import { casTable, medianOf } from './report.js';
import type { Store, StoreClient } from './store.js';

describe('protobuf', () => {
  it.each([0, 1, 127, 128, 300, 16384, 2 ** 31, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER])(
    'gives a number back: %i',
    (value) => {
      expect(fieldOf(numberField(3, value), 3)).toBe(value);
    },
  );

  it('encodes as protoc does', () => {
    // From the documentation of the encoding: field 1 = 150, field 2 = "testing".
    const message = Buffer.concat([numberField(1, 150), bytesField(2, Buffer.from('testing'))]);
    expect(message.toString('hex')).toBe('089601120774657374696e67');
  });

  it('finds bytes in messages within messages, the last where there are several, nothing where there is none', () => {
    const inner = bytesField(5, Buffer.from('x'.repeat(200)));
    const message = Buffer.concat([bytesField(2, bytesField(5, Buffer.from('old'))), bytesField(2, inner)]);
    expect(bytesAt(message, 2, 5)?.toString()).toBe('x'.repeat(200));
    expect(bytesAt(message, 2, 6)).toBeUndefined();
    expect(bytesAt(message, 3, 5)).toBeUndefined();
  });
});

/** A store in memory; `honest: false` lets every second swap fail. */
function memoryStore(honest: boolean): Store {
  const values = new Map<string, string>();
  let swaps = 0;
  const client: StoreClient = {
    async put(key, value) {
      values.set(key, value);
    },
    async swap(key, expected, value) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const swapped = values.get(key) === expected && (honest || ++swaps % 2 === 0);
      if (swapped) values.set(key, value);
      return { swapped, current: values.get(key) ?? null };
    },
    close() {},
  };
  return {
    name: 'memory',
    ports: [],
    pids: [process.pid],
    client: async () => client,
    stop: async () => {},
  };
}

describe('the load', () => {
  it('counts every attempt on own keys as a success, on one key those that won', async () => {
    const works = ['first swaps of own keys', 'swaps of own keys', 'swaps of one key'] as const;
    const [first, own, one] = await measureCas(memoryStore(true), works, 200, 0.3);
    for (const figures of [first, own]) {
      expect(figures.successes).toBe(figures.attempts);
      expect(figures.successes).toBeGreaterThan(100);
    }
    expect(one.successes).toBeGreaterThan(10);
    expect(one.attempts).toBeGreaterThan(2 * one.successes);
  });

  it('ends with an error when a key that nobody else writes does not match', async () => {
    await expect(measureCas(memoryStore(false), ['swaps of own keys'], 100, 1)).rejects.toThrow(
      'a key that nobody else writes has another value',
    );
  });
});

describe('the table', () => {
  const run = (successes: number): CasFigures => ({
    successes,
    attempts: successes,
    p50: 1,
    p99: 2,
    cpu: 50,
  });

  it('tells medians, the spread, and what was not reached', () => {
    const runs = [run(100), run(300), run(1234)];
    expect(medianOf(runs).successes).toBe(300);
    const goal = (least: number) => ({
      text: `${least}/s`,
      share: (own: CasFigures) => own.successes / 400,
      reached: (own: CasFigures) => own.successes >= least,
    });
    const table = casTable([{ work: 'swaps', system: 'RingKV', runs, goals: [goal(300), goal(301)] }]);
    expect(table.split('\n')[2]).toBe(
      '| swaps | RingKV | 300 | 100 to 1,234 | 300 | 1.00 | 2.00 | 50 | 300/s; 301/s | 0.75: yes; 0.75: **no** |',
    );
  });
});
