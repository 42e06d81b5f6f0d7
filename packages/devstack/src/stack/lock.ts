import { execFile } from 'node:child_process';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { DataPaths } from '../paths.ts';

const run = promisify(execFile);

/** Thrown if another process works on the data directory. */
export class InUseError extends Error {
  override name = 'InUseError';
}

/** Makes the data directory if it is missing and owns it until disposal; rejects with an `InUseError` while another process does. */
export async function lockDataDir(paths: DataPaths): Promise<AsyncDisposable> {
  await mkdir(paths.dir, { recursive: true });
  // Root lends Postgres another user, which must be able to pass through.
  await chmod(paths.dir, process.getuid?.() === 0 ? 0o711 : 0o700);
  const mine = JSON.stringify({ pid: process.pid, born: await birthOf(process.pid) });
  for (let tries = 0; tries < 3; tries++) {
    if (await take(paths.lock, mine)) {
      return { [Symbol.asyncDispose]: () => rm(paths.lock, { force: true }) };
    }
    if (!(await removeStale(paths.lock))) break;
  }
  const owner = await ownerOf(paths.lock);
  const who = owner === undefined ? '' : ` by process ${owner}`;
  throw new InUseError(`${paths.dir} is in use${who}: stop that stack first, or choose another --data-dir`);
}

/** Linked into place whole: an empty lock would look like one that was left behind. */
async function take(path: string, text: string): Promise<boolean> {
  const unlinked = `${path}.${process.pid}.new`;
  await writeFile(unlinked, text, { mode: 0o600 });
  try {
    await link(unlinked, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(unlinked, { force: true });
  }
}

/** Removes a lock whose owner is gone; false if it lives. */
async function removeStale(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return true;
  if ((await ownerOf(path)) !== undefined) return false;
  const moved = `${path}.${process.pid}.stale`;
  await rename(path, moved).catch(() => undefined);
  // Someone else was quicker, and what we have moved is their lock.
  if ((await readFile(moved, 'utf8').catch(() => text)) !== text) await link(moved, path).catch(() => undefined);
  await rm(moved, { force: true });
  return true;
}

/** The live owner's process id. A number that another process bears by now is not an owner. */
async function ownerOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    const { pid, born } = JSON.parse(text) as { pid: number; born: string };
    return born !== '' && (await birthOf(pid)) === born ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** When a process began, in whatever form the system tells it; empty if there is no such process. */
async function birthOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    // The 22nd field; the second one, a name in parentheses, may hold spaces.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
    return stdout.trim();
  }
}
