import type { Logger } from 'pino';
import { SettingError, Settings } from './config/settings.js';
import { makeLogger } from './logger.js';
import { type RunningServer, startServer } from './ringkv.js';
import { VERSION } from './version.js';

/** Exit codes: 1 = could not start or go on, 2 = a wrong setting, 3 = taken out of the cluster. After leaving it: 0. */
const EXIT_FAILED = 1;
const EXIT_SETTINGS = 2;

/** `ringkv server`: runs a node until it is told to stop (SIGTERM, SIGINT, SHUTDOWN). */
export async function runServer(flags: Record<string, string>): Promise<void> {
  const settings = loadSettings(flags);
  if (settings === undefined) return;
  const { values } = settings;
  const log = makeLogger(values);
  settings.onChange('log-level', () => {
    log.level = values.logLevel;
  });
  let running: RunningServer | undefined;
  let stopping = false;
  const stop = (reason: string, code: number): void => {
    if (stopping) return;
    stopping = true;
    log.info(`stopping: ${reason}`);
    const ended = running === undefined ? Promise.resolve() : running.stop();
    ended.then(
      () => {
        log.info('stopped, everything is on disk');
        process.exit(code);
      },
      (error) => {
        log.fatal({ err: error }, 'could not stop cleanly');
        process.exit(EXIT_FAILED);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM', 0));
  process.on('SIGINT', () => stop('SIGINT', 0));
  const restart = (reason: string): void => {
    const old = running;
    if (stopping || old === undefined) return;
    running = undefined;
    log.error(`starting again: ${reason}`);
    old.stop().then(start).catch(fail);
  };
  const start = async (): Promise<void> => {
    running = await startServer(settings, log, (code, reason) => stop(reason, code), restart);
    greet(log, settings, running);
  };
  const fail = (error: unknown): void => {
    log.fatal(startFailure(error, settings));
    process.exit(error instanceof SettingError ? EXIT_SETTINGS : EXIT_FAILED);
  };
  await start().catch(fail);
}

/** undefined after a message: the process then ends. */
function loadSettings(flags: Record<string, string>): Settings | undefined {
  try {
    return Settings.load({ flags, env: process.env });
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    process.stderr.write(`ringkv: ${error.message}\n`);
    process.exitCode = EXIT_SETTINGS;
    return undefined;
  }
}

/** What the operator can do about it, in one line. */
function startFailure(error: unknown, { values }: Settings): string {
  const { code, message, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return `port ${port} on ${values.host} is in use: another server runs there; give another --port or --bus-port`;
  if (code === 'EADDRNOTAVAIL')
    return `the address ${values.host} is not one of this machine: give another --host`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `the host name ${values.host} is not known here: give another --host`;
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} may not be used by this user: give one above 1023`;
  return message;
}

function greet(log: Logger, { values }: Settings, { port, node, seconds }: RunningServer): void {
  const where = values.host === '0.0.0.0' || values.host === '::' ? '127.0.0.1' : values.host;
  const password = values.requirepass === '' ? '' : ' --askpass';
  log.info(`RingKV ${VERSION}, node ${node.id.slice(0, 8)}, data in ${values.dir}`);
  log.info(`ready in ${seconds.toFixed(1)} s on ${values.host}:${port}`);
  log.info(`connect with: redis-cli -h ${where} -p ${port}${password}`);
  if (!node.ready) log.info(`waiting for the other members: ${node.missing.join(', ')}`);
}
