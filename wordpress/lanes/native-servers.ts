import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, poll, startChild } from '@pressferry/embedded';
import { findProgram } from './lane.ts';
import type { NativeSite } from './native-site.ts';

/** A way of serving PHP. */
export type ServerKind = 'php-fpm' | 'php -S';

const START_MS = 30_000;
const FPM_NAMES = ['php-fpm', 'php-fpm8.4', 'php-fpm8.3', 'php-fpm8.2', 'php-fpm8.1', 'php-fpm7.4'];

/** Why a kind of server cannot be started here, or undefined when it can. */
export async function findServer(kind: ServerKind): Promise<string | undefined> {
  if (kind === 'php -S') return undefined;
  if (!(await findFpm())) return 'php-fpm is not installed';
  return (await findProgram('nginx')) ? undefined : 'nginx is not installed';
}

/** The path of php-fpm under whatever name the system has it. */
async function findFpm(): Promise<string | undefined> {
  for (const name of FPM_NAMES) {
    const path = await findProgram(name);
    if (path !== undefined) return path;
  }
  return undefined;
}

/** Serves the site with a fixed number of workers until the stack is disposed. */
export async function serve(
  kind: ServerKind,
  site: NativeSite,
  { dir, workers, stack }: { dir: string; workers: number; stack: AsyncDisposableStack },
): Promise<void> {
  const children = kind === 'php -S' ? [await startBuiltIn(site, workers)] : await startFpm(site, { dir, workers });
  for (const child of children) stack.defer(async () => void (await child.kill()));
  await poll(
    `${kind} to answer`,
    async () => {
      const dead = children.find((child) => !child.running);
      if (dead !== undefined) throw new Error(`${kind} ended: ${dead.recentLog()}`);
      const response = await fetch(`${site.url}/wp-login.php`).catch(() => undefined);
      await response?.arrayBuffer();
      return response?.status === 200 ? true : undefined;
    },
    { timeoutMs: START_MS },
  );
}

// Permalinks: what is not a file is WordPress'.
const ROUTER = `<?php
$path = parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH );
if ( '/' !== $path && is_file( __DIR__ . $path ) ) {
	return false;
}
if ( is_file( __DIR__ . rtrim( $path, '/' ) . '/index.php' ) && '/' !== $path ) {
	return false;
}
$_SERVER['SCRIPT_NAME'] = '/index.php';
require __DIR__ . '/index.php';
`;

/** The arguments with which PHP serves a site by itself. */
export async function builtInArgs(site: NativeSite): Promise<string[]> {
  const router = join(site.root, 'router.php');
  await writeFile(router, ROUTER);
  return ['-d', 'output_buffering=0', '-S', `127.0.0.1:${site.port}`, '-t', site.root, router];
}

async function startBuiltIn(site: NativeSite, workers: number): Promise<Child> {
  return startChild({
    command: (await findProgram('php')) ?? 'php',
    args: await builtInArgs(site),
    cwd: site.root,
    env: { ...process.env, PHP_CLI_SERVER_WORKERS: String(workers) },
    stopSignal: 'SIGTERM',
    graceMs: 2_000,
  });
}

async function startFpm(site: NativeSite, { dir, workers }: { dir: string; workers: number }): Promise<Child[]> {
  const socket = join(dir, 'fpm.sock');
  const isRoot = process.getuid?.() === 0;
  await chmod(dir, 0o755);
  await writeFile(
    join(dir, 'fpm.conf'),
    `[global]
daemonize = no
error_log = ${join(dir, 'fpm.log')}
[www]
${isRoot ? 'user = root\ngroup = root' : ''}
listen = ${socket}
listen.mode = 0666
listen.backlog = 511
pm = static
pm.max_children = ${workers}
catch_workers_output = yes
clear_env = no
php_admin_value[opcache.revalidate_freq] = 0
`,
  );
  const temporary = ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  for (const name of temporary) await mkdir(join(dir, 'nginx', name), { recursive: true });
  await writeFile(
    join(dir, 'nginx.conf'),
    `daemon off;
${isRoot ? 'user root;' : ''}
worker_processes 1;
pid ${join(dir, 'nginx.pid')};
error_log ${join(dir, 'nginx.log')};
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${join(dir, 'nginx/body')};
  proxy_temp_path ${join(dir, 'nginx/proxy')};
  fastcgi_temp_path ${join(dir, 'nginx/fastcgi')};
  uwsgi_temp_path ${join(dir, 'nginx/uwsgi')};
  scgi_temp_path ${join(dir, 'nginx/scgi')};
  types { text/html html; text/css css; application/javascript js; image/png png; }
  server {
    listen 127.0.0.1:${site.port};
    root ${site.root};
    index index.php index.html;
    client_max_body_size 16m;
    location / { try_files $uri $uri/ /index.php?$args; }
    location ~ \\.php$ {
      include /etc/nginx/fastcgi_params;
      fastcgi_param HTTP_HOST $http_host;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_pass unix:${socket};
      fastcgi_read_timeout 120s;
    }
  }
}
`,
  );
  const fpm = await startChild({
    command: (await findFpm()) ?? 'php-fpm',
    args: ['--nodaemonize', '--fpm-config', join(dir, 'fpm.conf'), ...(isRoot ? ['--allow-to-run-as-root'] : [])],
    cwd: dir,
    stopSignal: 'SIGTERM',
    graceMs: 2_000,
  });
  const nginx = await startChild({
    command: (await findProgram('nginx')) ?? 'nginx',
    args: ['-e', join(dir, 'nginx.log'), '-p', join(dir, 'nginx'), '-c', join(dir, 'nginx.conf')],
    cwd: dir,
    stopSignal: 'SIGTERM',
    graceMs: 2_000,
  });
  return [nginx, fpm];
}
