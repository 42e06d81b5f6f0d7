import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, ownFolder, requireReachable } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';

const run = promisify(execFile);

export const ROLE = 'pressferry';
const MAJOR_VERSION = '18';

/**
 * Makes the data directory if there is none and resolves to the role's password; rejects for another version's
 * directory.
 */
export async function prepareDataDir(dataDir: string, binaries: PostgresBinaries, account: Account): Promise<string> {
  await requireReachable(account, binaries.postgres);
  const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const passwordFile = `${dataDir}.password`;
  if (version === undefined) return initialise({ dataDir, passwordFile, binaries, account });
  if (version.trim() !== MAJOR_VERSION) {
    throw new Error(`${dataDir} was made by Postgres ${version.trim()}, this is ${MAJOR_VERSION}: dump and restore it`);
  }
  return (await readFile(passwordFile, 'utf8')).trim();
}

interface Initialisation {
  dataDir: string;
  passwordFile: string;
  binaries: PostgresBinaries;
  account: Account;
}

async function initialise({ dataDir, passwordFile, binaries, account }: Initialisation): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  // Renamed at the end, so an interrupted start leaves no half cluster.
  const unfinished = `${dataDir}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await ownFolder(account, unfinished);
  const handover = await mkdtemp(join(tmpdir(), 'pressferry-initdb-'));
  try {
    const handoverFile = join(handover, 'password');
    await writeFile(handoverFile, password, { mode: 0o600 });
    if (account.uid !== undefined && account.gid !== undefined) {
      await chown(handover, account.uid, account.gid);
      await chown(handoverFile, account.uid, account.gid);
    }
    const args = [
      `--pgdata=${unfinished}`,
      `--username=${ROLE}`,
      // A password, because 127.0.0.1 is open to every user of the machine, and the sites' secrets are in here.
      '--auth=scram-sha-256',
      `--pwfile=${handoverFile}`,
      '--encoding=UTF8',
      // Postgres' own locale sorts alike on every system, and no system update can corrupt an index.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
    ];
    await run(binaries.initdb, args, { ...account, cwd: unfinished, env: { PATH: process.env.PATH, LC_ALL: 'C' } });
  } finally {
    await rm(handover, { recursive: true, force: true });
  }
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await rename(unfinished, dataDir);
  return password;
}
