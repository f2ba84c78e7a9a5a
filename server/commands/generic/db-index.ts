import { Errors } from '../../errors.js';
import type { ServerCall } from '../../server-call.js';
import { parseInt64 } from '../numbers.js';

/** The most databases a server can be set to have: what `keysOf`, which knows no settings, takes for a database. */
const MAX_DATABASES = 16;
const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;

/** A database that may exist, undefined where the handler is going to refuse it. */
export function possibleDb(text: string): number | undefined {
  const db = parseInt64(text);
  return typeof db === 'number' && db >= 0 && db < MAX_DATABASES ? db : undefined;
}

/** A database's index as COPY and MOVE take it, or an error line. */
export function parseDb(call: ServerCall, text: string): number | string {
  const db = parseInt64(text);
  if (db === undefined) return Errors.notInteger;
  if (db < MIN_INT32 || db > MAX_INT32)
    return `ERR value is out of range, value must between ${MIN_INT32} and ${MAX_INT32}`;
  return isDb(call, Number(db)) ? Number(db) : DB_RANGE;
}

/** A 32-bit integer, of a database that need not exist. */
export function parseInt32(text: string): number | undefined {
  const n = parseInt64(text);
  return n === undefined || n < MIN_INT32 || n > MAX_INT32 ? undefined : Number(n);
}

export function isDb(call: ServerCall, db: number): boolean {
  return db >= 0 && db < call.server.settings.values.databases;
}

export const DB_RANGE = 'ERR DB index is out of range';
