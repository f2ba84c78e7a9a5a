import { beforeNul } from '../errors.js';
import { type ConfigLine, readConfigFile, rewriteConfigFile } from './config-file.js';
import {
  BUS_PORT_OFFSET,
  camelCase,
  SETTINGS,
  type SettingName,
  type SettingRow,
  type SettingValues,
} from './table.js';

/** A setting that cannot be taken: names the setting, the value, where it came from and what is allowed. */
export class SettingError extends Error {}

/** What Redis's tools ask for, and what it is here; these cannot be set. */
const FIXED: Readonly<Record<string, string>> = {
  appendonly: 'yes',
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
  save: '',
};

const ROWS = SETTINGS as Readonly<Record<string, SettingRow>>;

export interface SettingInputs {
  /** From the command line, by setting name. */
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** All settings of a node: flags before environment before file before defaults, checked in one place. */
export class Settings {
  readonly values: SettingValues;
  private readonly texts = new Map<string, string>();
  private readonly changed = new Set<string>();
  private readonly listeners = new Map<string, (() => void)[]>();

  private constructor() {
    this.values = {} as SettingValues;
    for (const [name, row] of Object.entries(ROWS)) this.put(name, row.byDefault, 'the default');
  }

  /** Throws SettingError. */
  static load({ flags, env }: SettingInputs): Settings {
    const settings = new Settings();
    const fromEnv = readEnvironment(env);
    const path = flags['config'] ?? fromEnv.get('config') ?? '';
    if (path !== '') {
      for (const { name, value, line } of wholeTables(readFile(path)))
        settings.put(name, value, `${path} line ${line}`);
    }
    for (const [name, value] of fromEnv) settings.put(name, value, `the environment (${envName(name)})`);
    for (const [name, value] of Object.entries(flags)) settings.put(name, value, `the flag --${name}`);
    settings.checkTogether();
    return settings;
  }

  /** All settings whose name `matches`, as text, in the order of their names. */
  get(matches: (name: string) => boolean): [name: string, value: string][] {
    const all = [...Object.keys(ROWS), ...Object.keys(FIXED)].sort();
    return all.filter(matches).map((name) => [name, FIXED[name] ?? this.text(name)]);
  }

  /** CONFIG SET: all or none. Returns null or what is wrong, as Redis 7.0 words it. */
  set(pairs: readonly (readonly [name: string, value: string])[]): string | null {
    const seen = new Set<string>();
    for (const [given] of pairs) {
      const name = given.toLowerCase();
      if (ROWS[name] === undefined && FIXED[name] === undefined)
        return `ERR Unknown option or number of arguments for CONFIG SET - '${beforeNul(given)}'`;
      if (!ROWS[name]?.mutable) return failed(name, "can't set immutable config");
      if (seen.has(name)) return failed(name, 'duplicate parameter');
      seen.add(name);
    }
    const before = pairs.map(([name]) => this.texts.get(name.toLowerCase())!);
    for (const [given, value] of pairs) {
      const name = given.toLowerCase();
      try {
        this.put(name, value, 'CONFIG SET');
        this.checkTogether();
      } catch (error) {
        pairs.forEach(([one], i) => {
          this.put(one.toLowerCase(), before[i], 'before');
        });
        const allowed = ROWS[name].kind.schema.safeParse(value).success
          ? (error as Error).message
          : ROWS[name].kind.objection(value);
        return failed(name, allowed);
      }
    }
    for (const name of seen) {
      this.changed.add(name);
      for (const listener of this.listeners.get(name) ?? []) listener();
    }
    return null;
  }

  /** Calls back after CONFIG SET has changed the setting. */
  onChange(name: SettingName, listener: () => void): void {
    const all = this.listeners.get(name) ?? [];
    all.push(listener);
    this.listeners.set(name, all);
  }

