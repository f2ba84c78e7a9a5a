import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PROGRAMS = ['redis-server', 'redis-cli', 'redis-benchmark'];

/** Before any test: the real redis-server and its tools, which say what is right, must be there. Without them nothing passes. */
export default function setup(): void {
  if (missing().length === 0) return;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    process.stdout.write('installing redis-server and redis-tools\n');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env });
    execFileSync('apt-get', ['install', '-y', '-qq', 'redis-server', 'redis-tools'], {
      stdio: 'inherit',
      env,
    });
  }
  const absent = missing();
  if (absent.length > 0) {
    throw new Error(
      `the tests compare with a real Redis, and ${absent.join(', ')} cannot be run: install redis-server and redis-tools ` +
        '(Debian, Ubuntu: sudo apt-get install redis-server redis-tools; macOS: brew install redis)',
    );
  }
}

function missing(): string[] {
  return PROGRAMS.filter((program) => spawnSync(program, ['--version']).status !== 0);
}
