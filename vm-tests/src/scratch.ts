/**
 * Folders that live as long as this process, in the cache's file system rather than in /tmp, which
 * may be memory: a payload disk is over a hundred megabytes.
 *
 * The fact readers get wrong: a killed process cannot clean up, so the next one does. Each folder's
 * name begins with its owner's process id.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot } from '@sonde/toolchain';

/** Runs `work` with a new empty folder and removes it afterwards, whatever happens. */
export async function withScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const parent = join(cacheRoot(), 'scratch');
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const owner = /^(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && existsSync(`/proc/${owner}`)) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
  const folder = await mkdtemp(join(parent, `${process.pid}-`));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
