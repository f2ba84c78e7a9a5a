import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawConnection, RedisOracle } from '../../server/resp/redis-oracle.test-support.js';
import { slotOf } from './slot.js';

it.each([
  // The check value of CRC16/XMODEM.
  ['123456789', 0x31c3],
  ['', 0],
  ['foo', 12182],
  ['bar', 5061],
  ['user1000', 3443],
])('%j lies in slot %i', (key, slot) => expect(slotOf(key)).toBe(slot));

it.each([
  ['{user1000}.following', 'user1000'],
  ['{user1000}.followers', 'user1000'],
  ['foo{bar}{zap}', 'bar'],
  ['foo{{bar}}zap', '{bar'],
  ['a}b{c}', 'c'],
])('%j is hashed by its tag %j', (key, tag) => expect(slotOf(key)).toBe(slotOf(tag)));

it.each(['foo{}{bar}', '{}x', 'foo{bar', 'foo}bar{', '}{'])(
  '%j has no tag: other bytes, other slot',
  (key) => {
    expect(slotOf(key)).not.toBe(slotOf('bar'));
    expect(slotOf(`${key}!`)).not.toBe(slotOf(key));
  },
);

describe('against redis-server', () => {
  let redis: RedisOracle;
  let connection: RawConnection;
  beforeAll(async () => {
    redis = await RedisOracle.start('--cluster-enabled', 'yes');
    connection = await redis.open();
  });
  afterAll(async () => {
    connection?.close();
    await redis?.stop();
  });

  it('gives every key the slot of CLUSTER KEYSLOT', async () => {
    const byte = fc.oneof(
      fc.constantFrom('{', '}'),
      fc.nat(255).map((code) => String.fromCharCode(code)),
    );
    const keys = fc.sample(
      fc.array(byte, { maxLength: 40, size: 'max' }).map((bytes) => bytes.join('')),
      5000,
    );
    const command = (key: string) => `*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n$${key.length}\r\n${key}\r\n`;
    await connection.send(`${keys.map(command).join('')}PING\r\n`);
    while (!connection.received.endsWith('+PONG\r\n')) await redis.settle();
    const slots = connection.received.split('\r\n').slice(0, -2);
    expect(slots).toHaveLength(keys.length);
    for (const [i, key] of keys.entries())
      expect(`${JSON.stringify(key)} :${slotOf(key)}`).toBe(`${JSON.stringify(key)} ${slots[i]}`);
  });
});
