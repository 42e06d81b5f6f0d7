import { FILES, read } from './sources.ts';

/** A piece of prose that people read: a comment, a line of a document, or a text of the product. */
export interface Prose {
  kind: 'comment' | 'document' | 'text';
  file: string;
  line: number;
  text: string;
}

// Strings and regular expressions are matched too, because what looks like a comment inside them is none.
const TYPESCRIPT =
  /(?<comment>\/\*[\s\S]*?\*\/|\/\/[^\n]*)|(?<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|(?<tag>sql(?:<[^`]*?>)?)?(?<template>`(?:\\[\s\S]|[^`\\])*`)|(?<=[=(,:!&|?{};[\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g;
const PHP = /(?<comment>\/\*[\s\S]*?\*\/|\/\/[^\n]*)|(?<string>'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*")/g;
const HASH = /^\s*#(?!!)(?<whole>.*)$|\s#\s(?<trailing>.*)$/;
const TEST_NAME = /\b(?:test|it|describe|suite)(?:\.\w+)?\(\s*$/;
const SQL =
  /\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|select|insert|update|delete|create|alter)\s|\b(?:SET|WHERE)\s/;

const isGenerated = (file: string): boolean =>
  /(^|\/)gen\/|^k8s\/pressferry\.yaml|^LICENSE|package-lock|^docs\/words\.md$|^docs\/writing\.md$|\/data\//.test(file);
// The linter names the words that it refuses.
const isLinter = (file: string): boolean => /^tests\/repository\/(?:words|prose)\b/.test(file);
const isTest = (file: string): boolean =>
  /\.test\.ts$|\/tests?\/|^tests\/|^bench\/|\/fuzz\/|\/bench\/|packages\/testing\//.test(file);

export function proseOf(file: string, source: string): Prose[] {
  if (/\.md$|readme\.txt$/.test(file)) return documentOf(file, source);
  if (/\.(?:ts|mjs|proto)$/.test(file)) return codeOf(file, source, TYPESCRIPT);
  // What is outside of <?php … ?> is HTML, where an apostrophe begins no string.
  if (file.endsWith('.php')) return codeOf(file, source.replace(/\?>[\s\S]*?<\?php/g, blank), PHP);
  if (/\.(?:sh|ya?ml|tpl)$|(?:^|\/)(?:Makefile|Dockerfile)$|^\.ci\/run$/.test(file)) return hashesOf(file, source);
  return [];
}

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');
const withoutCode = (text: string): string => text.replace(/`[^`]*`/g, '`x`').replace(/\]\([^)]*\)/g, ']');

function codeOf(file: string, source: string, tokens: RegExp): Prose[] {
  return [...source.matchAll(tokens)].flatMap((match) => {
    const { comment, string, template, tag } = match.groups ?? {};
    const line = source.slice(0, match.index).split('\n').length;
    if (comment !== undefined) return linesOf(file, line, comment);
    const literal = string ?? (tag === undefined ? template : undefined);
    if (literal === undefined) return [];
    const text = literal.slice(1, -1).replace(/\$\{[^}]*\}|\\n/g, ' x ');
    if (!isProse(text)) return [];
    const isNamed = TEST_NAME.test(source.slice(Math.max(0, match.index - 40), match.index));
    if (isTest(file) && !isNamed) return [];
    return [{ kind: 'text' as const, file, line, text }];
  });
}

/** Four words or more, and not SQL. */
const isProse = (text: string): boolean => /(?:[A-Za-z,;:’']+ +){3}[A-Za-z]/.test(text) && !SQL.test(text);

function linesOf(file: string, first: number, comment: string): Prose[] {
  return comment.split('\n').map((line, index) => {
    const text = line.replace(/^\s*(?:\/\*+|\*+\/?|\/\/)|\*\/\s*$/g, '').trim();
    return { kind: 'comment', file, line: first + index, text: withoutCode(text) };
  });
}

function hashesOf(file: string, source: string): Prose[] {
  return source.split('\n').flatMap((line, index) => {
    const { whole, trailing } = HASH.exec(line)?.groups ?? {};
    const text = whole ?? trailing;
    return text === undefined
      ? []
      : [{ kind: 'comment' as const, file, line: index + 1, text: withoutCode(text.trim()) }];
  });
}

function documentOf(file: string, source: string): Prose[] {
  const prose = source.replace(/^```[\s\S]*?^```/gm, blank).replace(/^ {4}.*$|<!--[\s\S]*?-->/gm, blank);
  return prose
    .split('\n')
    .map((text, index) => ({ kind: 'document', file, line: index + 1, text: withoutCode(text).trim() }));
}

/** Sentences run over lines: these are the lines of one comment or paragraph, joined, with the place of its first. */
export function paragraphs(prose: readonly Prose[]): Prose[] {
  const joined: Prose[] = [];
  for (const piece of prose) {
    const last = joined.at(-1);
    const lines = last === undefined ? 0 : last.text.split('\n').length;
    const goesOn =
      last !== undefined &&
      piece.text !== '' &&
      piece.kind !== 'text' &&
      last.kind === piece.kind &&
      last.file === piece.file &&
      last.line + lines === piece.line &&
      !/^(?:[-*|#@]|\d+\.)/.test(piece.text.trim());
    if (goesOn) last.text += `\n${piece.text.trim()}`;
    else joined.push({ ...piece });
  }
  return joined.filter(({ text }) => text.trim() !== '');
}

export const wordsIn = (text: string): number => text.match(/[A-Za-z][A-Za-z'’-]*/g)?.length ?? 0;

/** The words of all comments in these sources. */
export const commentWords = (sources: readonly { file: string; text: string }[]): number =>
  sources
    .flatMap(({ file, text }) => proseOf(file, text))
    .filter(({ kind }) => kind === 'comment')
    .reduce((sum, { text }) => sum + wordsIn(text), 0);

/** All prose of the repository, without generated files and fixtures. */
export const PROSE: readonly Prose[] = FILES.filter((file) => !isGenerated(file) && !isLinter(file)).flatMap((file) =>
  proseOf(file, read(file)),
);
