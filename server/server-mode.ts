import type { Settings } from './config/settings.js';

/**
 * What INFO and HELLO call the server. Some libraries choose by it what they do (StackExchange.Redis refuses databases and
 * commands on several slots in a `cluster`): only where every client has to know of the slots is it one.
 */
export function serverMode({ values }: Settings): 'standalone' | 'cluster' {
  return values.clusterRedirects === 'yes' ? 'cluster' : 'standalone';
}
