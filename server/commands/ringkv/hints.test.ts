import { beforeEach, describe, expect, it } from 'vitest';
import { TestDesk } from '../connection/test-desk.js';
import { hintCommands } from './hints.js';

let desk: TestDesk;
beforeEach(() => {
  desk = new TestDesk(hintCommands);
});
const run = (...argv: string[]): string => desk.run(desk.connect(), 'kv.hints', ...argv);

/** As `array` of RESP2 bulk strings and integers. */
const encoded = (...parts: (string | number)[]): string =>
  parts
    .map((part) => (typeof part === 'number' ? `:${part}\r\n` : `$${part.length}\r\n${part}\r\n`))
    .join('');

describe('KV.HINTS', () => {
  it('is refused while the cluster is forming', () => {
    expect(run()).toBe('-CLUSTERDOWN The cluster is forming\r\n');
    expect(run('all')).toBe("-ERR wrong number of arguments for 'kv.hints' command\r\n");
  });

  it('is empty when nobody has missed anything', () => {
    desk.hints = [];
    expect(run()).toBe('*0\r\n');
  });

  it('shows for each member how many keys it has missed, since when, and whether they are on their way', () => {
    const one = { target: 'b:2', clientAddress: 'b:1', count: 3, bytes: 600, oldestMs: desk.now - 1500 };
    desk.hints = [
      { ...one, delivering: false },
      { ...one, target: 'gone:2', clientAddress: '', oldestMs: desk.now + 10, delivering: true },
    ];
    const names = (bus: string, address: string, age: number, state: string): string =>
      `*12\r\n${encoded('bus', bus, 'address', address, 'hints', 3, 'bytes', 600, 'oldest-ms', age, 'state', state)}`;
    expect(run()).toBe(
      `*2\r\n${names('b:2', 'b:1', 1500, 'waiting')}${names('gone:2', '', 0, 'delivering')}`,
    );
  });
});
