import { execFile } from 'node:child_process';
import { chown, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The OS user that Postgres runs as; empty for our own user. */
export interface Account {
  uid?: number;
  gid?: number;
}

/** Postgres refuses to run as root, so root uses the OS user `postgres`, made if missing. */
export async function postgresAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const existing = await lookUp();
  if (existing) return existing;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres']);
  } catch (cause) {
    throw new Error('Postgres does not run as root, and no OS user "postgres" exists or could be made', { cause });
  }
  const made = await lookUp();
  if (!made) throw new Error('the OS user "postgres" was made but cannot be found');
  return made;
}

/** Readable by this account alone; rejects if a parent folder keeps the account out. */
export async function ownFolder(account: Account, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (account.uid === undefined || account.gid === undefined) return;
  await chown(folder, account.uid, account.gid);
  await requireReachable(account, folder);
}

/** Rejects, naming the folder, unless this account may pass through every folder above `path`. */
export async function requireReachable({ uid, gid }: Account, path: string): Promise<void> {
  if (uid === undefined) return;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid: owner, gid: group } = await stat(folder);
    const passBit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & passBit) === 0) {
      throw new Error(
        `the OS user "postgres" cannot reach ${path}: ${folder} keeps it out (choose another folder, or chmod o+x it)`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}

async function lookUp(): Promise<Required<Account> | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}
