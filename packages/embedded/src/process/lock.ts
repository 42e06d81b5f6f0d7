import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Held until disposal; or the holder's process id, if known. */
export type LockAttempt = { lock: AsyncDisposable } | { heldBy: number | undefined };

/** Tries once. A lock whose owner is gone is taken over. */
export async function tryLock(path: string): Promise<LockAttempt> {
  const mine = JSON.stringify({ pid: process.pid, born: await birthOf(process.pid) });
  for (let tries = 0; tries < 3; tries++) {
    if (await take(path, mine)) return { lock: { [Symbol.asyncDispose]: () => rm(path, { force: true }) } };
    if (!(await removeStale(path))) break;
  }
  return { heldBy: await ownerOf(path) };
}

/** Linked into place complete: an empty lock would look abandoned. */
async function take(path: string, text: string): Promise<boolean> {
  const unlinked = `${path}.${randomUUID()}.new`;
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
  const moved = `${path}.${randomUUID()}.stale`;
  await rename(path, moved).catch(() => undefined);
  // Another process was quicker, and we have moved its lock.
  if ((await readFile(moved, 'utf8').catch(() => text)) !== text) await link(moved, path).catch(() => undefined);
  await rm(moved, { force: true });
  return true;
}

/** The live owner's process id; undefined if another process has that number now. */
async function ownerOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    const { pid, born } = JSON.parse(text) as { pid: number; born: string };
    return born !== '' && (await birthOf(pid)) === born ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** When a process began, in the system's form; empty if there is none. */
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
