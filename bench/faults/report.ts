import type { Outcome } from './campaign.js';
import { kindOf, type Service } from './service.js';

/** Latency that a fault may add for a client of another node. */
const MAX_ADDED_MS = 1000;

const HEAD = [
  'fault',
  'clients of',
  'acknowledged writes',
  'lost',
  'errors',
  'without service',
  'slowest request (before)',
  'stale reads',
  'replicas that differed, after repair',
  'calm after',
  'target',
];

/** The table as Markdown: a line per fault and group of clients. */
export function table(outcomes: readonly Outcome[]): string {
  const lines = outcomes.flatMap((outcome) =>
    outcome.services.map((service, i) => line(i === 0 ? facts(outcome) : NO_FACTS, outcome, service)),
  );
  return [row(HEAD), row(HEAD.map(() => '---')), ...lines].join('\n');
}

/** Every error in its own words, for whoever wants to know what a number in the table was. */
export function errorTexts({ fault, services }: Outcome): string[] {
  return services.flatMap(({ group, errors }) =>
    [...errors].map(([text, count]) => `  ${fault.name}, ${group.name}: ${count} x ${text}`),
  );
}

/** Everything that must not happen, in words; empty when it did not. */
export function failures({ fault, services, verdict }: Outcome): string[] {
  const { lost, untrue, differing } = verdict;
  return [
    ...some(`${fault.name}: lost`, lost),
    ...some(`${fault.name}: said not to be applied, but read`, untrue),
    ...some(`${fault.name}: replicas differ after the repair`, differing),
    ...services.flatMap((service) => [
      ...some(`${fault.name}: undocumented error of ${service.group.name}`, [...service.undocumented]),
      ...(service.untrue > 0
        ? [`${fault.name}: ${service.untrue} reads of what was said not to be applied`]
        : []),
    ]),
  ];
}

interface Facts {
  readonly title: string;
  readonly lost: string;
  readonly replicas: string;
  readonly calm: string;
}

const NO_FACTS: Facts = { title: '', lost: '', replicas: '', calm: '' };

function facts({ fault, seconds, verdict, calmAfterMs }: Outcome): Facts {
  const { lost, untrue, differed, differing, repairedBy } = verdict;
  return {
    title: `${fault.title}, ${seconds} s`,
    lost: lost.length + untrue.length === 0 ? '0' : `**${lost.length + untrue.length}**`,
    replicas: `${differed}, ${differing.length} (${repairedBy})`,
    calm: duration(calmAfterMs),
  };
}

function line({ title, lost, replicas, calm }: Facts, outcome: Outcome, service: Service): string {
  return row([
    title,
    service.group.name,
    service.acknowledged.toLocaleString('en'),
    lost,
    errors(service),
    duration(service.longestGapMs),
    `${duration(service.slowestMs)} (${duration(outcome.slowestBeforeMs)})`,
    String(service.stale),
    replicas,
    calm,
    target(outcome, service),
  ]);
}

/** One node dying costs clients of the others no failed request, and little time. */
function target({ fault, slowestBeforeMs }: Outcome, service: Service): string {
  if (fault.target === undefined || service.group.nodeIsDead) return '';
  return service.failed === 0 && service.slowestMs - slowestBeforeMs <= MAX_ADDED_MS ? 'yes' : '**no**';
}

function errors(service: Service): string {
  if (service.errors.size === 0) return 'none';
  const requests = service.acknowledged + service.read + service.failed;
  const share = ((100 * service.failed) / requests).toFixed(1);
  const kinds = new Map<string, number>();
  for (const [text, count] of service.errors) kinds.set(kindOf(text), (kinds.get(kindOf(text)) ?? 0) + count);
  return `${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')} (${share} %)`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function some(what: string, examples: readonly string[]): string[] {
  if (examples.length === 0) return [];
  return [`${what}: ${examples.length}`, ...examples.slice(0, 5).map((example) => `  ${example}`)];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
