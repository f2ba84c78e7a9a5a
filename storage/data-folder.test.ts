import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DataFolder, openDataFolder } from './data-folder.js';

const ID = '0123456789abcdef0123456789abcdef';
const OTHER_ID = 'fedcba9876543210fedcba9876543210';

let root: string;
let dir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ringkv-folder-'));
  dir = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const open = (nodeId?: string): Promise<DataFolder> => openDataFolder(dir, { nodeId, randomId: () => ID });

async function openAndStop(clean: boolean): Promise<DataFolder> {
  const folder = await open();
  if (clean) await folder.markClean();
  await folder.close();
  return folder;
}

const identityFile = () => join(dir, 'ringkv.json');
const readIdentity = async () => JSON.parse(await readFile(identityFile(), 'utf8'));
async function changeIdentity(change: object): Promise<void> {
  await writeFile(identityFile(), JSON.stringify({ ...(await readIdentity()), ...change }));
}

describe('a new folder', () => {
  it('gets an identity and incarnation 0, and keeps the identity', async () => {
    const folder = await open();
    expect(folder).toMatchObject({ nodeId: ID, incarnation: 0, databasePath: join(dir, 'db') });
    await folder.close();
    const again = await openDataFolder(dir, { randomId: () => OTHER_ID });
    expect(again.nodeId).toBe(ID);
    await again.close();
  });

  it('takes the identity it is given', async () => {
    await (await open(OTHER_ID)).close();
    expect((await openAndStop(true)).nodeId).toBe(OTHER_ID);
  });

  it('is made with its parents, for this user alone', async () => {
    dir = join(root, 'a', 'b');
    await (await open()).close();
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect((await stat(identityFile())).mode & 0o777).toBe(0o600);
  });

  it('is also one whose making was cut off', async () => {
    await mkdir(dir);
    await writeFile(join(dir, 'ringkv.json.new'), '{"form');
    expect((await openAndStop(true)).incarnation).toBe(0);
    expect(await readdir(dir)).toEqual(['ringkv.json']);
  });
});

describe('the incarnation', () => {
  it('rises after an unclean stop, each time, and stays after a clean one', async () => {
    const seen: number[] = [];
    for (const clean of [true, true, false, true, false, false, true, true])
      seen.push((await openAndStop(clean)).incarnation);
    expect(seen).toEqual([0, 0, 0, 1, 1, 2, 3, 3]);
  });

  it('rises after an unclean stop that follows a clean one: a running node is not clean', async () => {
    await openAndStop(true);
    const folder = await open();
    expect((await readIdentity()).cleanShutdown).toBe(false);
    await folder.close();
    expect((await openAndStop(false)).incarnation).toBe(1);
  });

  it('is on disk before the folder is handed out', async () => {
    await openAndStop(false);
    const folder = await open();
    expect((await readIdentity()).incarnation).toBe(folder.incarnation);
    await folder.close();
  });

  it('ends at the last that a writer id can carry', async () => {
    await openAndStop(false);
    await changeIdentity({ incarnation: 0xfffe });
    expect((await openAndStop(false)).incarnation).toBe(0xffff);
    await expect(open()).rejects.toThrow(/no incarnation left: let it rejoin with an empty folder/);
    await changeIdentity({ cleanShutdown: true });
    expect((await openAndStop(true)).incarnation).toBe(0xffff);
  });
});

