import { describe, expect, it } from 'vitest';
import { parseAddress } from './address.js';
import { settle, wants } from './pairing.js';

const LIFE = 'the same process';
const OTHER = 'a later process';

describe('the smaller node settles which connection stays', () => {
  const byUs = { dialler: true, boot: LIFE, wish: 4 };
  const byThem = { dialler: false, boot: LIFE, wish: 4 };

  it('the first', () => expect(settle(undefined, byUs)).toBe('take'));
  it('not our own second dial', () => expect(settle(byThem, { ...byUs, wish: 9 })).toBe('duplicate'));
  it('not theirs from before they had one', () => {
    expect(settle(byUs, { ...byThem, wish: 3 })).toBe('duplicate');
  });
  it('theirs from after they had one: they have lost it', () => {
    expect(settle(byUs, { ...byThem, wish: 5 })).toBe('take');
    expect(settle(byThem, { ...byThem, wish: 5 })).toBe('take');
  });
  it('any from a restarted node', () => {
    expect(settle(byUs, { ...byUs, boot: OTHER, wish: 0 })).toBe('take');
    expect(settle(byUs, { ...byThem, boot: OTHER, wish: 0 })).toBe('take');
  });
});

describe('the larger node wants', () => {
  const current = { boot: LIFE };
  it('the first', () => expect(wants(undefined, { dialler: true, boot: LIFE })).toBe(true));
  it('no second of its own', () => expect(wants(current, { dialler: true, boot: LIFE })).toBe(false));
  it('what the smaller dialled', () => expect(wants(current, { dialler: false, boot: LIFE })).toBe(true));
  it('any to a restarted node', () => expect(wants(current, { dialler: true, boot: OTHER })).toBe(true));
});

describe('addresses', () => {
  it.each([
    ['10.0.0.1:7', '10.0.0.1', 7],
    ['node-1.example:65535', 'node-1.example', 65_535],
    ['[::1]:80', '::1', 80],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
  ])('%s', (text, host, port) => expect(parseAddress(text)).toEqual({ host, port }));

  it.each(['', 'host', 'host:', ':1', 'host:0', 'host:65536', '::1:80', 'a b:1', 'host:1x', '[::1]'])(
    'not %s',
    (text) => expect(parseAddress(text)).toBeUndefined(),
  );
});
