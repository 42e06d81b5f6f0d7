import { rename, writeFile } from 'node:fs/promises';

/** Writes a file that only its owner can read, at once: a reader sees the old text or the new one, never a part. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.new`;
  await writeFile(unfinished, text, { mode: 0o600 });
  await rename(unfinished, path);
}
