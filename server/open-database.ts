import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { type DataFolder, openDataFolder } from '../storage/data-folder.js';
import { RocksEngine } from '../storage/engine-rocksdb.js';
import type { SettingValues } from './config/table.js';
import { DiskHealth, ROOM_TO_MERGE_BYTES, wayOut } from './disk-health.js';

export interface OpenDatabase {
  readonly folder: DataFolder;
  readonly engine: RocksEngine;
  readonly health: DiskHealth;
}

/** RocksDB may take a moment to merge what an unclean stop has left, before it takes writes. */
const WRITABLE_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 100;
/** What RocksDB says of a database that another attempt will not open either; not of one that is in use or may not be read. */
const BROKEN = /Corruption|No such file or directory|Invalid argument|is gone|is damaged/;

/** Opens the node's data folder and the database in it. One that is broken is an error that names the way out, or is rebuilt. */
export async function openDatabase(values: SettingValues, log: Logger): Promise<OpenDatabase> {
  const folder = await openDataFolder(values.dir, {
    nodeId: values.nodeId === '' ? undefined : values.nodeId,
    randomId: () => randomBytes(16).toString('hex'),
  });
  const alone = values.seeds.length === 0;
  try {
    if (values.rebuild && folder.damage !== undefined)
      throw new Error(`the database in ${folder.databasePath} is damaged: ${folder.damage}`);
    await folder.checkDatabase();
    return await openEngine(folder, alone, log);
  } catch (error) {
    const { message } = error as Error;
    const broken = BROKEN.test(message);
    if (broken && values.rebuild) return rebuild(folder, alone, log, message);
    await folder.markClean();
    await folder.close();
    throw broken ? new Error(`${message}; ${wayOut(alone)}`) : error;
  }
}

async function rebuild(
  broken: DataFolder,
  alone: boolean,
  log: Logger,
  reason: string,
): Promise<OpenDatabase> {
  log.warn(reason);
  const { folder, movedTo } = await broken.rebuild();
  log.warn(
    `starting as node ${folder.nodeId.slice(0, 8)} with an empty database, to be filled by the others; the broken one is kept in ${movedTo}`,
  );
  return openEngine(folder, alone, log);
}

async function openEngine(folder: DataFolder, alone: boolean, log: Logger): Promise<OpenDatabase> {
  const { databasePath } = folder;
  const health = new DiskHealth(databasePath, alone, {
    log,
    elapsed: () => performance.now(),
    damaged: (what) => {
      folder.markDamaged(what).catch((error) => log.error({ err: error }, 'the damage could not be noted'));
    },
    end: () => process.exit(1),
  });
  const engine = new RocksEngine(databasePath, undefined, (error) => health.failed(error));
  try {
    await engine.open();
    await takesWrites(engine, databasePath);
    await folder.databaseOpened();
    return { folder, engine, health };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function takesWrites(engine: RocksEngine, path: string): Promise<void> {
  for (let waited = 0; waited < WRITABLE_WITHIN_MS; waited += LOOK_EVERY_MS) {
    const { writesStopped, backgroundErrors, roomBytes } = engine.health();
    if (!writesStopped) return;
    if (backgroundErrors > 0 && roomBytes > ROOM_TO_MERGE_BYTES)
      throw new Error(
        `the database in ${path} is damaged: its tables cannot be merged, and it takes no writes`,
      );
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
