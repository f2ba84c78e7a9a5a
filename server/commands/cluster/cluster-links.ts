import { topologyRow } from './cluster-row.js';

/** One connection per peer carries both directions: it is told as the one it was opened in. */
export const clusterLinks = topologyRow(
  {
    name: 'cluster|links',
    since: '7.0.0',
    summary: 'Returns a list of all TCP links to and from peer nodes in cluster',
    complexity: 'O(N) where N is the total number of Cluster nodes',
  },
  ({ reply, server }, { nodes }) => {
    const links = server.links();
    reply.array(links.length);
    for (const { peer, dialled, sinceMs, queuedBytes } of links) {
      reply.map(6);
      const texts = ['direction', dialled ? 'to' : 'from', 'node', nodes[peer].id, 'create-time'];
      for (const text of texts) reply.bulk(text);
      reply.integer(sinceMs);
      for (const text of ['events', queuedBytes > 0 ? 'rw' : 'r', 'send-buffer-allocated']) reply.bulk(text);
      reply.integer(queuedBytes);
      reply.bulk('send-buffer-used');
      reply.integer(queuedBytes);
    }
  },
);
