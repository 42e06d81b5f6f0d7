import { access, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Counts, findProgram, type Lane, pluginDir, run, vectorsDir } from './lane.ts';
import { startMariaDb } from './mariadb.ts';

const WORDPRESS = '/usr/share/wordpress/';
const PROGRAMS = ['php', 'phpunit', 'mariadbd', 'mariadb-install-db'];
const EXTENSIONS = ['mysqli', 'openssl', 'mbstring', 'sockets', 'curl'];

/** PHPUnit and the system's PHP and WordPress, on a MariaDB of its own in a temporary folder. */
export const nativeLane: Lane = {
  name: 'native: PHPUnit, system PHP and WordPress, MariaDB',
  unavailable,
  run: () => runSuite('pressferry'),
};

/** The same WordPress as a network of sites, with the plugin activated for all of them. */
export const networkLane: Lane = {
  name: 'native network: PHPUnit, WordPress as a network of sites, MariaDB',
  unavailable,
  run: () => runOnNetwork('network'),
};

async function unavailable(): Promise<string | undefined> {
    for (const name of PROGRAMS) if (!(await findProgram(name))) return `${name} is not installed`;
    const hasWordPress = await access(join(WORDPRESS, 'wp-settings.php')).then(
      () => true,
      () => false,
    );
    if (!hasWordPress) return `WordPress is not at ${WORDPRESS}`;
    const { output } = await run('php', ['-m'], { cwd: pluginDir, env: process.env, quiet: true });
    const missing = EXTENSIONS.filter((name) => !output.split('\n').includes(name));
    return missing.length > 0 ? `PHP lacks ${missing.join(', ')}` : undefined;
}

/** Runs one test suite of phpunit.xml.dist on the main site of a fresh network. */
export function runOnNetwork(suite: 'network' | 'pressferry'): Promise<Counts> {
  return runSuite(suite, { PRESSFERRY_TEST_NETWORK: '1' });
}

/** Runs one test suite of phpunit.xml.dist on a fresh site; `extra` says of what kind. */
async function runSuite(suite: string, extra: NodeJS.ProcessEnv = {}): Promise<Counts> {
    await using stack = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), 'pressferry-plugin-tests-'));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const port = await startMariaDb(dir, stack);
    await mkdir(join(dir, 'content/plugins'), { recursive: true });
    await symlink(pluginDir, join(dir, 'content/plugins/pressferry'));
    const env = {
      ...process.env,
      PRESSFERRY_TEST_WORDPRESS: WORDPRESS,
      PRESSFERRY_TEST_CONTENT: join(dir, 'content'),
      PRESSFERRY_TEST_DB: `127.0.0.1:${port}`,
      PRESSFERRY_TEST_VECTORS: vectorsDir,
      ...extra,
    };
    await installSite(env);
    const log = join(dir, 'junit.xml');
    const { code } = await run('phpunit', ['--do-not-cache-result', '--testsuite', suite, '--log-junit', log], { cwd: pluginDir, env });
    return countsOf(await readFile(log, 'utf8').catch(() => ''), code);
}

async function installSite(env: NodeJS.ProcessEnv): Promise<void> {
  const create = `$db = new mysqli('127.0.0.1', 'root', '', '', ${env.PRESSFERRY_TEST_DB?.split(':')[1]});
    $db->query('CREATE DATABASE wordpress CHARACTER SET utf8mb4') || exit(1);`;
  for (const [args, extra] of [
    [['-r', create], {}],
    [['tests/bootstrap.php'], { PRESSFERRY_TEST_INSTALL: '1' }],
  ] as const) {
    const { code, output } = await run('php', [...args], { cwd: pluginDir, env: { ...env, ...extra }, quiet: true });
    if (code !== 0) throw new Error(`preparing the test site failed: ${output.slice(-2000)}`);
  }
}

function countsOf(junit: string, code: number | null): Counts {
  const suite = /<testsuite [^>]*>/.exec(junit)?.[0] ?? '';
  const number = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = number('errors') + number('failures') + number('warnings');
  const skipped = number('skipped');
  const passed = number('tests') - failed - skipped;
  // A crash may leave no log, or one without the fault.
  return { passed, failed: failed === 0 && (code !== 0 || passed === 0) ? 1 : failed, skipped };
}
