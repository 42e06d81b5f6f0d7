import { open, readFile, stat, unlink } from 'node:fs/promises';
import { drawSecret, readSecret } from '@pressferry/registry';

/** A secret to give to a site. `undo` removes the file that was made for it. */
export interface GivenSecret {
  secret: string;
  /** The file that was made for it; null if it was given. */
  drawnInto: string | null;
  undo: () => Promise<void>;
}

/** Reads a file that an option or a line names; rejects with its name and the reason. */
export async function readNamed(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`${what} ${path} cannot be read: ${reasonOf(error)}`);
  }
}

/** Reads the secret that a file holds; null if there is no such file. */
export async function secretIn(path: string): Promise<string | null> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? null : Promise.reject(error),
  );
  if (found === null) return null;
  const read = readSecret(await readNamed(path, 'the secret file'));
  if ('refused' in read) throw new Error(`the secret file ${path} ${read.refused}`);
  if ((found.mode & 0o077) !== 0) console.error(`${path} can be read by others: chmod 600 ${path}`);
  return read.secret;
}

/** The secret that a file holds; generated into it, readable by its owner alone, if there is no such file. */
export async function secretFrom(path: string): Promise<GivenSecret> {
  const given = await secretIn(path);
  if (given !== null) return { secret: given, drawnInto: null, undo: async () => undefined };
  const secret = drawSecret();
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(`${secret}\n`);
    await file.sync();
  } catch (error) {
    throw new Error(`the secret file ${path} cannot be made: ${reasonOf(error)}`);
  }
  return { secret, drawnInto: path, undo: () => unlink(path) };
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
