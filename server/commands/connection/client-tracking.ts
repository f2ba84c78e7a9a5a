import type { ClientState } from '../../client.js';
import { beforeNul, Errors } from '../../errors.js';
import type { ServerCall, ServerCommandSpec } from '../../server-call.js';
import type { ServerContext } from '../../server-context.js';
import type { TrackingOptions } from '../../tracking/client-tracking.js';
import { parseInteger } from '../numbers.js';
import { clientRow } from './connection-row.js';

const ONE_REDIRECT = 'ERR A client can only redirect to a single other client';
const NO_SUCH_CLIENT = 'ERR The client ID you want redirect to does not exist';
const PREFIX_NEEDS_BCAST = 'ERR PREFIX option requires BCAST mode to be enabled';
const NOT_FROM_BCAST =
  "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
const BCAST_ALONE = 'ERR OPTIN and OPTOUT are not compatible with BCAST';
const OPTIN_OR_OPTOUT = "ERR You can't specify both OPTIN mode and OPTOUT mode";
const NOT_FROM_OPT =
  "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
const CACHING_NEEDS_TRACKING =
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled';
const YES_NEEDS_OPTIN = 'ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.';
const NO_NEEDS_OPTOUT = 'ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.';

/** The options of `CLIENT TRACKING`, or an error text. */
function parseOptions(argv: readonly string[], { clients }: ServerContext): TrackingOptions | string {
  const flags = new Set<string>();
  const prefixes: string[] = [];
  let redirect = 0;
  for (let i = 3; i < argv.length; i++) {
    const word = argv[i].toLowerCase();
    const isLast = i === argv.length - 1;
    if (word === 'redirect' && !isLast) {
      if (redirect !== 0) return ONE_REDIRECT;
      const id = parseInteger(argv[++i]);
      if (id === undefined) return Errors.notInteger;
      if (!clients.has(id)) return NO_SUCH_CLIENT;
      redirect = id;
    } else if (word === 'prefix' && !isLast) prefixes.push(argv[++i]);
    else if (/^(bcast|optin|optout|noloop)$/.test(word)) flags.add(word);
    else return Errors.syntax;
  }
  return {
    bcast: flags.has('bcast'),
    optin: flags.has('optin'),
    optout: flags.has('optout'),
    noloop: flags.has('noloop'),
    redirect,
    prefixes,
  };
}

/** Why options do not go together, or with those the client has: an error text; or null. In the order of Redis's checks. */
function objectionTo(
  { bcast, optin, optout, prefixes }: TrackingOptions,
  client: ClientState,
): string | null {
  const now = client.tracking?.options;
  if (!bcast && prefixes.length > 0) return PREFIX_NEEDS_BCAST;
  if (now !== undefined && now.bcast !== bcast) return NOT_FROM_BCAST;
  if (bcast && (optin || optout)) return BCAST_ALONE;
  if (optin && optout) return OPTIN_OR_OPTOUT;
  if (now !== undefined && ((optin && now.optout) || (optout && now.optin))) return NOT_FROM_OPT;
  return overlapOf(prefixes, client.tracking?.prefixes ?? new Set());
}

function overlapOf(prefixes: readonly string[], existing: ReadonlySet<string>): string | null {
  for (const [i, prefix] of prefixes.entries()) {
    const old = [...existing].sort().find((one) => overlap(one, prefix));
    if (old !== undefined) return overlapText(prefix, 'an existing', old);
    const other = prefixes.slice(i + 1).find((one) => overlap(one, prefix));
    if (other !== undefined) return overlapText(prefix, 'another provided', other);
  }
  return null;
}

function overlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

function overlapText(prefix: string, which: string, other: string): string {
  return `ERR Prefix '${beforeNul(prefix)}' overlaps with ${which} prefix '${beforeNul(other)}'. Prefixes for a single client must not overlap.`;
}

const tracking = clientRow({
  name: 'client|tracking',
  arity: -3,
  since: '6.0.0',
  summary: 'Enable or disable server assisted client side caching support',
  complexity: 'O(1). Some options may introduce additional complexity.',
  syntax:
    'CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]',
  run({ argv, client, server, reply }) {
    const options = parseOptions(argv, server);
    if (typeof options === 'string') return reply.error(options);
    const word = argv[2].toLowerCase();
    if (word === 'on') {
      const objection = objectionTo(options, client);
      if (objection !== null) return reply.error(objection);
      server.tracking.enable(client, options);
    } else if (word === 'off') server.tracking.disable(client);
    else return reply.error(Errors.syntax);
    reply.ok();
  },
});

const caching = clientRow({
  name: 'client|caching',
  arity: 3,
  since: '6.0.0',
  summary: 'Instruct the server about tracking or not keys in the next request',
  complexity: 'O(1)',
  syntax: 'CLIENT CACHING <YES | NO>',
  run({ argv, client, reply }) {
    if (client.tracking === null) return reply.error(CACHING_NEEDS_TRACKING);
    const { optin, optout } = client.tracking.options;
    const word = argv[2].toLowerCase();
    if (word !== 'yes' && word !== 'no') return reply.error(Errors.syntax);
    if (word === 'yes' && !optin) return reply.error(YES_NEEDS_OPTIN);
    if (word === 'no' && !optout) return reply.error(NO_NEEDS_OPTOUT);
    client.tracking.caching = true;
    reply.ok();
  },
});

const getRedir = clientRow({
  name: 'client|getredir',
  arity: 2,
  since: '6.0.0',
  summary: 'Get tracking notifications redirection client ID if any',
  complexity: 'O(1)',
  syntax: 'CLIENT GETREDIR',
  run: ({ client, reply }) => reply.integer(client.tracking?.options.redirect ?? -1),
});

const trackingInfo = clientRow({
  name: 'client|trackinginfo',
  arity: 2,
  since: '6.2.0',
  summary: 'Return information about server assisted client side caching for the current connection',
  complexity: 'O(1)',
  syntax: 'CLIENT TRACKINGINFO',
  run(call) {
    const { client, reply } = call;
    reply.map(3);
    reply.bulk('flags');
    const flags = flagsOf(call);
    reply.set(flags.length);
    for (const flag of flags) reply.bulk(flag);
    reply.bulk('redirect');
    reply.integer(client.tracking?.options.redirect ?? -1);
    reply.bulk('prefixes');
    const prefixes = [...(client.tracking?.prefixes ?? [])].sort();
    reply.array(prefixes.length);
    for (const prefix of prefixes) reply.bulk(prefix);
  },
});

function flagsOf({ client }: ServerCall): string[] {
  if (client.tracking === null) return ['off'];
  const { options, caching: isGiven, brokenRedirect } = client.tracking;
  const flags = ['on'];
  if (options.bcast) flags.push('bcast');
  if (options.optin) flags.push('optin', ...(isGiven ? ['caching-yes'] : []));
  if (options.optout) flags.push('optout', ...(isGiven ? ['caching-no'] : []));
  if (options.noloop) flags.push('noloop');
  if (brokenRedirect) flags.push('broken_redirect');
  return flags;
}

/** CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO. */
export const clientTracking: readonly ServerCommandSpec[] = [tracking, caching, getRedir, trackingInfo];
