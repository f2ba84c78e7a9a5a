import { Command, InvalidArgumentError, Option } from 'commander';
import { YES_NO } from './config/kinds.js';
import { SETTINGS, type SettingRow } from './config/table.js';
import { addOperatorCommands } from './operator/commands.js';
import { VERSION } from './version.js';

export interface Actions {
  /** `flags` by setting name, as given. */
  server(flags: Record<string, string>): Promise<void>;
  cluster(
    options: { nodes: number; port: number; dir: string },
    flags: Record<string, string>,
  ): Promise<void>;
  health(options: { host: string; port: number }): Promise<void>;
}

/** The program's commands; every setting is a flag of `server`, made from the table of settings. */
export function commandLine(actions: Actions): Command {
  const program = new Command('ringkv')
    .description('A leaderless replicated key-value store that speaks the Redis protocol')
    .version(VERSION)
    .showHelpAfterError('(ringkv --help shows all commands)');

  addSettings(program.command('server').description('run a node'), new Set()).action((options) =>
    actions.server(flagsOf(options)),
  );

  const replaces = new Set(['replace']);
  addSettings(
    program
      .command('replace <node>')
      .description('run a node that takes the place of a dead one: as server, with --replace <node>'),
    replaces,
  ).action((node: string, options) => actions.server({ ...flagsOf(options), replace: node }));

  const own = new Set(['port', 'dir', 'seeds', 'bus-port', 'node-id', 'config', 'replace']);
  const cluster = program
    .command('cluster')
    .description('run a whole cluster on this machine, for trying out: one process per node')
    .option('--nodes <n>', 'how many nodes', wholeNumber, 3)
    .option('--port <port>', 'port of the first node; the others take the next ones', wholeNumber, 7001)
    .option('--dir <folder>', 'folder in which each node gets its data folder', './cluster-data');
  addSettings(cluster, own).action((options) => {
    const { nodes, port, dir, ...rest } = options as { nodes: number; port: number; dir: string };
    return actions.cluster({ nodes, port, dir }, flagsOf(rest));
  });

  program
    .command('health')
    .description('exit with 0 when the node answers PING, else with 1')
    .option('--host <host>', 'address of the node', '127.0.0.1')
    .option('--port <port>', 'its port', wholeNumber, Number(process.env['RINGKV_PORT'] ?? 6379))
    .action((options: { host: string; port: number }) => actions.health(options));
  addOperatorCommands(program, wholeNumber);
  return program;
}

function addSettings(command: Command, without: ReadonlySet<string>): Command {
  for (const [name, row] of Object.entries(SETTINGS) as [string, SettingRow][]) {
    if (without.has(name)) continue;
    const unit = row.unit === undefined ? '' : ` (${row.unit})`;
    const byDefault = row.byDefault === '' ? '' : `; default ${row.byDefault}`;
    const doc = `${row.doc}${unit} ${row.kind.allowed}${byDefault}`;
    // `--rebuild` alone is `--rebuild yes`.
    const isYesNo = row.kind.allowed === YES_NO;
    const option = new Option(`--${name} ${isYesNo ? '[value]' : '<value>'}`, doc);
    command.addOption(isYesNo ? option.preset('yes') : option);
  }
  return command;
}

/** commander's camel case back to names. */
function flagsOf(options: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      String(value),
    ]),
  );
}

function wholeNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('Allowed are whole numbers up to 99999.');
  return Number(text);
}
