import assert from 'node:assert/strict';
import test from 'node:test';
import { isShownLinear, worstPump } from './growth.ts';
import { OF_PHP, PATTERNS } from './patterns.ts';
import { FILES, read } from './sources.ts';

/** Patterns whose time may grow faster than their text, and why their text stays short. */
const BOUNDED: Record<string, string> = {
  'packages/contracts/src/catalogue/pattern.ts \\[[^\\]]*\\]':
    "of an operator's schema, a pattern of some hundred characters",
  'packages/contracts/src/parse-json.ts "[^"\\\\]*(?:\\\\.[^"\\\\]*)*"([ \\t\\r\\n]*:)?':
    'of valid JSON alone, in which every quote that opens has one that closes',
};

/** Patterns that the source makes at run time, and what of. */
const MADE: Record<string, string> = {
  'packages/contracts/src/catalogue/lint.ts': 'to judge a schema: not run on any text',
};

test('the reading of the sources finds their regular expressions', () => {
  assert.ok(PATTERNS.length > 100, `${PATTERNS.length}`);
  const files = OF_PHP.map(({ file }) => file);
  // Each that PHP is given is one of them, or stands in a constant or a list that is.
  const users = FILES.filter(
    (file) => /^wordpress\/pressferry\/src\/.*\.php$/.test(file) && /\bpreg_\w+\(/.test(read(file)),
  );
  assert.ok(users.length > 8);
  assert.deepEqual(
    users.filter((file) => !files.includes(file)),
    [],
  );
});

test('growth is seen when there is some', () => {
  for (const regex of [
    /\beyJ[\w-]{10,}\./g,
    /\s+$/,
    /(a+)+$/,
    /x[^y]*y/,
    /^\s*`([\s\S]*?)\n\s*`\s*$/,
    /<script[\s\S]*?<\/script>/g,
    /(?<!x)a+b/,
  ])
    assert.notEqual(worstPump(regex), null, String(regex));
  for (const regex of [/(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*/g, /a[a-z]{20,}/g, /^a+b/])
    assert.equal(worstPump(regex), null, String(regex));
});

test('no regular expression of the product takes time that grows faster than its text', () => {
  const guilty = PATTERNS.flatMap(({ place, file, regex }) => {
    if (regex === null || isShownLinear(regex) || BOUNDED[`${file} ${regex.source}`] !== undefined) return [];
    const pump = worstPump(regex);
    return pump === null ? [] : [`${place} ${regex} by ${JSON.stringify(pump)}`];
  });
  assert.deepEqual(guilty, []);
});

test('every pattern that is excused is there, and every one made at run time is excused', () => {
  const sources = new Set(PATTERNS.map(({ file, regex }) => `${file} ${regex?.source}`));
  assert.deepEqual(
    Object.keys(BOUNDED).filter((key) => !sources.has(key)),
    [],
  );
  assert.deepEqual(
    [...new Set(PATTERNS.filter(({ regex }) => regex === null).map(({ file }) => file))],
    Object.keys(MADE),
  );
});
