// Prints the shape of the product's TypeScript: lines by folder, the longest functions, words of comment, and which folders import which.
// `node scripts/shape.ts [FOLDER] [--arrows]`; a folder is another checkout, to compare.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { proseOf, wordsIn } from '../tests/repository/prose.ts';
import { arrowsIn, circlesIn, isProduct, longestIn } from '../tests/repository/shape.ts';
import { conditionalWheres } from '../tests/repository/words.ts';

const root = resolve(
  process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? join(import.meta.dirname, '..'),
);
const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }).split('\0');
const sources = files
  .filter((file) => isProduct(file) && existsSync(join(root, file)))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));

const linesOf = (text: string): number => text.split('\n').length - 1;
const workspaceOf = (file: string): string => file.split('/').slice(0, 2).join('/');
const functions = Map.groupBy(longestIn(sources), ({ file }) => workspaceOf(file));
const arrows = Map.groupBy(arrowsIn(sources), ({ workspace }) => workspace);

console.log(
  ['workspace', 'files', 'lines', 'functions > 60', 'longest', 'arrows', 'circles', 'comment words'].join('\t'),
);
const commentsOf = (own: typeof sources) =>
  own.flatMap(({ file, text }) => proseOf(file, text)).filter(({ kind }) => kind === 'comment');
const wordsOf = (own: typeof sources): number => commentsOf(own).reduce((sum, { text }) => sum + wordsIn(text), 0);

let all = 0;
for (const [workspace, own] of Map.groupBy(sources, ({ file }) => workspaceOf(file))) {
  const lines = own.reduce((sum, { text }) => sum + linesOf(text), 0);
  all += lines;
  const [longest] = functions.get(workspace) ?? [];
  const long = functions.get(workspace)?.filter((each) => each.lines > 60).length ?? 0;
  const between = arrows.get(workspace) ?? [];
  const pairs = new Set(between.map(({ from, to }) => `${from} → ${to}`));
  const row = [own.length, lines, long, `${longest?.name ?? '–'} ${longest?.lines ?? 0}`, pairs.size];
  console.log([workspace, ...row, circlesIn(between).length, wordsOf(own)].join('\t'));
}
console.log(['all', sources.length, all, '', '', '', '', wordsOf(sources)].join('\t'));
const wheres = commentsOf(sources).reduce(
  (sum, { text }) => sum + conditionalWheres(text.replaceAll('\n', ' ')).length,
  0,
);
console.log(
  `"where" for "if" or "when": ${wheres}, ${((1000 * wheres) / wordsOf(sources)).toFixed(2)} of a thousand words of comment`,
);
if (process.argv.includes('--arrows')) {
  for (const [workspace, between] of arrows) {
    for (const pair of new Set(between.map(({ from, to }) => `${workspace}: ${from} → ${to}`))) console.log(pair);
  }
}
