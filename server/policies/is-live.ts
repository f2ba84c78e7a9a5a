import { TOMBSTONE, type Version } from '../../storage/record.js';

/** Whether the version has a value at `now`. */
export function isLive({ type, expireAt }: Version, now: number): boolean {
  return type !== TOMBSTONE && (expireAt === 0 || expireAt > now);
}
