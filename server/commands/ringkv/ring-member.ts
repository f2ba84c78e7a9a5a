import { everybody } from '../../../cluster/core/elastic/ring-state.js';
import type { MemberView } from '../../../cluster/core/member-view.js';
import type { Member, Topology } from '../../../cluster/core/topology.js';

/** Shorter beginnings of an id are likely to be a mistake. */
const MIN_PREFIX = 4;

/** The member of the ring that is meant by its id, the beginning of it, its bus address or its client address; or an error line. */
export function memberMeant(topology: Topology, views: readonly MemberView[], text: string): Member | string {
  const found = everybody(topology.ring).filter((member) => {
    const facts = views[topology.numberOf(member.name)!]?.facts;
    const ids = [member.nodeId, facts?.id ?? ''];
    const isPrefix = text.length >= MIN_PREFIX && ids.some((id) => id.startsWith(text.toLowerCase()));
    return isPrefix || [member.busAddress, member.clientAddress, facts?.address].includes(text);
  });
  if (found.length === 1) return found[0];
  return found.length === 0
    ? `ERR no member of the ring is called so: see KV.RING for their ids and addresses`
    : `ERR more than one member is called so: ${found.map(({ busAddress }) => busAddress).join(', ')}`;
}
