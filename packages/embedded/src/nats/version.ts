import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Downloaded or built if none is found. */
export const PINNED_NATS_VERSION = '2.15.2';

// Older ones are not tested; direct reads of batches need 2.11.
const OLDEST: readonly [number, number] = [2, 12];

export type BinaryCheck = { kind: 'usable'; version: string } | { kind: 'unusable'; reason: string };

/** Usable: a nats-server of version 2.12 or newer. */
export async function checkNatsBinary(path: string): Promise<BinaryCheck> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 30_000 });
    return judgeVersion(stdout);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return { kind: 'unusable', reason: code === 'ENOENT' ? 'no such file' : `does not run (${code})` };
  }
}

export function judgeVersion(output: string): BinaryCheck {
  const match = /nats-server: v(\d+)\.(\d+)\.(\S+)/.exec(output);
  if (!match) return { kind: 'unusable', reason: 'is not a nats-server' };
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const version = `${major}.${minor}.${match[3]}`;
  const newEnough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  if (!newEnough) return { kind: 'unusable', reason: `is version ${version}, older than ${OLDEST.join('.')}` };
  return { kind: 'usable', version };
}
