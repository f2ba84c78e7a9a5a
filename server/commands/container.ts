import type { ServerCommandSpec } from '../server-call.js';
import { NO_KEYS } from './spec.js';

/** A container's HELP: Redis's frame around the lines that tell its subcommands (`addReplyHelp`). */
export function helpRow(container: string, since: string, lines: readonly string[]): ServerCommandSpec {
  const title = `${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  const all = [title, ...lines, 'HELP', '    Prints this help.'];
  return {
    name: `${container}|help`,
    arity: 2,
    flags: ['loading', 'stale'],
    keys: NO_KEYS,
    since,
    group: 'server',
    summary: 'Show helpful text about the different subcommands',
    complexity: 'O(1)',
    syntax: `${container.toUpperCase()} HELP`,
    run({ reply }) {
      reply.array(all.length);
      for (const line of all) reply.simple(line);
    },
  };
}

/** A command that does nothing without a subcommand: its arity sees to it that `run` is never reached. */
export function container(
  name: string,
  summary: string,
  since: string,
  subcommands: readonly ServerCommandSpec[],
): ServerCommandSpec {
  return {
    name,
    arity: -2,
    flags: [],
    keys: NO_KEYS,
    since,
    group: 'server',
    summary,
    complexity: 'Depends on subcommand.',
    syntax: `${name.toUpperCase()} subcommand [arg ...]`,
    run: () => {
      throw new Error(`${name} was run without a subcommand`);
    },
    subcommands,
  };
}