  /** CONFIG REWRITE: what CONFIG SET has changed goes to the config file. Null or an error text. */
  rewrite(): string | null {
    const { config } = this.values;
    if (config === '') return 'ERR The server is running without a config file';
    try {
      rewriteConfigFile(config, new Map([...this.changed].map((name) => [name, this.text(name)])));
      return null;
    } catch (error) {
      return `ERR Rewriting config file: ${(error as Error).message}`;
    }
  }

  private text(name: string): string {
    return ROWS[name].kind.print((this.values as Record<string, unknown>)[camelCase(name)]);
  }

  private put(name: string, value: string, source: string): void {
    const row = ROWS[name];
    if (row === undefined) throw new SettingError(`unknown setting '${name}' in ${source}`);
    const parsed = row.kind.schema.safeParse(value);
    if (!parsed.success)
      throw new SettingError(`${name} is '${value}' in ${source}; allowed: ${row.kind.allowed}`);
    (this.values as Record<string, unknown>)[camelCase(name)] = parsed.data;
    this.texts.set(name, value);
  }

  /** What no single setting can know. */
  private checkTogether(): void {
    const { replicas, readQuorum, writeQuorum, seeds, clusterSecret, heartbeatInterval, heartbeatTimeout } =
      this.values;
    for (const [name, level] of [
      ['read-quorum', readQuorum],
      ['write-quorum', writeQuorum],
    ]) {
      if (Number(level) > replicas)
        throw new SettingError(`${name} is ${level}, but replicas is only ${replicas}`);
    }
    if (heartbeatTimeout < 3 * heartbeatInterval)
      throw new SettingError(
        `heartbeat-timeout is ${heartbeatTimeout} ms, it must be at least three times heartbeat-interval (${heartbeatInterval} ms)`,
      );
    if (seeds.length > 0 && clusterSecret === '')
      throw new SettingError(
        'cluster-secret is empty; nodes with seeds need one, the same on all of them (for example: openssl rand -hex 32)',
      );
    if (this.values.rebuild && seeds.length === 0)
      throw new SettingError('rebuild is yes, but there are no seeds: nobody could fill an empty database');
    if (this.values.rebuild && this.values.nodeId !== '')
      throw new SettingError('rebuild is yes, which gives the node a new identity: leave out node-id');
    if (this.values.port > 65535 - BUS_PORT_OFFSET && this.values.busPort === -1 && seeds.length > 0)
      throw new SettingError(
        `port is ${this.values.port}, so bus-port cannot be port + 10000: give a bus-port`,
      );
  }
}

/** `RINGKV_BUS_PORT` for `bus-port`. */
export function envName(name: string): string {
  return `RINGKV_${name.toUpperCase().replaceAll('-', '_')}`;
}

function readEnvironment(env: SettingInputs['env']): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(env)) {
    if (!key.startsWith('RINGKV_') || value === undefined) continue;
    const name = key.slice('RINGKV_'.length).toLowerCase().replaceAll('_', '-');
    if (ROWS[name] === undefined) throw new SettingError(`unknown setting '${key}' in the environment`);
    found.set(name, value);
  }
  return found;
}

/** The lines of a table as one, where its last stands. */
function wholeTables(lines: readonly ConfigLine[]): ConfigLine[] {
  const isTable = ({ name }: ConfigLine): boolean => ROWS[name]?.lines === true;
  const whole = (last: ConfigLine): ConfigLine => {
    const all = lines.filter(({ name }) => name === last.name);
    return { ...last, value: all.map(({ value }) => value).join(' ') };
  };
  const isLast = (line: ConfigLine, i: number): boolean =>
    lines.findLastIndex(({ name }) => name === line.name) === i;
  return lines.flatMap((line, i) => (isTable(line) ? (isLast(line, i) ? [whole(line)] : []) : [line]));
}

function readFile(path: string): ReturnType<typeof readConfigFile> {
  try {
    return readConfigFile(path);
  } catch (error) {
    throw new SettingError((error as Error).message);
  }
}

function failed(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}
