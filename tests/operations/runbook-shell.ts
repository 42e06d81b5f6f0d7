import { execFile } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createReporter, type Reporter, type Stack } from '@pressferry/devstack';

const ROOT = join(import.meta.dirname, '../..');
export const pageOf = (alert: string): string => readFileSync(join(ROOT, `docs/runbooks/${alert}.md`), 'utf8');

/** A shell in which the commands of the runbooks run as they are written. */
export interface RunbookShell {
  /** Runs one command, with these words in place of its words in capitals; rejects if it fails. Resolves to what it printed. */
  run: (command: string, words?: Readonly<Record<string, string>>) => Promise<string>;
}

/** The functions of docs/runbooks/README.md, run as written on a stack of this machine: a `kubectl` of our own takes the place of the cluster. */
export async function openRunbookShell(
  folder: string,
  { stack, prometheusUrl, sealingKeys }: { stack: () => Stack; prometheusUrl: string; sealingKeys: string },
): Promise<RunbookShell> {
  const [, functions = ''] =
    /^```sh\n([\s\S]*?)^```/m.exec(readFileSync(join(ROOT, 'docs/runbooks/README.md'), 'utf8')) ?? [];
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin/kubectl'), KUBECTL, { mode: 0o755 });
  return {
    run: async (command, words = {}) => {
      let text = command;
      for (const [word, value] of Object.entries(words))
        text = text.replaceAll(new RegExp(`\\b${word}\\b`, 'g'), value);
      const { file, processes } = stack();
      const env = {
        PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
        DATABASE_URL: file.postgresUrl,
        NATS_URL: file.natsUrl,
        SEALING_KEYS: sealingKeys,
        PROMETHEUS: prometheusUrl,
        LOGS: folder,
        ROOT,
        NODE: process.execPath,
        ...Object.fromEntries([...processes].map(([name, { pid }]) => [`PID_${name}`, String(pid)])),
      };
      const script = `set -euo pipefail\n${functions}\n${text}`;
      const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', script], {
        env,
        cwd: folder,
        timeout: 60_000,
      });
      return stdout;
    },
  };
}

/** Keeps each service's lines in a file of its own, for the `kubectl logs` of the shell. */
export const logsTo = (folder: string): Reporter => ({
  ...createReporter({ write: () => undefined }),
  log: (source, line) => appendFileSync(join(folder, `${source.replace(/-\d+$/, '')}.log`), `${line}\n`),
});

const KUBECTL = `#!/bin/bash
set -eu
case "$*" in
"-n pressferry exec "*"deploy/pressferry-callback -- node "*)
  while [ "$1" != -- ]; do shift; done
  shift 2; cd "$ROOT"; exec "$NODE" "$@" ;;
"-n pressferry logs -l app.kubernetes.io/component="*)
  service=\${5#*=}; exec cat "$LOGS/$service.log" ;;
"-n pressferry rollout restart deploy/pressferry-"*)
  pid=PID_\${5##*-}; kill -TERM "\${!pid}" ;;
*) echo "this kubectl knows no $*" >&2; exit 2 ;;
esac
`;

/** Commands of a section: the lines of its blocks, and what is between backticks in its text. */
export function commandsOf(page: string, heading: string): { blocks: string[]; inline: string[] } {
  const [, section = ''] = new RegExp(`^## ${heading}\\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, 'm').exec(page) ?? [];
  const BLOCK = /^```sh\n([\s\S]*?)^```/gm;
  const text = section.replaceAll(BLOCK, '');
  return {
    blocks: [...section.matchAll(BLOCK)].flatMap(([, lines = '']) => lines.trim().split('\n')),
    inline: [...text.matchAll(/`((?:query|pressferry|kubectl|logs|sql) [^`]+)`/g)].map(([, command = '']) => command),
  };
}
