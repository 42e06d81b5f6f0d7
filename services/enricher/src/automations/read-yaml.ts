import { type Alias, type Document, isAlias, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { Source } from './faults.ts';

const UTF_8 = new TextDecoder('utf-8', { fatal: true });
/** The most nodes that aliases may expand to. */
const MAX_ALIASES = 50;

/** Reads one YAML document; undefined if it has faults, each with file, line and column. */
export function readYaml(
  file: string,
  bytes: Uint8Array,
  faults: string[],
): { source: Source; value: unknown } | undefined {
  const lines = new LineCounter();
  const text = decoded(bytes);
  if (text === null) {
    faults.push(`${file}:1:1: is not in UTF-8`);
    return undefined;
  }
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  const found: Found[] = [...document.errors, ...document.warnings].map(({ code, pos }) => ({
    ...{ at: pos[0], text: code.toLowerCase().replaceAll('_', ' ') },
  }));
  if (found.length === 0) found.push(...faultsOf(document));
  let value: unknown;
  if (found.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch {
      found.push({ at: firstAlias(document), text: 'aliases make too much of it' });
    }
    if (value === null) found.push({ at: 0, text: 'is empty' });
  }
  for (const { at, text } of found) {
    const { line, col } = lines.linePos(at);
    faults.push(`${file}:${line}:${col}: ${text}`);
  }
  return found.length > 0 ? undefined : { source: { file, document, lines }, value };
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return UTF_8.decode(bytes);
  } catch {
    return null;
  }
}

interface Found {
  /** An offset in the file. */
  at: number;
  text: string;
}

/** Valid YAML that makes no sense in an automation. */
function faultsOf(document: Document.Parsed): Found[] {
  const found: Found[] = [];
  visit(document, {
    Pair: (_, { key }) => {
      if (!isScalar(key)) found.push({ at: offsetOf(key), text: 'a key must be a text' });
      // JavaScript would not make it a member.
      else if (key.value === '__proto__') found.push({ at: offsetOf(key), text: '__proto__ cannot be a key' });
    },
    Scalar: (_, node) => {
      const { value, source = '' } = node;
      if (typeof value === 'number' && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(source))
        found.push({ at: offsetOf(node), text: 'has more digits than a number keeps: write it in quotes' });
    },
    Alias: (_, node, path) => {
      const text = faultOfAlias(node, document, path);
      if (text !== undefined) found.push({ at: offsetOf(node), text });
    },
  });
  return found;
}

function faultOfAlias(node: Alias, document: Document.Parsed, path: readonly unknown[]): string | undefined {
  const target = node.resolve(document);
  if (target === undefined) return `*${node.source} is an alias of no anchor before it`;
  return path.includes(target) ? `*${node.source} is a part of what it stands for` : undefined;
}

function firstAlias(document: Document.Parsed): number {
  let at = 0;
  visit(document, {
    Node: (_, node) => {
      if (!isAlias(node)) return undefined;
      at = offsetOf(node);
      return visit.BREAK;
    },
  });
  return at;
}

const offsetOf = (node: unknown): number => (node as Node | null)?.range?.[0] ?? 0;
