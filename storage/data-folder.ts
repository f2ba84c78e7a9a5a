import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FolderLife, folderLives } from './folder-lives.js';

/** The layout of data folders this program reads and writes. */
const FORMAT = 1;
const IDENTITY_FILE = 'ringkv.json';
const LOCK_FILE = 'ringkv.lock';
const DATABASE = 'db';
/** The largest incarnation a writer id can carry. */
const MAX_INCARNATION = 0xffff;

interface Identity extends FolderLife {
  readonly format: number;
  readonly nodeId: string;
  readonly createdAt: string;
  /** There has been a database: one that is gone must not be taken for a new one. */
  readonly hadDatabase?: boolean;
  /** What was found wrong with the database. */
  readonly damage?: string;
}

export interface DataFolder {
  /** 128 random bits as 32 hex digits: this disk's identity. */
  readonly nodeId: string;
  /** Goes up at each start after an unclean stop. */
  readonly incarnation: number;
  /** Goes up at each start. */
  readonly life: number;
  /** Where the engine keeps its files. */
  readonly databasePath: string;
  /** The next start is a later life, and a higher incarnation, than these, which others remember. Before `markClean`. */
  outlive(by: { readonly life: number; readonly incarnation: number }): void;
  /** What an earlier run found wrong with the database; undefined: nothing. */
  readonly damage: string | undefined;
  /** Rejects when there has been a database and now there is none: an empty one in its place would know nothing of its own past. */
  checkDatabase(): Promise<void>;
  /** The database is open. */
  databaseOpened(): Promise<void>;
  /** The database is damaged, and will be at the next start. */
  markDamaged(what: string): Promise<void>;
  /**
   * Moves the database aside and makes the folder one of a new node, with a new identity: the old one may have issued versions that
   * the empty disk knows nothing of. Returns it, to be used in place of this.
   */
  rebuild(): Promise<{ readonly folder: DataFolder; readonly movedTo: string }>;
  /** Everything is synced: the next start need not take a new incarnation. */
  markClean(): Promise<void>;
  close(): Promise<void>;
}

export interface DataFolderOptions {
  /** 32 hex digits; undefined: what the folder says, or a new one. */
  readonly nodeId?: string | undefined;
  /** A new 128-bit identity, 32 hex digits. */
  readonly randomId: () => string;
}

/**
 * Opens the folder a node lives in, or makes a new one, and takes it for this process alone. Rejects with a message that
 * names the folder and the way out.
 *
 * After an unclean stop the node gets a new incarnation, synced before anything is written under it: it may have forgotten
 * un-synced writes of its own, and must not claim to have seen them (riak_kv#679). An empty folder is a new node.
 */
export async function openDataFolder(dir: string, options: DataFolderOptions): Promise<DataFolder> {
  await makeFolder(dir);
  const unlock = await lock(dir);
  try {
    return await openLocked(dir, options, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function openLocked(
  dir: string,
  options: DataFolderOptions,
  unlock: () => Promise<void>,
): Promise<DataFolder> {
  const found = await readIdentity(dir);
  if (found !== undefined && options.nodeId !== undefined && found.nodeId !== options.nodeId) {
    throw new Error(
      `the data folder ${dir} belongs to node ${found.nodeId}, not to ${options.nodeId}: give another --dir or leave out --node-id`,
    );
  }
  const identity: Identity = found
    ? { ...found, ...nextLife(dir, found) }
    : newIdentity(options.nodeId ?? options.randomId());
  await writeIdentity(dir, identity);
  return folderOf(dir, identity, options, unlock);
}

function newIdentity(nodeId: string): Identity {
  const createdAt = new Date().toISOString();
  return { format: FORMAT, nodeId, createdAt, incarnation: 0, life: 0, cleanShutdown: false };
}

function folderOf(
  dir: string,
  identity: Identity,
  options: DataFolderOptions,
  unlock: () => Promise<void>,
): DataFolder {
  const { nodeId, incarnation, life, damage } = identity;
  const databasePath = join(dir, DATABASE);
  let writing = Promise.resolve();
  const change = (changes: Partial<Identity>): Promise<void> => {
    identity = { ...identity, ...changes };
    const next = identity;
    writing = writing.catch(() => {}).then(() => writeIdentity(dir, next));
    return writing;
  };
  return {
    nodeId,
    incarnation,
    life,
    damage,
    databasePath,
    checkDatabase: async () => {
      if (identity.hadDatabase !== true || (await exists(join(databasePath, 'CURRENT')))) return;
      throw new Error(`the database in ${databasePath} is gone: its file CURRENT is missing`);
    },
    databaseOpened: () => (identity.hadDatabase === true ? writing : change({ hadDatabase: true })),
    markDamaged: (what) => (identity.damage === undefined ? change({ damage: what }) : writing),
    rebuild: async () => {
      const movedTo = await moveAside(databasePath);
      const fresh = newIdentity(options.randomId());
      await writeIdentity(dir, fresh);
      return { folder: folderOf(dir, fresh, options, unlock), movedTo };
    },
    outlive: (by) => {
      identity = { ...identity, ...folderLives.outlive(identity, by) };
    },
    markClean: () => change({ cleanShutdown: true }),
    close: unlock,
  };
}

/** To `db.broken-1`, or the next number that is free. */
async function moveAside(databasePath: string): Promise<string> {
  let n = 1;
  while (await exists(`${databasePath}.broken-${n}`)) n++;
  const movedTo = `${databasePath}.broken-${n}`;
  if (await exists(databasePath)) await rename(databasePath, movedTo);
  return movedTo;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

function nextLife(dir: string, found: Identity): FolderLife {
  const next = folderLives.begin(found);
  if (next.incarnation <= MAX_INCARNATION) return next;
  throw new Error(
    `the node of ${dir} has stopped uncleanly ${MAX_INCARNATION} times and has no incarnation left: let it rejoin with an empty folder`,
  );
}

async function makeFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    if (!(await stat(dir)).isDirectory()) throw new Error('it is not a directory');
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`the data folder ${dir} cannot be used: ${reason(error)}`);
  }
}

async function readIdentity(dir: string): Promise<Identity | undefined> {
  const path = join(dir, IDENTITY_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new Error(`the data folder ${dir} cannot be read: ${reason(error)}`);
    }
    const others = (await readdir(dir)).filter(
      (name) => name !== LOCK_FILE && name !== `${IDENTITY_FILE}.new`,
    );
    if (others.length === 0) return undefined;
    throw new Error(
      others.includes(DATABASE)
        ? `the data folder ${dir} holds a database but its ${IDENTITY_FILE} is missing: restore that file, or use an empty folder`
        : `the folder ${dir} is not empty and not a RingKV data folder (it holds ${others[0]}): give an empty one`,
    );
  }
  return parseIdentity(dir, path, text);
}

