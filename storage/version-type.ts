/** What a version holds. The numbers are on disk: frozen. */
export const TOMBSTONE = 0;
export const STRING = 1;
/** An integer and who has added how much to it: see `counter.ts`. */
export const COUNTER = 2;
/** What a tombstone holds that tells of no delete: of a key that was not there somebody has read that it is not. On disk: frozen. */
export const NEVER_WRITTEN = '?';
export type VersionType = typeof TOMBSTONE | typeof STRING | typeof COUNTER;
