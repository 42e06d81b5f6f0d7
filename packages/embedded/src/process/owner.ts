import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { poll } from './deadline.ts';

const run = promisify(execFile);

/**
 * Resolves once no live process owns the data behind `pidFile`, to whether an earlier owner left the file (SIGKILL,
 * power cut). An owner's command line must hold `marker`, because process ids are reused after a restart; a stranger's
 * file is removed. Rejects after `timeoutMs`.
 */
export async function waitForOwnerToLeave(
  pidFile: string,
  marker: string,
  timeoutMs: number,
): Promise<{ leftBehind: boolean }> {
  const pid = await readPid(pidFile);
  if (pid === undefined) return { leftBehind: false };
  const stranger = await poll(
    `process ${pid} to leave ${pidFile} (is it in use by another start of the same data directory?)`,
    async () => {
      const command = await commandLine(pid);
      return command.includes(marker) ? undefined : command;
    },
    { timeoutMs, everyMs: 50 },
  );
  const leftBehind = (await readPid(pidFile)) === pid;
  // A dead owner's file stays: Postgres reads from it which shared memory to clean up.
  if (leftBehind && stranger !== '') await rm(pidFile, { force: true });
  return { leftBehind };
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
    // Without /proc (macOS) or such a process, ps answers.
    const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
    return stdout;
  }
}
