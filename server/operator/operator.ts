import { progressTo, RingWatch } from './follow.js';
import { type NodeAddress, NodeLink } from './node-link.js';
import type { RingView } from './ring-view.js';
import { ringText, statusText } from './tables.js';

/** Which node is asked, and how answers are shown. */
export interface OperatorOptions extends NodeAddress {
  /** JSON instead of words. */
  readonly json: boolean;
  /** Until slots have moved. */
  readonly wait: boolean;
}

/** A change of the ring: the command, what it is, and whether it has come about. */
interface Wanted {
  readonly command: readonly string[];
  readonly title: string;
  readonly holds: (view: RingView) => boolean;
}

/** `ringkv status`. */
export function showStatus(options: OperatorOptions): Promise<void> {
  return show(options, statusText);
}

/** `ringkv ring`. */
export function showRing(options: OperatorOptions): Promise<void> {
  return show(options, ringText);
}

/** `ringkv leave [node]`: the node that is asked, or another one that is up. */
export function leave(options: OperatorOptions, node: string | undefined): Promise<void> {
  return change(options, (view) => {
    const member = node === undefined ? view.members.find(({ self }) => self) : memberOf(view, node);
    return gone(member?.bus, ['KV.LEAVE', ...(node === undefined ? [] : [node])], 'has left');
  });
}

/** `ringkv remove node`. */
export function remove(options: OperatorOptions, node: string): Promise<void> {
  return change(options, (view) => gone(memberOf(view, node)?.bus, ['KV.REMOVE', node], 'is removed'));
}

/** `ringkv weight node w`. */
export function setWeight(options: OperatorOptions, node: string, weight: string): Promise<void> {
  return change(options, (view) => {
    const bus = memberOf(view, node)?.bus;
    return {
      command: ['KV.WEIGHT', node, weight],
      title: `${bus ?? node} has weight ${weight}`,
      holds: ({ members }) => members.some((one) => one.bus === bus && Number(one.weight) === Number(weight)),
    };
  });
}

/** `ringkv rollback`. */
export function rollBack(options: OperatorOptions): Promise<void> {
  return change(options, () => ({
    command: ['KV.ROLLBACK'],
    title: 'the change is taken back',
    holds: () => true,
  }));
}

function gone(bus: string | undefined, command: readonly string[], what: string): Wanted {
  return {
    command,
    title: `${bus ?? 'it'} ${what}`,
    holds: ({ members }) => !members.some((one) => one.bus === bus),
  };
}

function memberOf(view: RingView, text: string): RingView['members'][number] | undefined {
  return view.members.find(
    ({ id, bus, address }) => bus === text || address === text || id.startsWith(text.toLowerCase()),
  );
}

async function show(options: OperatorOptions, text: (view: RingView) => string): Promise<void> {
  await told(async () => {
    const watch = new RingWatch(options);
    const view = await watch.look();
    watch.close();
    say(options.json ? JSON.stringify(view) : text(view));
  });
}

/** Asks for the change, again when another one was under way, and shows how it goes until it is over. */
async function change(options: OperatorOptions, wanted: (view: RingView) => Wanted): Promise<void> {
  await told(async () => {
    const watch = new RingWatch(options);
    const progress = progressTo(process.stdout, options.json);
    const { command, title, holds } = wanted(await watch.look());
    while (!(await ask(options, command))) {
      if (!options.json) say('another change of the ring is under way: waiting for it');
      await watch.untilStable(progress);
    }
    if (options.wait) {
      const view = await watch.untilStable(progress);
      if (!holds(view)) throw new Error('it has not come about: somebody has taken the change back');
    }
    watch.close();
    if (!options.json) say(options.wait ? title : 'the change has begun: see `ringkv status`');
  });
}

/** False: it has to wait for another change, and may. */
async function ask(options: OperatorOptions, command: readonly string[]): Promise<boolean> {
  const link = await NodeLink.open(options);
  try {
    const reply = await link.command(...command);
    // What whoever asked should know.
    if (reply !== 'OK' && !options.json) say(String(reply));
    return true;
  } catch (error) {
    if (!options.wait || !(error as Error).message.startsWith('TRYAGAIN')) throw error;
    return false;
  } finally {
    link.close();
  }
}

/** Says what is wrong in one line, and ends with 1 then. */
async function told(work: () => Promise<void>): Promise<void> {
  try {
    await work();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`ringkv: ${(error as Error).message}\n`);
    process.exit(1);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
