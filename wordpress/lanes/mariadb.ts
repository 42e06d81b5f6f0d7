import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, poll, startChild } from '@pressferry/embedded';
import { findProgram, run } from './lane.ts';

const START_MS = 60_000;

/** Starts a MariaDB of its own with its data in a folder, open to root without a password; resolves to its port on 127.0.0.1. */
export async function startMariaDb(dir: string, stack: AsyncDisposableStack): Promise<number> {
  const data = join(dir, 'mariadb');
  // It refuses to run as root unless told so.
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  const common = ['--no-defaults', `--datadir=${data}`, ...user];
  const installed = await run(
    'mariadb-install-db',
    [...common, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { cwd: dir, env: process.env, quiet: true },
  );
  if (installed.code !== 0) throw new Error(`mariadb-install-db failed: ${installed.output.slice(-2000)}`);
  const port = await freePort();
  const mariadbd = (await findProgram('mariadbd')) ?? 'mariadbd';
  const network = ['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(dir, 'mariadb.sock')}`];
  // The data is thrown away: nothing needs to reach the disk.
  const speed = ['--innodb-flush-log-at-trx-commit=0', '--sync-binlog=0'];
  const child = await startChild({
    command: mariadbd,
    args: [...common, ...network, ...speed, `--pid-file=${join(dir, 'mariadb.pid')}`],
    cwd: dir,
    stopSignal: 'SIGTERM',
    graceMs: 20_000,
  });
  stack.defer(async () => void (await child.stop()));
  await poll(
    'MariaDB to listen',
    () => (child.running ? accepts(port) : Promise.reject(new Error(child.recentLog()))),
    { timeoutMs: START_MS },
  );
  return port;
}

function accepts(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(undefined));
    socket.once('data', () => socket.destroy());
    socket.setTimeout(1000, () => socket.destroy());
  });
}

