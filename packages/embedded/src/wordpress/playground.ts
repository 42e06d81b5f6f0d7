import { fileURLToPath } from 'node:url';

const LOOPBACK_ONLY = fileURLToPath(new URL('./loopback-only.mjs', import.meta.url));

/** A folder of this machine, and where PHP sees it. */
export interface Mount {
  from: string;
  to: string;
}

/** The arguments for Node that run Playground's command line, listening on 127.0.0.1 only and in one process. */
export function playgroundArgs(cliPath: string, command: 'server' | 'php', mounts: Mount[]): string[] {
  return [
    '--disable-warning=ExperimentalWarning',
    // Playground would start itself again with this flag, in a second process.
    '--experimental-wasm-jspi',
    `--import=${LOOPBACK_ONLY}`,
    cliPath,
    command,
    ...mounts.flatMap(({ from, to }) => ['--mount-dir-before-install', from, to]),
  ];
}
