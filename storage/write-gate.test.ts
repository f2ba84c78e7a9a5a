import { expect, it } from 'vitest';
import type { Done } from './engine.js';
import { WriteGate } from './write-gate.js';

/** Plays the log: writes and mends end when the test says so. */
function bench() {
  const log: string[] = [];
  const under: Done[] = [];
  const begin = (what: string) => (done: Done) => {
    log.push(what);
    under.push(done);
  };
  const gate = new WriteGate(begin('mend'));
  const pass = (name: string): void =>
    gate.pass(begin(name), (error) => log.push(`${name} ${error === null ? 'done' : error.message}`));
  return { log, gate, pass, end: (failure?: string) => under.shift()!(failure ? new Error(failure) : null) };
}

it('lets one write through at a time, in order', () => {
  const { log, pass, end } = bench();
  pass('a');
  pass('b');
  expect(log).toEqual(['a']);
  end();
  end();
  expect(log).toEqual(['a', 'a done', 'b', 'b done']);
});

it('lets no write, waiting or new, behind one that failed until the log is mended', () => {
  const { log, pass, end } = bench();
  pass('a');
  pass('b');
  end('no room');
  expect(log).toEqual(['a', 'a no room', 'mend']);
  end('not now');
  pass('c');
  expect(log.slice(3)).toEqual(['b no room', 'mend']);
  end();
  end();
  expect(log.slice(5)).toEqual(['c', 'c done']);
  pass('d');
  expect(log.at(-1)).toBe('d');
});

it('is idle when nothing waits', async () => {
  const { gate, pass, end } = bench();
  await gate.idle();
  pass('a');
  pass('b');
  let idle = false;
  const waiting = gate.idle().then(() => {
    idle = true;
  });
  end();
  await Promise.resolve();
  expect(idle).toBe(false);
  end();
  await waiting;
});
