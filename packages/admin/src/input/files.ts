import { open, readFile, stat, unlink } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { drawSecret, readSecret } from '@pressferry/registry';

/** `undo` removes a generated file. */
export interface GivenSecret {
  secret: string;
  /** The generated file; null if the secret was given. */
  drawnInto: string | null;
  undo: () => Promise<void>;
}

/** A pod has no files of its operator. */
const STDIN = '-';

/** `-` is standard input; rejects with the name and the reason. */
export async function readNamed(path: string, what: string): Promise<string> {
  try {
    return path === STDIN ? await text(process.stdin) : await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`${what} ${path} cannot be read: ${reasonOf(error)}`);
  }
}

/** Null if there is no such file. */
export async function secretIn(path: string): Promise<string | null> {
  if (path === STDIN) return usable(path, await readNamed(path, 'the secret file'));
  const found = await stat(path).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? null : Promise.reject(error),
  );
  if (found === null) return null;
  const secret = usable(path, await readNamed(path, 'the secret file'));
  if ((found.mode & 0o077) !== 0) console.error(`${path} can be read by others: chmod 600 ${path}`);
  return secret;
}

function usable(path: string, content: string): string {
  const read = readSecret(content);
  if ('refused' in read) throw new Error(`the secret file ${path} ${read.refused}`);
  return read.secret;
}

/** Generates a missing file, readable by its owner alone. */
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