describe('a folder that cannot be ours is refused, with the folder, the cause and the way out', () => {
  it('belongs to another node', async () => {
    await openAndStop(true);
    await expect(open(OTHER_ID)).rejects.toThrow(
      `the data folder ${dir} belongs to node ${ID}, not to ${OTHER_ID}: give another --dir or leave out --node-id`,
    );
    expect((await openAndStop(true)).incarnation).toBe(0);
  });

  it('has a newer format', async () => {
    await openAndStop(true);
    await changeIdentity({ format: 2, nodeId: 'of a form not known yet' });
    await expect(open()).rejects.toThrow(
      `the data folder ${dir} has format 2, this program reads up to 1: use the newer version`,
    );
  });

  it.each(['', '{"format":', 'null', '[]', '"text"', '{"format":1}', `{"format":1,"nodeId":"${ID}"}`])(
    'has a damaged identity: %j',
    async (text) => {
      await openAndStop(true);
      await writeFile(identityFile(), text);
      await expect(open()).rejects.toThrow(
        `${identityFile()} is damaged: restore it, or use an empty folder`,
      );
      expect(await readFile(identityFile(), 'utf8')).toBe(text);
    },
  );

  it.each([{ incarnation: -1 }, { incarnation: 0x10000 }, { incarnation: 1.5 }, { nodeId: ID.slice(1) }])(
    'has an identity that says %j',
    async (change) => {
      await openAndStop(true);
      await changeIdentity(change);
      await expect(open()).rejects.toThrow('is damaged');
    },
  );

  it('has lost its identity but holds a database', async () => {
    await openAndStop(true);
    await mkdir(join(dir, 'db'));
    await rm(identityFile());
    await expect(open()).rejects.toThrow(/holds a database but its ringkv.json is missing/);
  });

  it('holds something else', async () => {
    await mkdir(dir);
    await writeFile(join(dir, 'letter.txt'), 'dear');
    await expect(open()).rejects.toThrow(/not empty and not a RingKV data folder \(it holds letter.txt\)/);
    expect(await readdir(dir)).toEqual(['letter.txt']);
  });

  it('is a file', async () => {
    await writeFile(dir, '');
    await expect(open()).rejects.toThrow(`the data folder ${dir} cannot be used: it is not a directory`);
    dir = join(dir, 'below');
    await expect(open()).rejects.toThrow(`the data folder ${dir} cannot be used: it is not a directory`);
  });

  it('has an identity that cannot be read', async () => {
    await mkdir(identityFile(), { recursive: true });
    await expect(open()).rejects.toThrow(`the data folder ${dir} cannot be read: `);
  });

  it.skipIf(process.getuid?.() === 0)('may not be written', async () => {
    await mkdir(dir);
    await chmod(dir, 0o500);
    await expect(open()).rejects.toThrow(
      `the data folder ${dir} cannot be used: no permission to write there`,
    );
  });

  it('leaves no lock behind when it was refused', async () => {
    await openAndStop(true);
    await expect(open(OTHER_ID)).rejects.toThrow();
    expect(await readdir(dir)).toEqual(['ringkv.json']);
  });
});

describe('the lock', () => {
  it('keeps out a second process, as long as the first one runs', async () => {
    await openAndStop(true);
    const other = spawn('sleep', ['60']);
    await writeFile(join(dir, 'ringkv.lock'), String(other.pid));
    await expect(open()).rejects.toThrow(`the data folder ${dir} is in use by process ${other.pid}`);
    expect((await readIdentity()).cleanShutdown).toBe(true);
    other.kill();
    await once(other, 'exit');
    const folder = await open();
    expect(await readFile(join(dir, 'ringkv.lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    await folder.close();
    expect(await readdir(dir)).toEqual(['ringkv.json']);
  });

  it.each(['', 'nonsense', '-1', '0'])('of nobody, %j, is taken over', async (text) => {
    await openAndStop(true);
    await writeFile(join(dir, 'ringkv.lock'), text);
    await openAndStop(true);
  });
});

describe('a folder whose database is broken', () => {
  it('knows that there has been one', async () => {
    const folder = await open();
    await folder.checkDatabase();
    await mkdir(folder.databasePath);
    await writeFile(join(folder.databasePath, 'CURRENT'), 'MANIFEST-000004\n');
    await folder.databaseOpened();
    await folder.checkDatabase();
    await folder.close();
    await rm(folder.databasePath, { recursive: true });
    const again = await open();
    await expect(again.checkDatabase()).rejects.toThrow(`the database in ${join(dir, 'db')} is gone`);
    await again.close();
  });

  it('remembers what was wrong with it, over clean stops and others', async () => {
    const folder = await open();
    expect(folder.damage).toBeUndefined();
    await Promise.all([folder.markDamaged('a bad block'), folder.markDamaged('another'), folder.markClean()]);
    await folder.close();
    for (const clean of [true, false, true]) expect((await openAndStop(clean)).damage).toBe('a bad block');
  });

  it('becomes that of a new node; what was there is kept', async () => {
    let ids = 0;
    const rebuilt: string[] = [];
    for (let round = 1; round <= 2; round++) {
      const folder = await openDataFolder(dir, { randomId: () => String(++ids).repeat(32) });
      await mkdir(folder.databasePath);
      await writeFile(join(folder.databasePath, 'CURRENT'), `round ${round}`);
      await folder.databaseOpened();
      await folder.markDamaged('a bad block');
      const { folder: fresh, movedTo } = await folder.rebuild();
      expect(movedTo).toBe(`${folder.databasePath}.broken-${round}`);
      expect(await readFile(join(movedTo, 'CURRENT'), 'utf8')).toBe(`round ${round}`);
      expect(fresh).toMatchObject({
        incarnation: 0,
        life: 0,
        damage: undefined,
        databasePath: folder.databasePath,
      });
      await fresh.checkDatabase();
      rebuilt.push(fresh.nodeId);
      await fresh.markClean();
      await fresh.close();
      expect((await readIdentity()).nodeId).toBe(fresh.nodeId);
    }
    expect(rebuilt).toEqual(['2'.repeat(32), '3'.repeat(32)]);
  });
});
