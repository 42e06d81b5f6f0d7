import { basename, dirname, join, normalize } from 'node:path';
import { type FunctionLength, functionsIn } from './functions.ts';

/** A source of the product: its path from the root of the repository, and its text. */
export interface Source {
  file: string;
  text: string;
}

/** One import within a workspace, from a room to another one; a room is a folder of `src`, or a file next to them. */
export interface Arrow {
  workspace: string;
  from: string;
  to: string;
  /** The file that imports. */
  file: string;
}

const SOURCE = /^((?:services|packages)\/[^/]+)\/src\/(.+\.ts)$/;

/** True for what is shipped or run: no tests, nothing generated. */
export const isProduct = (file: string): boolean => SOURCE.test(file) && !/\.test\.ts$|\/gen\//.test(file);

const IMPORT = /^(?:import|export)\s[^;'"]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm;

/** The imports of sources that lead from one room of their workspace into another, those of types too. */
export function arrowsIn(sources: readonly Source[]): Arrow[] {
  return sources.flatMap(({ file, text }) =>
    [...text.matchAll(IMPORT)].flatMap((match) => {
      const target = normalize(join(dirname(file), match[1] ?? match[2] ?? ''));
      const [from, to] = [roomOf(file), roomOf(target)];
      const workspace = SOURCE.exec(file)?.[1];
      return workspace === undefined || from === undefined || to === undefined || from === to
        ? []
        : [{ workspace, from, to, file }];
    }),
  );
}

function roomOf(file: string): string | undefined {
  const path = SOURCE.exec(file)?.[2];
  if (path === undefined) return undefined;
  return path.includes('/') ? path.split('/')[0] : basename(path);
}

/** The circles among rooms: each as the rooms that it leads through, back to the first. */
export function circlesIn(arrows: readonly Pick<Arrow, 'from' | 'to'>[]): string[] {
  const next = Map.groupBy(arrows, ({ from }) => from);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (room: string, path: readonly string[]): void => {
    const at = path.indexOf(room);
    if (at >= 0) circles.push([...path.slice(at), room].join(' → '));
    if (at >= 0 || done.has(room)) return;
    for (const to of new Set(next.get(room)?.map((arrow) => arrow.to))) visit(to, [...path, room]);
    done.add(room);
  };
  for (const room of next.keys()) visit(room, []);
  return circles;
}

/** The functions of all sources, longest first. */
export const longestIn = (sources: readonly Source[]): (FunctionLength & { file: string })[] =>
  sources
    .flatMap(({ file, text }) => functionsIn(text).map((each) => ({ file, ...each })))
    .sort((one, other) => other.lines - one.lines);
