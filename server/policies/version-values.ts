import { decodeCounter, sameBase } from '../../storage/counter.js';
import { TOMBSTONE, type Version, visible } from '../../storage/record.js';
import { COUNTER } from '../../storage/version-type.js';
import type { WriterTable } from '../../storage/writers.js';

/** Whether the version has a value at `now`. */
export function isLive({ type, expireAt }: Version, now: number): boolean {
  return type !== TOMBSTONE && (expireAt === 0 || expireAt > now);
}

/** The values of the live versions, newest first. Counters that go on counting from the same base are one, never a conflict. */
export function liveValues(versions: readonly Version[], now: number, writers: WriterTable): Version[] {
  const groups: Version[][] = [];
  for (const version of versions) {
    if (!isLive(version, now)) continue;
    const group = groups.find(([first]) => countTogether(first, version));
    if (group === undefined) groups.push([version]);
    else group.push(version);
  }
  return groups.map((group) => seen(group, now, writers)!);
}

/** Whether all of them are states of one counter. */
export function isOneCounter(versions: readonly Version[]): boolean {
  return versions.every((version) => countTogether(versions[0], version));
}

function countTogether(a: Version, b: Version): boolean {
  if (a.type !== COUNTER || b.type !== COUNTER) return false;
  return sameBase(decodeCounter(a.payload).base, decodeCounter(b.payload).base);
}

function seen(siblings: readonly Version[], now: number, writers: WriterTable): Version | undefined {
  return visible({ context: [], siblings }, now, writers);
}
