// Makes the plugin's archives: for Plugins → Add, and for mu-plugins of a fleet. `node wordpress/package/archive.ts [folder]`
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { zipSync } from 'fflate';
import { pluginDir } from '../lanes/lane.ts';

/** The same sources make the same bytes. */
const MTIME = new Date('2026-01-01T00:00:00Z');

const LOADER = `<?php
/**
 * Plugin Name: Pressferry
 * Description: Loads Pressferry for every site of this installation; it cannot be switched off in the dashboard.
 *
 * @package Pressferry
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

require_once __DIR__ . '/pressferry/pressferry.php';
`;

/** The version that the plugin's header names. */
export const pluginVersion = (): string =>
  /^ \* Version:\s+(\S+)$/m.exec(readFileSync(join(pluginDir, 'pressferry.php'), 'utf8'))?.[1] ?? '';

/** What a site gets, by path below `pressferry/`: everything that .distignore does not name. */
export function distributed(): Map<string, Uint8Array> {
  const ignored = readFileSync(join(pluginDir, '.distignore'), 'utf8').split('\n').filter((line) => line !== '');
  const files = readdirSync(pluginDir, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(sep).join('/'))
    .filter((name) => !ignored.some((rule) => `/${name}` === rule || `/${name}`.startsWith(`${rule}/`)))
    .filter((name) => statSync(join(pluginDir, name)).isFile())
    .sort();
  return new Map(files.map((name) => [name, readFileSync(join(pluginDir, name))]));
}

/** The archive of a plugin; as a must-use plugin, with the loader that WordPress looks for next to the folder. */
export function archive(kind: 'plugin' | 'must-use'): Uint8Array {
  const entries: Record<string, Uint8Array> = kind === 'must-use' ? { 'pressferry-loader.php': Buffer.from(LOADER) } : {};
  for (const [name, content] of distributed()) entries[`pressferry/${name}`] = content;
  return zipSync(entries, { level: 9, mtime: MTIME });
}

/** A blueprint of WordPress Playground and the plugin that it installs, in one file. */
export const playground = (): Uint8Array =>
  zipSync(
    { 'blueprint.json': readFileSync(new URL('../blueprint.json', import.meta.url)), 'pressferry.zip': archive('plugin') },
    { level: 0, mtime: MTIME },
  );

// What the browser lane photographed, in the order of readme.txt's captions.
const SCREENSHOTS = ['plugin-connect', 'plugin-connected', 'plugin-log', 'plugin-results'];

/** The pictures of the plugin directory, by the names that it wants; they are not part of the archive. */
export const screenshots = (): Map<string, Uint8Array> =>
  new Map(
    SCREENSHOTS.map((name, at) => [
      `screenshot-${at + 1}.png`,
      readFileSync(new URL(`../../docs/images/${name}.png`, import.meta.url)),
    ]),
  );

if (import.meta.main) {
  const folder = process.argv[2] ?? 'dist';
  mkdirSync(folder, { recursive: true });
  for (const [kind, name] of [
    ['plugin', `pressferry-${pluginVersion()}.zip`],
    ['must-use', `pressferry-must-use-${pluginVersion()}.zip`],
  ] as const) {
    write(join(folder, name), archive(kind));
  }
  write(join(folder, `pressferry-playground-${pluginVersion()}.zip`), playground());
  mkdirSync(join(folder, 'wordpress-org'), { recursive: true });
  for (const [name, bytes] of screenshots()) write(join(folder, 'wordpress-org', name), bytes);
}

function write(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes);
  console.log(`${relative('.', path)}: ${Math.ceil(bytes.length / 1024)} KiB`);
}
