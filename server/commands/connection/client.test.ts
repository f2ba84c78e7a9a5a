import { beforeEach, describe, expect, it } from 'vitest';
import type { ClientState } from '../../client.js';
import { connectionCommands } from './connection.js';
import { TestDesk } from './test-desk.js';

const CACHING_ALONE =
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled';

describe('CLIENT', () => {
  let desk: TestDesk;
  let me: ClientState;
  let other: ClientState;
  beforeEach(() => {
    desk = new TestDesk(connectionCommands);
    me = desk.connect();
    other = desk.connect();
  });
  const run = (...argv: string[]): string => desk.run(me, 'CLIENT', ...argv);

  it('shows a client in the order of Redis 7.0, and its library as 7.2', () => {
    run('setname', 'bob');
    run('setinfo', 'LIB-NAME', 'lib');
    run('setinfo', 'lib-ver', '1.2');
    desk.now += 2500;
    expect(run('info').split('\r\n')[1]).toBe(
      'id=1 addr=127.0.0.1:50001 laddr=127.0.0.1:6379 fd=-1 name=bob age=2 idle=2 flags=N db=0 sub=0 psub=0 ssub=0 ' +
        'multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r ' +
        'cmd=client|info user=default redir=-1 resp=2 lib-name=lib lib-ver=1.2\n',
    );
    desk.run(me, 'hello', '3');
    expect(run('info')).toMatch(/^=\d+\r\ntxt:id=1 /);
  });

  it('marks transactions and modes with letters', () => {
    me.queued = 1;
    for (const mode of ['no-evict', 'no-touch']) expect(run(mode, 'on')).toBe('+OK\r\n');
    desk.run(me, 'readonly');
    expect(run('info')).toContain(' flags=xreT ');
  });

  const listed = (...argv: string[]): string[] =>
    [...run('list', ...argv).matchAll(/^id=(\d+) /gm)].map(([, id]) => id);

  it('lists all, by type, by id in the order asked', () => {
    expect(listed()).toEqual(['1', '2']);
    expect(listed('TYPE', 'Normal')).toEqual(['1', '2']);
    expect(listed('type', 'slave')).toEqual([]);
    expect(listed('ID', '2', '99', '0', '1')).toEqual(['2', '1']);
    expect(run('list', 'type', 'pubsub')).toBe('$0\r\n\r\n');
  });

  it('kills by the old form and by filters, not itself unless asked', () => {
    const third = desk.connect();
    expect(run('kill', other.address)).toBe('+OK\r\n');
    expect([...desk.clients.keys()]).toEqual([1, 3]);
    expect(run('kill', 'ID', '2')).toBe(':0\r\n');
    expect(run('kill', 'type', 'normal', 'laddr', third.localAddress)).toBe(':1\r\n');
    expect(run('kill', 'user', 'default')).toBe(':0\r\n');
    expect(me.closeAfterReply).toBe(false);
    expect(run('kill', 'user', 'default', 'skipme', 'no')).toBe(':1\r\n');
    expect(me.closeAfterReply).toBe(true);
  });

  it('neither lists nor kills twice who is on the way out', () => {
    other.closeAfterReply = true;
    expect(listed()).toEqual(['1']);
    expect(run('kill', 'id', '2')).toBe(':0\r\n');
  });

  it('turns replies off and on', () => {
    run('reply', 'skip');
    expect(me.replyMode).toBe('skip-next');
    run('reply', 'off');
    run('reply', 'skip');
    expect(me.replyMode).toBe('off');
    expect(run('reply', 'ON')).toBe('+OK\r\n');
    expect(me.replyMode).toBe('on');
  });

  it('pauses for a time that a timer can count', () => {
    expect(run('pause', '100')).toBe('+OK\r\n');
    expect(run('pause', '0', 'WRITE')).toBe('+OK\r\n');
    expect(run('pause', '9223372036854775807', 'all')).toBe('+OK\r\n');
    expect(run('unpause')).toBe('+OK\r\n');
    expect(desk.pauses).toEqual([
      [desk.now + 100, false],
      [desk.now, true],
      [desk.now + 2 ** 31 - 2, false],
      [0, false],
    ]);
  });

  it('answers what there is nothing of', () => {
    expect(run('unblock', '999', 'error')).toBe(':0\r\n');
    expect(run('getredir')).toBe(':-1\r\n');
    expect(run('getname')).toBe('$-1\r\n');
    expect(run('trackinginfo')).toBe(
      '*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n',
    );
    expect(run('id')).toBe(':1\r\n');
    expect(run('help')).toMatch(/^\*\d+\r\n\+CLIENT <subcommand> .*\+HELP\r\n\+ {4}Prints this help\.\r\n$/s);
  });

  it.each([
    ['list type foo', "ERR Unknown client type 'foo'"],
    ['list id', 'ERR syntax error'],
    ['list id 1 x', 'ERR Invalid client ID'],
    ['list foo bar', 'ERR syntax error'],
    ['list type normal x', 'ERR syntax error'],
    ['kill foo', 'ERR No such client'],
    ['kill id 0', 'ERR client-id should be greater than 0'],
    ['kill type foo', "ERR Unknown client type 'foo'"],
    ['kill type normal skipme maybe', 'ERR syntax error'],
    ['kill id 3 type', 'ERR syntax error'],
    ['kill user nobody', "ERR No such user 'nobody'"],
    ['reply foo', 'ERR syntax error'],
    ['reply constructor', 'ERR syntax error'],
    ['reply skip a', "ERR wrong number of arguments for 'client|reply' command"],
    ['no-evict foo', 'ERR syntax error'],
    ['pause x foo', 'ERR CLIENT PAUSE mode must be WRITE or ALL'],
    ['pause x', 'ERR timeout is not an integer or out of range'],
    ['pause -1', 'ERR timeout is negative'],
    ['Pause 0 all x', "ERR unknown subcommand or wrong number of arguments for 'Pause'. Try CLIENT HELP."],
    ['unblock x', 'ERR value is not an integer or out of range'],
    ['unblock x foo', 'ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR'],
    ['setname \xe9', 'ERR Client names cannot contain spaces, newlines or special characters.'],
    ['setinfo foo x', "ERR Unrecognized option 'foo'"],
    ['setinfo Lib-Name a\n', 'ERR Lib-Name cannot contain spaces, newlines or special characters.'],
    ['tracking on maybe', 'ERR syntax error'],
    ['tracking on redirect 99', 'ERR The client ID you want redirect to does not exist'],
    ['tracking on prefix a', 'ERR PREFIX option requires BCAST mode to be enabled'],
    ['caching maybe', CACHING_ALONE],
  ])('refuses CLIENT %s', (args, error) => {
    expect(run(...args.split(' '))).toBe(`-${error}\r\n`);
  });
});