function parseIdentity(dir: string, path: string, text: string): Identity {
  let value: Partial<Identity>;
  try {
    value = (JSON.parse(text) ?? {}) as Partial<Identity>;
  } catch {
    throw new Error(`${path} is damaged: restore it, or use an empty folder`);
  }
  if (typeof value.format === 'number' && value.format > FORMAT) {
    throw new Error(
      `the data folder ${dir} has format ${value.format}, this program reads up to ${FORMAT}: use the newer version`,
    );
  }
  const whole =
    value.format === FORMAT &&
    typeof value.nodeId === 'string' &&
    /^[0-9a-f]{32}$/.test(value.nodeId) &&
    isIncarnation(value.incarnation) &&
    Number.isSafeInteger(value.life);
  if (!whole) throw new Error(`${path} is damaged: restore it, or use an empty folder`);
  return value as Identity;
}

function isIncarnation(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_INCARNATION;
}

/** Replaces the file as a whole and syncs it, its name and its bytes. */
async function writeIdentity(dir: string, identity: Identity): Promise<void> {
  const path = join(dir, IDENTITY_FILE);
  try {
    const file = await open(`${path}.new`, 'w', 0o600);
    await file.writeFile(`${JSON.stringify(identity, null, 2)}\n`);
    await file.sync();
    await file.close();
    await rename(`${path}.new`, path);
    const folder = await open(dir, 'r');
    await folder.sync();
    await folder.close();
  } catch (error) {
    throw new Error(`${path} cannot be written: ${reason(error)}`);
  }
}

/** Takes the folder for this process; a lock whose process is gone is taken over. */
async function lock(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, LOCK_FILE);
  for (let attempt = 0; ; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(`${process.pid} ${(await birthOf(process.pid)) ?? ''}`);
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 0) {
        throw new Error(`the data folder ${dir} cannot be locked: ${reason(error)}`);
      }
      const [owner, birth] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
      if (Number(owner) > 0 && Number(owner) !== process.pid && (await isRunning(Number(owner), birth))) {
        throw new Error(`the data folder ${dir} is in use by process ${owner}`);
      }
      await rm(path, { force: true });
    }
  }
}

/** Whether the very process that took the lock still runs: its number alone may be another's after a restart of the machine. */
async function isRunning(pid: number, birth: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await birthOf(pid);
  return now === undefined || birth === undefined || birth === '' || now === birth;
}

/** When a process began, in the kernel's ticks (proc(5)); undefined where that cannot be read, `dead` for one that has ended. */
async function birthOf(pid: number): Promise<string | undefined> {
  try {
    const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1].split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : fields[19];
  } catch {
    return undefined;
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return 'the disk is full';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return `no permission to write there (${code})`;
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'it is not a directory';
  return message;
}
