import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { unzipSync } from 'fflate';
import { po } from 'gettext-parser';
import { pluginDir } from '../../wordpress/lanes/lane.ts';
import { archive, distributed, playground, pluginVersion, screenshots } from '../../wordpress/package/archive.ts';
import { languageFiles } from '../../wordpress/package/languages.ts';

const text = (name: string): string => readFileSync(join(pluginDir, name), 'utf8');
const php = [...distributed()]
  .filter(([name]) => name.endsWith('.php'))
  .map(([name, content]) => ({ name, source: Buffer.from(content).toString() }));

test('the plugin has one version: in its header, its constant, and its stable tag; and one for what it needs', () => {
  const main = text('pressferry.php');
  const readme = text('readme.txt');
  assert.equal(/PRESSFERRY_VERSION', '(.+)'/.exec(main)?.[1], pluginVersion());
  assert.equal(/^Stable tag: (.+)$/m.exec(readme)?.[1], pluginVersion());
  for (const name of ['Requires at least', 'Requires PHP'])
    assert.equal(
      new RegExp(`^${name}: (.+)$`, 'm').exec(readme)?.[1],
      new RegExp(`^ \\* ${name}:\\s+(.+)$`, 'm').exec(main)?.[1],
    );
  assert.match(readme, /^== External services ==$/m);
  assert.ok(readme.includes(`= ${pluginVersion()} =`), 'the changelog tells of it');
});

test('the archive holds the plugin and nothing that the plugin directory refuses', () => {
  const names = Object.keys(unzipSync(archive('plugin')));
  for (const needed of ['pressferry.php', 'readme.txt', 'LICENSE', 'uninstall.php', 'languages/pressferry-de_DE.mo'])
    assert.ok(names.includes(`pressferry/${needed}`), needed);
  assert.deepEqual(
    names.filter((name) => /\/\.|\/tests\/|\.dist$|\.md$|\.zip$|node_modules/.test(name)),
    [],
  );
});

test('the same sources make the same archive; that of a fleet has its loader next to the folder; the blueprint finds the plugin', () => {
  assert.ok(Buffer.from(archive('plugin')).equals(Buffer.from(archive('plugin'))));
  const names = Object.keys(unzipSync(archive('must-use')));
  assert.ok(names.includes('pressferry-loader.php') && names.includes('pressferry/pressferry.php'));
  const bundle = unzipSync(playground());
  const { steps } = JSON.parse(Buffer.from(bundle['blueprint.json'] ?? []).toString()) as {
    steps: { pluginData: { path: string } }[];
  };
  assert.ok(bundle[steps[0]?.pluginData.path.slice(1) ?? ''] !== undefined);
});

test('the plugin directory gets a picture for each caption of the readme', () => {
  const captions = /^== Screenshots ==\n\n((?:\d+\. .+\n)+)/m.exec(text('readme.txt'))?.[1]?.match(/^\d+/gm);
  assert.deepEqual(
    [...screenshots().keys()],
    captions?.map((number) => `screenshot-${number}.png`),
  );
  for (const bytes of screenshots().values()) assert.equal(Buffer.from(bytes.slice(1, 4)).toString(), 'PNG');
});

test("no source holds what the plugin directory's check refuses", () => {
  const bans: Record<string, RegExp> = {
    heredoc: /<<<['"A-Z]/,
    eval: /\beval\s*\(/,
    'a short tag': /<\?(?!php|xml)/,
    cURL: /\bcurl_(init|exec|setopt)/,
    'load_plugin_textdomain, for WordPress loads translations itself': /load_plugin_textdomain/,
    'wp_redirect without a check of the host': /\bwp_redirect\s*\(/,
    'the URL of a computer of its own': /https?:\/\/(localhost|127\.0\.0\.1)/,
  };
  for (const { name, source } of php) {
    if (name !== 'pressferry.php')
      assert.match(source, /ABSPATH|WP_UNINSTALL_PLUGIN/, `${name} can be called by itself`);
    for (const [what, pattern] of Object.entries(bans)) assert.doesNotMatch(source, pattern, `${name}: ${what}`);
  }
});

test('the texts for translators are those of the sources, and every translation is complete with its placeholders', () => {
  const placeholders = (of: string): string[] => (of.match(/%(?:\d\$)?[sd]/g) ?? []).sort();
  for (const [name, content] of languageFiles()) {
    const remedy = `languages/${name} is not what the sources make: make plugin-languages`;
    assert.ok(Buffer.from(content).equals(readFileSync(join(pluginDir, 'languages', name))), remedy);
    if (!name.endsWith('.po')) continue;
    for (const { msgid, msgstr } of Object.values(po.parse(Buffer.from(content).toString()).translations[''] ?? {})) {
      if (msgid === '') continue;
      assert.notEqual(msgstr[0] ?? '', '', `${name} does not translate: ${msgid}`);
      assert.deepEqual(placeholders(msgstr[0] ?? ''), placeholders(msgid), `${name}: ${msgid}`);
    }
  }
});

test('the readme tells how a site is connected, by a token or by hand, and names every setting that it needs for that', () => {
  const readme = text('readme.txt');
  for (const needed of ['wp pressferry enroll TOKEN', 'callback URL', 'public key', 'wp pressferry doctor'])
    assert.ok(readme.includes(needed), needed);
  for (const name of [
    'SITE_ID',
    'KID',
    'PRIVATE_KEY_FILE',
    'HMAC_SECRET',
    'INGRESS_URL',
    'INSECURE',
    'ALLOW_PRIVATE_HOSTS',
  ])
    assert.ok(readme.includes(`PRESSFERRY_${name}`), name);
});

test('every hook and function for other code says since when it is there and what it is given', () => {
  let hooks = 0;
  for (const { name, source } of php) {
    const calls = name.endsWith('src/functions.php')
      ? /^function pressferry_\w+/gm
      : /(?:do_action|apply_filters)\( 'pressferry/g;
    for (const { index, 0: call } of source.matchAll(calls)) {
      hooks++;
      const [documented = ''] = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/(?:(?!;\n)[\s\S])*$/.exec(source.slice(0, index)) ?? [];
      assert.match(documented, /@since \d/, `${name}: ${call}`);
      assert.match(documented, /@param \S+ +\$/, `${name}: ${call}`);
    }
  }
  assert.ok(hooks > 10, `${hooks} were found`);
});

test('every test that the table of faults and reports names is there', () => {
  const table = text('tests/README.md');
  const methods = [...table.matchAll(/`((?:network\/)?\w+)::(\w+)`/g)];
  assert.ok(methods.length > 50);
  for (const [, file, method] of methods)
    assert.ok(text(`tests/${file}.php`).includes(`function ${method}(`), `${file}::${method}`);
  const named = [...table.matchAll(/`((?:tests|services)\/\S+\.ts)` "([^"]+)"/g)];
  assert.ok(named.length > 8);
  for (const [, file = '', start = ''] of named)
    assert.ok(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').includes(start), `${file}: ${start}`);
});
