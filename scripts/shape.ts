// Prints the shape of the product's TypeScript: lines by folder, the longest functions, words of comment, and which folders import which.
// `node scripts/shape.ts [FOLDER] [--arrows]`; a folder is another checkout, to compare.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { commentWords, proseOf } from '../tests/repository/prose.ts';
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

const columns = ['workspace', 'files', 'lines', 'functions > 60', 'longest', 'arrows', 'circles', 'comment words'];
console.log([...columns, 'a hundred lines'].join('\t'));
const density = (own: typeof sources, lines: number): string => ((100 * commentWords(own)) / lines).toFixed(0);

let all = 0;
for (const [workspace, own] of Map.groupBy(sources, ({ file }) => workspaceOf(file))) {
  const lines = own.reduce((sum, { text }) => sum + linesOf(text), 0);
  all += lines;
  const [longest] = functions.get(workspace) ?? [];
  const long = functions.get(workspace)?.filter((each) => each.lines > 60).length ?? 0;
  const between = arrows.get(workspace) ?? [];
  const pairs = new Set(between.map(({ from, to }) => `${from} → ${to}`));
  const row = [own.length, lines, long, `${longest?.name ?? '–'} ${longest?.lines ?? 0}`, pairs.size];
  console.log([workspace, ...row, circlesIn(between).length, commentWords(own), density(own, lines)].join('\t'));
}
console.log(['all', sources.length, all, '', '', '', '', commentWords(sources), density(sources, all)].join('\t'));
const wheres = sources
  .flatMap(({ file, text }) => proseOf(file, text))
  .filter(({ kind }) => kind === 'comment')
  .reduce((sum, { text }) => sum + conditionalWheres(text.replaceAll('\n', ' ')).length, 0);
console.log(
  `"where" for "if" or "when": ${wheres}, ${((1000 * wheres) / commentWords(sources)).toFixed(2)} of a thousand words of comment`,
);
if (process.argv.includes('--arrows')) {
  for (const [workspace, between] of arrows) {
    for (const pair of new Set(between.map(({ from, to }) => `${workspace}: ${from} → ${to}`))) console.log(pair);
  }
}
