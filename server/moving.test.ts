import { beforeEach, describe, expect, it } from 'vitest';
import type { ClientState } from './client.js';
import { connectionCommands } from './commands/connection/connection.js';
import { TestDesk } from './commands/connection/test-desk.js';
import { tellToMove } from './moving.js';

let desk: TestDesk;
let client: ClientState;
let pushed: string;
beforeEach(() => {
  desk = new TestDesk(connectionCommands);
  client = desk.connect();
  pushed = '';
  client.push = (bytes) => {
    pushed += bytes;
  };
});
const ask = (...argv: string[]): string => desk.run(client, 'client', 'maint_notifications', ...argv);

describe('CLIENT MAINT_NOTIFICATIONS', () => {
  it.each([
    ['on'],
    ['ON', 'moving-endpoint-type', 'external-fqdn'],
    ['on', 'MOVING-ENDPOINT-TYPE', 'INTERNAL-IP'],
    ['off'],
  ])('takes %s %s %s', (...argv) => {
    client.resp = 3;
    expect(ask(...argv.filter((one) => one !== undefined))).toBe('+OK\r\n');
    expect(client.movesTo).toBe(argv[0] === 'off' ? null : 'address');
  });

  it.each([
    ['maybe'],
    ['on', 'moving-endpoint-type'],
    ['on', 'moving-endpoint-type', 'home'],
    ['on', 'other', 'none'],
    ['on', 'moving-endpoint-type', 'none', 'more'],
  ])('refuses %s %s %s %s', (...argv) => {
    client.resp = 3;
    expect(ask(...argv.filter((one) => one !== undefined))).toBe('-ERR syntax error\r\n');
    expect(client.movesTo).toBe(null);
  });

  it('needs RESP3: there are no pushes before', () => {
    expect(ask('on')).toMatch(/^-ERR .*RESP3/);
    expect(ask('off')).toBe('+OK\r\n');
  });
});

describe('before a node stops', () => {
  it('who asked for it is told where to go', () => {
    client.resp = 3;
    ask('on');
    expect(tellToMove(client, () => 'b:1', 10_000)).toBe(true);
    expect(pushed).toMatch(/^>4\r\n\$6\r\nMOVING\r\n:\d+\r\n:10\r\n\$3\r\nb:1\r\n$/);
  });

  it('who wants no address is told to connect again', () => {
    client.resp = 3;
    ask('on', 'moving-endpoint-type', 'none');
    expect(tellToMove(client, () => 'b:1', 10_000)).toBe(true);
    expect(pushed).toMatch(/:10\r\n_\r\n$/);
  });

  it('nobody is, who has not asked, has gone back to RESP2, or has nowhere to go', () => {
    expect(tellToMove(client, () => 'b:1', 1)).toBe(false);
    client.resp = 3;
    ask('on');
    expect(tellToMove(client, () => null, 1)).toBe(false);
    client.resp = 2;
    expect(tellToMove(client, () => 'b:1', 1)).toBe(false);
    expect(pushed).toBe('');
  });
});
