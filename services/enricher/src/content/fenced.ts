import { parseAnswer } from './clean.ts';

const FENCE = /^ {0,3}(`{3,100}|~{3,100})/;

/** All of the text, or its one fenced block of JSON, because models fence JSON even if asked not to. */
export function jsonIn(text: string): unknown {
  const whole = parseAnswer(text.trim());
  if (whole !== undefined) return whole;
  const found = blocksOf(text)
    .map((block) => parseAnswer(block.trim()))
    .filter((value) => value !== undefined);
  return found.length === 1 ? found[0] : inline(text);
}

/** Blocks between fences, each on its own line (CommonMark); the last one may lack its end. */
function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let fence: string | undefined;
  let lines: string[] = [];
  for (const line of text.split('\n').map((each) => each.trimEnd())) {
    if (fence === undefined) {
      fence = openedBy(line);
      lines = [];
    } else if (isClosing(line.trimStart(), fence)) {
      blocks.push(lines.join('\n'));
      fence = undefined;
    } else lines.push(line);
  }
  return fence === undefined ? blocks : [...blocks, lines.join('\n')];
}

/** The opening fence; its info must not hold another. */
function openedBy(line: string): string | undefined {
  const [all = '', fence] = FENCE.exec(line) ?? [];
  return line.includes('`', all.length) ? undefined : fence;
}

const isClosing = (line: string, fence: string): boolean =>
  line.length >= fence.length && line === (fence[0] ?? '').repeat(line.length);

/** A single block whose fences are within a line. */
function inline(text: string): unknown {
  const [, first, ...rest] = text.split('```');
  if (first === undefined || rest.length > 1) return undefined;
  // Without the fence's language.
  return parseAnswer(first.replace(/^[a-z0-9]{0,20}\s/i, ''));
}
