import { fileURLToPath } from 'node:url';

const LOOPBACK_ONLY = fileURLToPath(new URL('./loopback-only.mjs', import.meta.url));

/** A local folder, and its path in PHP. */
export interface Mount {
  from: string;
  to: string;
}

/** Arguments of Node: on 127.0.0.1 only, in one process. */
export function playgroundArgs(cliPath: string, command: 'server' | 'php', mounts: Mount[]): string[] {
  return [
    '--disable-warning=ExperimentalWarning',
    // Without this flag Playground restarts itself in a second process.
    '--experimental-wasm-jspi',
    `--import=${LOOPBACK_ONLY}`,
    cliPath,
    command,
    ...mounts.flatMap(({ from, to }) => ['--mount-dir-before-install', from, to]),
  ];
}
