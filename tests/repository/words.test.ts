import assert from 'node:assert/strict';
import test from 'node:test';
import { PROSE, type Prose, paragraphs, proseOf, wordsIn } from './prose.ts';
import { conditionalWheres, MAX_CONDITIONAL_WHERE, RULES } from './words.ts';

const PARAGRAPHS = paragraphs(PROSE);
const flat = (text: string): string => text.replaceAll('\n', ' ');

/** file:line and the words around a hit. */
function place({ file, line, text }: Prose, index: number): string {
  const number = line + text.slice(0, index).split('\n').length - 1;
  return `${file}:${number} …${flat(text).slice(Math.max(0, index - 40), index + 40)}…`;
}

for (const { name, pattern, instead, bound } of RULES)
  test(`"${name}" is written at most ${bound} times: ${instead}`, () => {
    const found = PARAGRAPHS.flatMap((piece) =>
      [...flat(piece.text).matchAll(pattern)].map(({ index }) => place(piece, index)),
    );
    assert.ok(found.length <= bound, `${found.length} are too many; write: ${instead}\n${found.join('\n')}`);
  });

for (const kind of ['comment', 'document', 'text'] as const)
  test(`"where" is a place and not a condition, in every ${kind}`, () => {
    const prose = PARAGRAPHS.filter((piece) => piece.kind === kind);
    const found = prose.flatMap((piece) => conditionalWheres(flat(piece.text)).map((index) => place(piece, index)));
    const words = prose.reduce((sum, { text }) => sum + wordsIn(text), 0);
    const rate = (found.length / words) * 1000;
    assert.ok(
      rate <= MAX_CONDITIONAL_WHERE,
      `${rate.toFixed(2)} of a thousand words; write "if" or "when":\n${found.join('\n')}`,
    );
  });

test('the where of a place is told from the where of a condition', () => {
  const conditions = [
    'Null where the attempt was broken off.',
    'Where this fails, the lease runs out by itself.',
    'throws a `ConfigError` where they do not make a usable context',
    'Compares the second and the last third: five minutes each where it lasts fifteen.',
    'an open loop where a rate is given, else a closed one',
  ];
  const places = [
    'Where the body begins in `raw`.',
    'Keeps the logs and says where.',
    'A run goes on where it stopped.',
    'Keeps a message in a place where a person sees it.',
    'one setting, and where it comes from',
    'Types become blanks, so lines stay where they are.',
    "Where names are resolved; a server's address.",
  ];
  assert.deepEqual(
    conditions.map((text) => conditionalWheres(text).length),
    conditions.map(() => 1),
  );
  assert.deepEqual(
    places.map((text) => conditionalWheres(text).length),
    places.map(() => 0),
  );
});

test('comments, documents and texts are found, and code is not', () => {
  const typescript =
    "const url = 'https://a'; // one\n/** Two\n * three. */\nthrow new Error('four is one and no more');\n/'/.test(x); // five";
  assert.deepEqual(
    proseOf('services/a/src/b.ts', typescript).map(({ kind, line, text }) => [kind, line, text]),
    [
      ['comment', 1, 'one'],
      ['comment', 2, 'Two'],
      ['comment', 3, 'three.'],
      ['text', 4, 'four is one and no more'],
      ['comment', 5, 'five'],
    ],
  );
  const lines = (file: string, source: string) => proseOf(file, source).map(({ text }) => text);
  assert.deepEqual(lines('a.yaml', 'a: b # one\n# two\nc: "#3"'), ['one', 'two']);
  assert.deepEqual(lines('a.sh', '#!/bin/sh\n# one'), ['one']);
  assert.deepEqual(lines('a.php', "<?php // one\n?> it's <?php /** two */"), ['one', 'two']);
  assert.deepEqual(lines('a.md', 'one `where`\n```\nwhere\n```'), ['one `x`', '', '', '']);
});
