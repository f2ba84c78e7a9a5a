import type { ServerCommandSpec } from '../../server-call.js';
import { type CommandFlag, NO_KEYS } from '../spec.js';

type Common = 'flags' | 'keys' | 'group';

/** What differs between the rows of this family. */
export type RowParts = Omit<ServerCommandSpec, Common>;

const FAST: readonly CommandFlag[] = ['loading', 'stale', 'fast'];
const HANDSHAKE: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'];
const CLIENT: readonly CommandFlag[] = ['noscript', 'loading', 'stale'];
const CLIENT_ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

function withFlags(flags: readonly CommandFlag[]): (parts: RowParts) => ServerCommandSpec {
  return (parts) => ({ flags, keys: NO_KEYS, group: 'connection', ...parts });
}

/** A command that changes or shows the connection. */
export const fastRow = withFlags(FAST);
/** A command that is allowed before AUTH. */
export const handshakeRow = withFlags(HANDSHAKE);
/** A subcommand of CLIENT about the caller's own connection. */
export const clientRow = withFlags(CLIENT);
/** A subcommand of CLIENT that sees or changes other connections. */
export const clientAdminRow = withFlags(CLIENT_ADMIN);
