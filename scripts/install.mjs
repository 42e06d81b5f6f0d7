// Installs what package-lock.json names, if that is not installed yet. Plain JavaScript, for this alone runs on the machine's
// own Node (20 or newer); everything else runs on the Node 24 that is installed here.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter } from 'node:path';

const OLDEST_NODE = 20;
const root = new URL('../', import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'));

/** The installed packages, by npm's own record; empty when npm did not finish. */
function installedPackages() {
  const record = 'node_modules/.package-lock.json';
  return existsSync(new URL(record, root)) ? read(record).packages : {};
}

/** The first package that is missing or has another version; optional ones are for other platforms. */
function firstMissing(locked, installed) {
  return Object.keys(locked).find((path) => {
    if (path === '' || locked[path].optional) return false;
    return installed[path] === undefined || installed[path].version !== locked[path].version;
  });
}

/** The first workspace whose package.json asks for something else than the lock file says. */
function firstOutOfDate(locked) {
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];
  return Object.keys(locked).find((path) => {
    if (path.includes('node_modules')) return false;
    const file = path === '' ? 'package.json' : `${path}/package.json`;
    if (!existsSync(new URL(file, root))) return true;
    const wanted = read(file);
    return kinds.some((kind) => sorted(wanted[kind]) !== sorted(locked[path][kind]));
  });
}

const sorted = (map = {}) => JSON.stringify(Object.entries(map).sort());

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE)
  fail(`Node ${OLDEST_NODE} or newer is needed to install; this is ${process.version}.`);

const locked = read('package-lock.json').packages;
const outOfDate = firstOutOfDate(locked);
if (outOfDate !== undefined)
  fail(
    `package-lock.json is out of date for ${outOfDate || 'the root'}: run \`npm install\` and commit the lock file.`,
  );

const missing = firstMissing(locked, installedPackages());
if (missing !== undefined || !existsSync(new URL('node_modules/.bin/node', root))) {
  console.log('installing the npm packages, Node 24 and Postgres among them (once, 600 MB on disk, about a minute)');
  const startedMs = Date.now();
  // Warnings only: some packages ask for a newer Node than the one that installs them, but never run on it.
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  // By the machine's own Node: npm removes node_modules, and the Node 24 in it, before it starts.
  const path = (process.env.PATH ?? '').split(delimiter).filter((dir) => !dir.includes('node_modules'));
  const env = { ...process.env, PATH: path.join(delimiter) };
  const npm = spawnSync('npm', args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (npm.error) fail(`npm cannot be run (${npm.error.code ?? npm.error.message}): install npm 10 or newer.`);
  if (npm.status !== 0) fail(`npm ci ended with ${npm.status ?? npm.signal}; its own words are above.`);
  console.log(`installed in ${Math.round((Date.now() - startedMs) / 1000)} s`);
}
