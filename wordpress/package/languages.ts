// Writes the plugin's .pot from its sources, brings each .po up to it, and compiles the .mo. `node wordpress/package/languages.ts`
/// <reference path="./gettext-parser.d.ts" />
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Catalogue, mo, po } from 'gettext-parser';
import { pluginDir } from '../lanes/lane.ts';
import { findStrings } from './strings.ts';

const FOLDER = join(pluginDir, 'languages');
const HEADERS = {
  'Project-Id-Version': 'Pressferry',
  'Report-Msgid-Bugs-To': '',
  'MIME-Version': '1.0',
  'Content-Type': 'text/plain; charset=UTF-8',
  'Content-Transfer-Encoding': '8bit',
  'X-Domain': 'pressferry',
};

/** A catalogue of the plugin's texts with the translations that a former one has for them. */
export function catalogueOf(former?: Catalogue): Catalogue {
  const known = former?.translations[''] ?? {};
  const texts = findStrings(pluginDir).map(({ text, comment, places }) => {
    // Without line numbers, which every edit would change.
    const reference = [...new Set(places.map((place) => place.split(':')[0]))].join('\n');
    const comments = { reference, ...(comment === undefined ? {} : { extracted: `translators: ${comment}` }) };
    return [text, { msgid: text, msgstr: known[text]?.msgstr ?? [''], comments }] as const;
  });
  return {
    charset: 'utf-8',
    headers: former?.headers ?? HEADERS,
    translations: { '': Object.fromEntries(texts) },
  };
}

/** The files of the folder, as the sources and the translations in it make them. */
export function languageFiles(folder = FOLDER): Map<string, Uint8Array> {
  const files = new Map([['pressferry.pot', po.compile(catalogueOf(), { foldLength: 0 })]]);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.po')) : [];
  for (const name of names) {
    const catalogue = catalogueOf(po.parse(readFileSync(join(folder, name), 'utf8')));
    files.set(name, po.compile(catalogue, { foldLength: 0 }));
    files.set(name.replace(/\.po$/, '.mo'), mo.compile(catalogue));
  }
  return files;
}

if (import.meta.main) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, content] of languageFiles()) {
    writeFileSync(join(FOLDER, name), content);
    console.log(`languages/${name}`);
  }
}
