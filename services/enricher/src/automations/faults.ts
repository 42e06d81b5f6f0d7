import type { Document, LineCounter } from 'yaml';
import { isMap, isScalar, isSeq } from 'yaml';

/** A parsed file, which knows the lines of its parts. */
export interface Source {
  file: string;
  document: Document.Parsed;
  lines: LineCounter;
}

export const faultLine = (source: Source, path: string, text: string): string => {
  const { line, col } = source.lines.linePos(offsetOf(source, path));
  return `${source.file}:${line}:${col}: ${path || '(top)'}: ${text}`;
};

/** The offset of the deepest part of the path that exists. */
function offsetOf({ document }: Source, path: string): number {
  let node: unknown = document.contents;
  let offset = rangeOf(node) ?? 0;
  const parts = path.split(/[.[\]]+/).filter((part) => part !== '');
  for (let index = 0; index < parts.length; index++) {
    const found = childOf(node, parts, index);
    if (found === undefined) break;
    node = found.value;
    offset = found.offset ?? rangeOf(node) ?? offset;
    index = found.last;
  }
  return offset;
}

function childOf(node: unknown, parts: readonly string[], index: number) {
  if (isSeq(node)) return { value: node.items[Number(parts[index])], offset: undefined, last: index };
  if (!isMap(node)) return undefined;
  // A key may contain dots, as the paths of `when` do.
  for (let last = parts.length - 1; last >= index; last--) {
    const name = parts.slice(index, last + 1).join('.');
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
    if (pair !== undefined) return { value: pair.value, offset: rangeOf(pair.key), last };
  }
  return undefined;
}

const rangeOf = (node: unknown): number | undefined => (node as { range?: [number] | null } | null)?.range?.[0];
