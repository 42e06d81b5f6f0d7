import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { poll } from './deadline.ts';

const run = promisify(execFile);

/**
 * Resolves once no live process owns the data behind `pidFile`, and removes a stale file (left by SIGKILL or a power cut).
 * A process counts as the owner only if its command line holds `marker`: after a reboot the same number may be anyone's.
 * Rejects if the owner is still there after `timeoutMs`.
 */
export async function waitForOwnerToLeave(
  pidFile: string,
  marker: string,
  timeoutMs: number,
): Promise<{ wasStale: boolean }> {
  const pid = await readPid(pidFile);
  if (pid === undefined) return { wasStale: false };
  await poll(
    `process ${pid} to leave ${pidFile} (is it in use by another start of the same data directory?)`,
    async () => ((await commandLine(pid)).includes(marker) ? undefined : true),
    { timeoutMs, everyMs: 50 },
  );
  const wasStale = (await readPid(pidFile)) === pid;
  if (wasStale) await rm(pidFile, { force: true });
  return { wasStale };
}

async function readPid(pidFile: string): Promise<number | undefined> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

async function commandLine(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch {
    // No /proc (macOS), or no such process: ps answers both.
    const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
    return stdout;
  }
}
