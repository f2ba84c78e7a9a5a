import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServerCall } from '../../server-call.js';

export const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';

/** Tells nothing by its time: digests have one length whatever was sent. */
function samePassword(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** Lets the client in when it is right; without a password configured any is, as Redis has it for a `nopass` user. */
export function authenticate({ client, server }: ServerCall, user: string, password: string): boolean {
  const wanted = server.settings.values.requirepass;
  if (user !== 'default') return false;
  if (wanted !== '' && !samePassword(password, wanted)) return false;
  client.user = user;
  client.authenticated = true;
  return true;
}
