/** What a version holds. The numbers are on disk: frozen. */
export const TOMBSTONE = 0;
export const STRING = 1;
/** An integer and who has added how much to it: see `counter.ts`. */
export const COUNTER = 2;
export type VersionType = typeof TOMBSTONE | typeof STRING | typeof COUNTER;
