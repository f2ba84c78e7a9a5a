import { importsOf, isProgram, type SourceFile } from './sources.js';

/** Where the program begins, and what is run by hand: nobody imports these. */
const ENTRANCES = new Set([
  'server/main.ts',
  'server/docs/main.ts',
  'bench/run.ts',
  'bench/cas/run.ts',
  'bench/elastic/run.ts',
  'bench/faults/run.ts',
  'bench/hints.ts',
  'bench/repair.ts',
  'bench/ring.ts',
  'bench/serial/run.ts',
  'cluster/sim/gossip-main.ts',
  'cluster/sim/main.ts',
  'cluster/sim/cli/worker.ts',
  'bench/micro/decoder.ts',
  'bench/micro/hot-keys.ts',
  'cluster/sim/gossip-main.ts',
  'storage/buffer-latin1.d.ts',
]);

/** What starts the simulator's runs and prints what came of them: a program like any other, outside of the simulated world. */
const SIMULATOR_PROGRAM = /^cluster\/sim\/(\w+-)?main\.ts$|^cluster\/sim\/cli\//;

/** The rooms, from the inner to the outer: each may use only those before it (DESIGN: the way of a request). */
const MAY_IMPORT: readonly (readonly [room: RegExp, allowed: RegExp])[] = [
  [/^storage\//, /^(storage\/|rocksdb$|murmurhash$|node:(fs|fs\/promises|path|zlib|buffer|module|os|url)$)/],
  [
    /^cluster\/transport\//,
    /^(cluster\/(transport\/|transport\.ts$|environment\.ts$)|node:(net|crypto|buffer|events)$)/,
  ],
  [
    /^cluster\/core\//,
    /^(cluster\/(core\/|environment\.ts$|messages\.ts$|transport\.ts$|transport\/frame-reader\.ts$)|storage\/|murmurhash$)/,
  ],
  [SIMULATOR_PROGRAM, /^(cluster\/|node:(child_process|os|url)$|commander$)/],
  [/^cluster\//, /^(cluster\/|storage\/|murmurhash$)/],
  [/^server\/resp\//, /^(server\/resp\/|node:buffer$)/],
  [
    /^server\/commands\//,
    /^(server\/|cluster\/core\/|storage\/(record|writers)\.ts$|node:(crypto|buffer|zlib)$)/,
  ],
  // A client of a running node, and nothing else.
  [/^server\/operator\//, /^(server\/operator\/|node:|redis-parser$|commander$)/],
  [/^server\//, /^(server\/|cluster\/|storage\/|node:|pino|zod$|commander$)/],
  [
    /^bench\//,
    /^(bench\/|compat-tests\/harness\/|cluster\/sim\/linearizability\/|cluster\/core\/ring(-\w+)?\.ts$|server\/(resp|operator|hot-keys)\/|node:|redis-parser$|commander$|ioredis$|redis$)/,
  ],
  // What a user would write, and the harness that gives it a cluster to break.
  [/^examples\//, /^(examples\/|compat-tests\/harness\/|ioredis$|node:)/],
];

/** What the protocol core must be handed instead of reaching for: the simulator stands on it. */
const BANNED_IN_CLUSTER: readonly (readonly [what: RegExp, instead: string])[] = [
  [/\bDate\.now\b|\bnew Date\b|\bperformance\b/, 'Clock.now'],
  [/\bMath\.random\b/, 'Random'],
  [/\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/, 'Clock.setTimer or Clock.defer'],
  [/\bprocess\./, 'what the composition root hands in'],
  [/\bfetch\(|from 'node:(net|fs|os|child_process)/, 'Transport or the storage engine'],
];

const MAX_LINES = 450;

/** Every breach of the rules, as `path: what`. */
export function breaches(files: readonly SourceFile[]): string[] {
  const program = files.filter(isProgram);
  return [
    ...program.flatMap(wrongImports),
    ...program.filter(({ path }) => isCore(path)).flatMap(bannedNames),
    ...program
      .filter(({ text }) => text.split('\n').length > MAX_LINES)
      .map(({ path }) => `${path}: over ${MAX_LINES} lines`),
    ...unusedFiles(files),
    ...importCycles(program),
  ];
}

function isCore(path: string): boolean {
  return (
    path.startsWith('cluster/') && !path.startsWith('cluster/transport/') && !SIMULATOR_PROGRAM.test(path)
  );
}

function wrongImports(file: SourceFile): string[] {
  const rule = MAY_IMPORT.find(([room]) => room.test(file.path));
  if (rule === undefined) return [];
  return importsOf(file)
    .filter((target) => !rule[1].test(target))
    .map((target) => `${file.path}: must not know ${target}`);
}

function bannedNames({ path, text }: SourceFile): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  return BANNED_IN_CLUSTER.filter(([what]) => what.test(code)).map(
    ([what, instead]) => `${path}: ${what.exec(code)![0]} is banned here, use ${instead}`,
  );
}

function unusedFiles(files: readonly SourceFile[]): string[] {
  const used = new Set(files.flatMap(importsOf));
  return files
    .filter(({ path }) => !path.endsWith('.test.ts') && !ENTRANCES.has(path) && !used.has(path))
    .filter(({ path }) => !path.startsWith('examples/'))
    .filter(({ path }) => path !== 'compat-tests/harness/ensure-redis.ts')
    .map(({ path }) => `${path}: nobody imports it`);
}

/** Cycles between folders' files that exist at run time; types may refer to each other. */
function importCycles(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const state = new Map<string, 'open' | 'done'>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const file = byPath.get(path);
    if (file === undefined || state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      found.push(`${path}: imports itself by way of ${way.slice(way.indexOf(path) + 1).join(', ')}`);
      return;
    }
    state.set(path, 'open');
    for (const target of importsOf({ path, text: withoutTypes(file.text) })) visit(target, [...way, path]);
    state.set(path, 'done');
  };
  for (const { path } of files) visit(path, []);
  return found;
}

function withoutTypes(text: string): string {
  return text
    .replace(/^(import|export) type [^;]*;/gms, '')
    .replace(/^import \{([^}]*)\} from/gms, (whole, names: string) =>
      names.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
        ? '// from'
        : whole,
    );
}
