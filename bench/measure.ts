import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { System } from './systems.js';

const run = promisify(execFile);

export interface Workload {
  readonly test: 'get' | 'set';
  readonly pipeline: number;
  readonly requests: number;
}

export interface Figures {
  /** Requests per second. */
  readonly throughput: number;
  /** ms. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of all the system's processes, µs per request. */
  readonly cpu: number;
}

export const KEYS = 100_000;
export const VALUE_BYTES = 100;
const CLIENTS = 50;
/** `sysconf(_SC_CLK_TCK)` on every Linux. */
const TICKS_PER_SECOND = 100;

/** One run of redis-benchmark. Rejects when it reports an error. */
export async function measure(system: System, { test, pipeline, requests }: Workload): Promise<Figures> {
  const args = ['-h', '127.0.0.1', '-p', String(system.ports[0]), '-t', test, '-n', String(requests)];
  args.push(
    '-c',
    String(CLIENTS),
    '-P',
    String(pipeline),
    '-r',
    String(KEYS),
    '-d',
    String(VALUE_BYTES),
    '--csv',
  );
  const before = cpuSeconds(system.pids);
  const { stdout, stderr } = await run('redis-benchmark', args, { maxBuffer: 1 << 24 });
  const cpu = ((cpuSeconds(system.pids) - before) * 1e6) / requests;
  const row = stdout.trim().split('\n').at(-1)!;
  // "test","rps","avg","min","p50","p95","p99","max"
  const columns = row.replaceAll('"', '').split(',').map(Number);
  if (!(columns[1] > 0)) throw new Error(`redis-benchmark on ${system.name} failed: ${stdout}${stderr}`);
  return { throughput: columns[1], p50: columns[4], p99: columns[6], cpu };
}

/** User and system time of processes so far, in seconds (proc(5)). */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory in MB. */
export function residentMB(pid: number): number {
  const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1];
  return Number(kb) / 1024;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function medianFigures(runs: readonly Figures[]): Figures {
  const of = (field: keyof Figures): number => median(runs.map((one) => one[field]));
  return { throughput: of('throughput'), p50: of('p50'), p99: of('p99'), cpu: of('cpu') };
}
