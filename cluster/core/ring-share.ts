/** What matters here of a member of the ring. */
interface Weighed {
  readonly name: string;
  readonly rack: string;
  readonly weight: number;
}

/** Halvings until the last bit no longer matters. */
const STEPS = 60;

/** The rack a member counts for: one of its own when it names none. */
export function rackOf({ name, rack }: Weighed): string {
  return rack === '' ? `\0${name}` : rack;
}

/** The share of all first places that is each member's due. */
export function dueFirsts(members: readonly Weighed[]): number[] {
  const all = members.reduce((sum, { weight }) => sum + weight, 0);
  return members.map(({ weight }) => weight / all);
}

/**
 * The share of all slots of which each member is due to be a home replica. Not in proportion to the weights where there are few
 * members: nobody holds a slot twice, and with as many racks as replicas no rack does. On a walk around the ring whoever has weight w
 * is met as if after an exponentially distributed way of rate w, and homes are who is met within the way that holds so many.
 */
export function dueHomes(members: readonly Weighed[], replicas: number): number[] {
  const racks = new Map<string, number>();
  for (const member of members) racks.set(rackOf(member), (racks.get(rackOf(member)) ?? 0) + member.weight);
  const wanted = Math.min(replicas, members.length);
  const reached = met([...racks.values()], Math.min(wanted, racks.size));
  const byRack = new Map([...racks.keys()].map((rack, i) => [rack, reached[i]]));
  // The first of its rack that a walk meets.
  const first = members.map((member) => member.weight / racks.get(rackOf(member))!);
  const rest = met(
    members.map(({ weight }) => weight),
    wanted - Math.min(wanted, racks.size),
    first.map((share) => 1 - share),
  );
  return members.map((member, i) => byRack.get(rackOf(member))! * first[i] + rest[i]);
}

/** How probably each is among the first `count` that are met; those with less `chance` may have been taken already. */
function met(weights: readonly number[], count: number, chance = weights.map(() => 1)): number[] {
  if (count === 0) return weights.map(() => 0);
  const within = (way: number) => weights.map((weight, i) => chance[i] * (1 - Math.exp(-weight * way)));
  const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0);
  const possible = sum(chance);
  // All of them, to the last digit that counts.
  if (count >= possible - 1e-9) return [...chance];
  let [near, far] = [0, 1];
  while (sum(within(far)) < count) far *= 2;
  for (let step = 0; step < STEPS; step++) {
    const middle = (near + far) / 2;
    if (sum(within(middle)) < count) near = middle;
    else far = middle;
  }
  return within(far);
}
