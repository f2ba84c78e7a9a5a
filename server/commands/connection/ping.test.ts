import { beforeEach, describe, expect, it } from 'vitest';
import type { ClientState } from '../../client.js';
import { connectionCommands } from './connection.js';
import { TestDesk } from './test-desk.js';

describe('commands of the bare connection', () => {
  let desk: TestDesk;
  let client: ClientState;
  beforeEach(() => {
    desk = new TestDesk(connectionCommands);
    client = desk.connect();
  });
  const run = (...argv: string[]): string => desk.run(client, ...argv);

  it('answers PING and ECHO', () => {
    expect(run('PING')).toBe('+PONG\r\n');
    expect(run('ping', '\xff\x00')).toBe('$2\r\n\xff\x00\r\n');
    expect(run('ping', 'a', 'b')).toBe("-ERR wrong number of arguments for 'ping' command\r\n");
    expect(run('echo', '')).toBe('$0\r\n\r\n');
  });

  it('closes after QUIT, whatever its arguments', () => {
    expect(run('quit', 'a')).toBe('+OK\r\n');
    expect(client.closeAfterReply).toBe(true);
  });

  it.each([
    ['15', '+OK\r\n', 15],
    ['16', '-ERR DB index is out of range\r\n', 0],
    ['-1', '-ERR DB index is out of range\r\n', 0],
    ['x', '-ERR value is not an integer or out of range\r\n', 0],
    ['99999999999999999999', '-ERR value is not an integer or out of range\r\n', 0],
    [
      '9223372036854775807',
      '-ERR value is out of range, value must between -2147483648 and 2147483647\r\n',
      0,
    ],
    ['3000000000', '-ERR value is out of range, value must between -2147483648 and 2147483647\r\n', 0],
  ])('SELECT %s', (index, reply, db) => {
    expect(run('select', index)).toBe(reply);
    expect(client.db).toBe(db);
  });

  it('takes commands for a Redis Cluster', () => {
    expect(run('readonly') + run('asking')).toBe('+OK\r\n+OK\r\n');
    expect(client.readonlyMode).toBe(true);
    expect(run('readwrite')).toBe('+OK\r\n');
    expect(client.readonlyMode).toBe(false);
  });

  it('forgets everything on RESET', () => {
    run('hello', '3', 'setname', 'bob');
    run('select', '3');
    run('readonly');
    run('client', 'no-evict', 'on');
    run('client', 'setinfo', 'lib-name', 'lib');
    client.transaction.begin();
    client.readLevel = 1;
    client.replyMode = 'off';
    expect(run('reset')).toBe('+RESET\r\n');
    const { name, db, resp, readonlyMode, noEvict, readLevel, replyMode, queued, libName } = client;
    expect({ name, db, resp, readonlyMode, noEvict, readLevel, replyMode, queued, libName }).toEqual({
      name: '',
      db: 0,
      resp: 2,
      readonlyMode: false,
      noEvict: false,
      readLevel: 0,
      replyMode: 'on',
      queued: -1,
      libName: 'lib',
    });
    expect(client.transaction.active).toBe(false);
  });
});
