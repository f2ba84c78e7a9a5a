import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceFile {
  /** From the project's folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

const FOLDERS = ['server', 'cluster', 'storage', 'compat-tests', 'bench', 'examples'];

/** Every TypeScript file of the project. */
export function sourceFiles(): SourceFile[] {
  return FOLDERS.flatMap((folder) =>
    (readdirSync(folder, { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name).replaceAll('\\', '/'))
      .map((path) => ({ path, text: readFileSync(path, 'utf8') })),
  );
}

/** Whether it is part of the program, not of its tests. */
export function isProgram({ path }: SourceFile): boolean {
  return !/(\.test|\.test-support|\/test-[^/]*)\.ts$/.test(path);
}

/** What a file imports: paths from the project's folder for its own files, names for packages. */
export function importsOf({ path, text }: SourceFile): string[] {
  const folder = path.split('/').slice(0, -1);
  return [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)';|^import '([^']+)';/gms)].map(
    (found) => {
      const target = found[1] ?? found[2];
      return target.startsWith('.') ? resolved(folder, target) : target;
    },
  );
}

function resolved(folder: readonly string[], target: string): string {
  const parts = [...folder];
  for (const step of target.split('/')) {
    if (step === '..') parts.pop();
    else if (step !== '.') parts.push(step);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}
