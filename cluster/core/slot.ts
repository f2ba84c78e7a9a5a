import { SLOTS } from '../../storage/key-layout.js';

export { SLOTS };

/**
 * CRC16 (XMODEM) key slots with `{hash tags}`, exactly Redis Cluster's
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, "Key distribution model").
 */
const TABLE = new Uint16Array(256);
for (let i = 0; i < 256; i++) {
  let crc = i << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  TABLE[i] = crc;
}

/** The slot (0..16383) of a key given as latin1 bytes. */
export function slotOf(key: string): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf('{');
  if (open >= 0) {
    const close = key.indexOf('}', open + 1);
    // An empty tag `{}` does not count: the whole key is hashed.
    if (close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let i = start; i < end; i++)
    crc = ((crc << 8) ^ TABLE[((crc >> 8) ^ key.charCodeAt(i)) & 0xff]) & 0xffff;
  return crc & (SLOTS - 1);
}
