import { parseReply, type Reply, sameTree } from './reply-tree.js';

/** What a slow machine may put between the two servers' clocks, in the unit of the reply. */
const CLOCK_TOLERANCE: Readonly<Record<string, number>> = {
  ttl: 10,
  expiretime: 10,
  pttl: 10_000,
  pexpiretime: 10_000,
};
const IDLE_TOLERANCE = 10;

/** Follows one client's commands and says of each whether two servers answered it alike. */
export class ReplyJudge {
  private queue: (readonly string[])[] = [];

  /** `keys` is what Redis answers to a `KEYS *` right afterwards, if it was asked. */
  same(argv: readonly string[], redis: string, ringkv: string, keys?: string): boolean {
    const name = argv[0].toLowerCase();
    const queue = this.queue;
    if (redis === '+QUEUED\r\n') this.queue.push(argv);
    else if (name === 'exec' || name === 'discard' || name === 'reset') this.queue = [];
    if (redis === ringkv) return true;
    const [theirs, ours] = [parseReply(redis), parseReply(ringkv)];
    if (name !== 'exec' || theirs.elements.length === 0) return sameAnswer(argv, theirs, ours, keys);
    return (
      theirs.type === ours.type &&
      theirs.elements.length === ours.elements.length &&
      theirs.elements.every((element, i) => sameAnswer(queue[i], element, ours.elements[i]))
    );
  }
}

function sameAnswer(argv: readonly string[], theirs: Reply, ours: Reply, keys?: string): boolean {
  if (theirs.type !== ours.type) return false;
  const name = argv[0].toLowerCase();
  switch (name) {
    case 'ttl':
    case 'pttl':
    case 'expiretime':
    case 'pexpiretime':
      return near(theirs, ours, CLOCK_TOLERANCE[name]);
    case 'object':
      return argv[1]?.toLowerCase() === 'idletime'
        ? near(theirs, ours, IDLE_TOLERANCE)
        : sameTree(theirs, ours);
    case 'keys':
      return sameSet(theirs, ours);
    case 'scan':
      return theirs.elements.length === 2 && sameScan(theirs, ours);
    case 'hello':
      return sameHello(theirs, ours);
    case 'randomkey':
      return theirs.type === '$' && (keys === undefined || holds(parseReply(keys), ours));
    default:
      return sameTree(theirs, ours);
  }
}

function near(theirs: Reply, ours: Reply, tolerance: number): boolean {
  if (theirs.type !== ':' || theirs.text.startsWith('-') || ours.text.startsWith('-'))
    return sameTree(theirs, ours);
  return Math.abs(Number(theirs.text) - Number(ours.text)) <= tolerance;
}

function sameScan(theirs: Reply, ours: Reply): boolean {
  return sameTree(theirs.elements[0], ours.elements[0]) && sameSet(theirs.elements[1], ours.elements[1]);
}

function sameSet(theirs: Reply, ours: Reply): boolean {
  const sorted = (reply: Reply): string => JSON.stringify(reply.elements.map(({ text }) => text).sort());
  return theirs.type === ours.type && sorted(theirs) === sorted(ours);
}

/** But for the number of the client. */
function sameHello(theirs: Reply, ours: Reply): boolean {
  return theirs.elements.every(
    (element, i) => theirs.elements[i - 1]?.text === 'id' || sameTree(element, ours.elements[i]),
  );
}

function holds(list: Reply, one: Reply): boolean {
  return list.elements.some((element) => sameTree(element, one));
}
