import type { Trial } from './trial.js';

const HEAD = [
  'nodes',
  'lasted',
  '`kill -9`',
  'SIGSTOP',
  'cuts',
  'answered',
  'refused, not applied',
  'unknown',
  'histories judged',
  'undecided',
  'times the lock was held',
  'anomalies',
];

/** The table as Markdown. */
export function trialTable(trials: readonly Trial[]): string {
  return [row(HEAD), row(HEAD.map(() => '---')), ...trials.map(line)].join('\n');
}

/** Everything that must not happen, in words; empty when it did not. */
export function failures({ nodes, anomalies, undecided, tally, lockHolds }: Trial): string[] {
  const strange = [...tally.strange].map(([text, count]) => `${count} x an undocumented error: ${text}`);
  const told = [...anomalies, ...strange];
  if (undecided > 0) told.push(`${undecided} histories could not be judged`);
  if (tally.answered === 0) told.push('nothing was ever answered');
  if (lockHolds === 0) told.push('nobody ever had the lock');
  return told.map((text) => `${nodes} nodes: ${text}`);
}

function line(trial: Trial): string {
  const { nodes, seconds, kills, stops, cuts, tally, histories, undecided, lockHolds, anomalies } = trial;
  const requests = tally.answered + tally.notApplied + tally.unknown;
  const share = (count: number): string =>
    `${count.toLocaleString('en')} (${((100 * count) / requests).toFixed(1)} %)`;
  return row([
    String(nodes),
    `${seconds} s`,
    ...[kills, stops, cuts].map(String),
    ...[tally.answered, tally.notApplied, tally.unknown].map(share),
    ...[histories - undecided, undecided, lockHolds].map((count) => count.toLocaleString('en')),
    anomalies.length === 0 ? '0' : `**${anomalies.length}**`,
  ]);
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
