import { constants } from 'node:buffer';
import type { ServerCall } from '../../server-call.js';
import type { Call } from '../spec.js';

const REDIS_DEFAULT = 512 * 1024 * 1024;

/** `proto-max-bulk-len`; Redis's default where a call has no server behind it. */
export function maxBulkBytes(call: Call): number {
  return (call as Partial<ServerCall>).server?.settings.values.protoMaxBulkLen ?? REDIS_DEFAULT;
}

/**
 * Whether a value of `length` bytes is longer than values may be. V8's longest string counts too: it is 24 bytes short of
 * Redis's default limit.
 */
export function isTooLong(call: Call, length: number): boolean {
  return length > constants.MAX_STRING_LENGTH || length > maxBulkBytes(call);
}

export const TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';
