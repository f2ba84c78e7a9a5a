import type { Command } from 'commander';
import {
  leave,
  type OperatorOptions,
  remove,
  rollBack,
  setWeight,
  showRing,
  showStatus,
} from './operator.js';

const DEFAULT_PORT = 6379;

/** The operator's commands: each asks a running node. */
export function addOperatorCommands(program: Command, port: (text: string) => number): void {
  const command = (usage: string, description: string): Command =>
    program
      .command(usage)
      .description(description)
      .option('--host <host>', 'address of the node to ask', '127.0.0.1')
      .option(
        '--port <port>',
        'its port for clients',
        port,
        Number(process.env['RINGKV_PORT'] ?? DEFAULT_PORT),
      )
      .option(
        '--password <password>',
        'its requirepass; better in the environment, as RINGKV_REQUIREPASS or REDISCLI_AUTH',
      )
      .option('--json', 'JSON, one object per line', false);
  const change = (usage: string, description: string): Command =>
    command(usage, description).option('--no-wait', 'end when the change has begun, not when it is over');

  command('status', 'show the nodes, their state and what is going on').action((options) =>
    showStatus(optionsOf(options)),
  );
  command('ring', 'show who owns how much of the ring, and what is still to move').action((options) =>
    showRing(optionsOf(options)),
  );
  change(
    'leave [node]',
    'let the node that is asked, or another one that is up, hand over its data and leave',
  ).action((node, options) => leave(optionsOf(options), node));
  change('remove <node>', 'take a dead node out of the cluster').action((node, options) =>
    remove(optionsOf(options), node),
  );
  change('weight <node> <weight>', 'give a node more or less of the ring: 1 is as much as the others').action(
    (node, weight, options) => setWeight(optionsOf(options), node, weight),
  );
  change('rollback', 'take back the change of the ring that is under way').action((options) =>
    rollBack(optionsOf(options)),
  );
}

interface Given {
  readonly host: string;
  readonly port: number;
  readonly password?: string;
  readonly json: boolean;
  readonly wait?: boolean;
}

function optionsOf({ host, port, password, json, wait }: Given): OperatorOptions {
  const known = process.env['RINGKV_REQUIREPASS'] ?? process.env['REDISCLI_AUTH'];
  return { host, port, password: password ?? known ?? '', json, wait: wait !== false };
}
