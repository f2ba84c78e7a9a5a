import { describe, expect, it } from 'vitest';
import { connectionCommands } from './connection.js';
import { TestDesk } from './test-desk.js';

const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
const GREETING =
  '%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n' +
  '$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n';

/** One client of a server with or without a password. */
function connected(password?: string) {
  const desk = new TestDesk(connectionCommands, password === undefined ? {} : { requirepass: password });
  const client = desk.connect();
  return { client, run: (...argv: string[]): string => desk.run(client, ...argv) };
}

describe('AUTH', () => {
  it('without a password configured takes the default user with any password', () => {
    const { run } = connected();
    expect(run('auth', 'x')).toBe(
      '-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n',
    );
    expect(run('auth', 'default', 'x')).toBe('+OK\r\n');
    expect(run('auth', 'u', 'x')).toBe(WRONG);
    expect(run('auth', 'a', 'b', 'c')).toBe('-ERR syntax error\r\n');
  });

  it('lets in with the password only, and RESET lets out', () => {
    const { client, run } = connected('pw');
    expect(client.authenticated).toBe(false);
    for (const attempt of [['x'], [''], ['pw2'], ['other', 'pw'], ['DEFAULT', 'pw']]) {
      expect(run('auth', ...attempt)).toBe(WRONG);
    }
    expect(client.authenticated).toBe(false);
    expect(run('auth', 'pw')).toBe('+OK\r\n');
    expect(client.authenticated).toBe(true);
    expect(run('auth', 'x')).toBe(WRONG);
    expect(client.authenticated).toBe(true);
    run('reset');
    expect(client.authenticated).toBe(false);
    expect(run('auth', 'default', 'pw')).toBe('+OK\r\n');
  });
});

describe('HELLO', () => {
  it('answers in the version it switches to', () => {
    const { client, run } = connected();
    expect(run('hello')).toMatch(/^\*14\r\n.*proto\r\n:2\r\n/s);
    expect(run('hello', '3')).toBe(GREETING);
    expect(client.resp).toBe(3);
    expect(run('hello')).toBe(GREETING);
    expect(run('hello', '2')).toMatch(/^\*14\r\n/);
  });

  it.each([
    [['4'], 'NOPROTO unsupported protocol version'],
    [['1'], 'NOPROTO unsupported protocol version'],
    [['x'], 'ERR Protocol version is not an integer or out of range'],
    [['3', 'foo'], "ERR Syntax error in HELLO option 'foo'"],
    [['3', 'setname'], "ERR Syntax error in HELLO option 'setname'"],
    [['3', 'AUTH', 'a'], "ERR Syntax error in HELLO option 'AUTH'"],
    [['3', 'setname', 'a b'], 'ERR Client names cannot contain spaces, newlines or special characters.'],
    [['3', 'auth', 'u', 'x'], 'WRONGPASS invalid username-password pair or user is disabled.'],
  ])('refuses %j and changes nothing', (args, error) => {
    const { client, run } = connected();
    expect(run('hello', ...args)).toBe(`-${error}\r\n`);
    expect(client.resp).toBe(2);
    expect(client.name).toBe('');
  });

  it('asks for the password, and takes it', () => {
    const { client, run } = connected('pw');
    expect(run('hello', '3')).toBe(
      '-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n',
    );
    expect(run('hello', '3', 'auth', 'default', 'x', 'setname', 'zed')).toBe(WRONG);
    expect(client.name).toBe('');
    expect(run('hello', '3', 'auth', 'default', 'pw', 'setname', 'zed')).toBe(GREETING);
    expect(run('client', 'getname')).toBe('$3\r\nzed\r\n');
  });
});
