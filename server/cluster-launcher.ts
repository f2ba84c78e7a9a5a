import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUS_PORT_OFFSET } from './config/table.js';

export interface ClusterOptions {
  readonly nodes: number;
  /** Of the first node; the others take the next ones. */
  readonly port: number;
  readonly dir: string;
}

const MAX_NODES = 50;

/** `ringkv cluster`: runs nodes as separate processes, passes their output on, and ends them all with itself. */
export async function runCluster(options: ClusterOptions, flags: Record<string, string>): Promise<void> {
  const { nodes, port, dir } = options;
  const top = port + nodes - 1 + BUS_PORT_OFFSET;
  if (nodes < 1 || nodes > MAX_NODES || port < 1 || top > 65535) {
    process.stderr.write(
      `ringkv: ${nodes} nodes from port ${port}: allowed are 1 to ${MAX_NODES} nodes, ports up to ${65535 - BUS_PORT_OFFSET}\n`,
    );
    process.exitCode = 2;
    return;
  }
  let secret: string;
  try {
    secret = clusterSecret(dir);
  } catch (error) {
    process.stderr.write(`ringkv: the folder ${dir} cannot be used: ${(error as Error).message}\n`);
    process.exitCode = 1;
    return;
  }
  const host = flags['host'] ?? '127.0.0.1';
  const ports = Array.from({ length: nodes }, (_, i) => port + i);
  const shared = {
    host,
    'cluster-secret': secret,
    ...(process.stdout.isTTY ? { 'log-format': 'pretty' } : {}),
    ...flags,
    ...(nodes > 1 ? { seeds: ports.map((one) => `${host}:${one + BUS_PORT_OFFSET}`).join(',') } : {}),
  };
  const children = ports.map((one, i) =>
    startNode(`node ${i + 1}`, { ...shared, port: String(one), dir: join(dir, `node-${i + 1}`) }),
  );
  say(`${nodes} nodes on ${host}, ports ${ports[0]} to ${ports[nodes - 1]}, data in ${dir}`);
  say(`connect to any of them: redis-cli -h ${host} -p ${ports[0]}      (Ctrl-C ends them all)`);
  const stop = (): void => {
    for (const child of children) child.kill('SIGTERM');
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const codes = await Promise.all(children.map(ended));
  process.exitCode = codes.some((code) => code !== 0) ? 1 : 0;
}

/** The secret stays with the data, so that a cluster can be started again. */
function clusterSecret(dir: string): string {
  const path = join(dir, 'cluster-secret');
  mkdirSync(dir, { recursive: true });
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    const secret = randomBytes(32).toString('hex');
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    return secret;
  }
}

/** Settings go by the environment: a secret on the command line could be read by every user of the machine. */
function startNode(name: string, settings: Record<string, string>): ChildProcess {
  const env = { ...process.env };
  for (const [key, value] of Object.entries(settings))
    env[`RINGKV_${key.toUpperCase().replaceAll('-', '_')}`] = value;
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const child = spawn(process.execPath, [main, 'server'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) process.stdout.write(`${name}: ${line}\n`);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => process.stderr.write(`${name}: ${text}`));
  child.on('exit', (code, signal) => say(`${name} ended (${signal ?? `exit code ${code}`})`));
  return child;
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? (signal === null ? 0 : 1)));
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
