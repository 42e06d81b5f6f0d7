/** Opening and closing tags of thoughts: DeepSeek's and its followers', Magistral's, Kimi's. */
const TAGS: readonly [open: string, close: string][] = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'],
  ['<reasoning>', '</reasoning>'],
  ['<seed:think>', '</seed:think>'],
  ['[think]', '[/think]'],
  ['◁think▷', '◁/think▷'],
];
/** gpt-oss' own format, if its server does not read it: the last channel is for the user. */
const CHANNEL = '<|channel|>';
const FINAL = /<\|channel\|>final[^<]{0,100}<\|message\|>/;
const TURN_END = /<\|(?:end|return)\|>$/;
const BLANKS = /\s*/y;

/**
 * Removes thoughts before the answer: blocks at the start, nested ones too, or all before a closing tag whose opening
 * one was in the template. An unclosed block is all thoughts. A later tag may be what the text is about.
 */
export function withoutThoughts(text: string): string {
  if (text.trimStart().startsWith(CHANNEL)) return ofLastChannel(text);
  const lower = asciiLower(text);
  let at = behindBlanks(lower, 0);
  let isBlock = false;
  for (let tag = tagAt(lower, at); tag !== undefined; tag = tagAt(lower, at)) {
    at = behindBlanks(lower, behindBlock(lower, at, tag));
    isBlock = true;
  }
  return isBlock ? text.slice(at) : withoutUnopened(text, lower);
}

const tagAt = (lower: string, at: number) => TAGS.find(([open]) => lower.startsWith(open, at));

/**
 * The end of the block that begins at `at`: after its closing tag, or after the last one if thoughts named the tag;
 * else the text's end.
 */
function behindBlock(lower: string, at: number, [open, close]: readonly [string, string]): number {
  let depth = 0;
  let nextOpen = at;
  let nextClose = lower.indexOf(close, at);
  while (nextClose >= 0) {
    const isOpen = nextOpen >= 0 && nextOpen < nextClose;
    depth += isOpen ? 1 : -1;
    if (depth === 0) return nextClose + close.length;
    // Searches continue where the last one ended, so all is read once.
    if (isOpen) nextOpen = lower.indexOf(open, nextOpen + open.length);
    else nextClose = lower.indexOf(close, nextClose + close.length);
  }
  const last = lower.lastIndexOf(close);
  return last > at ? last + close.length : lower.length;
}

function withoutUnopened(text: string, lower: string): string {
  const end = lower.indexOf('</think>');
  if (end < 0 || lower.slice(0, end).includes('<think>')) return text;
  return text.slice(end + '</think>'.length).trimStart();
}

function ofLastChannel(text: string): string {
  const final = FINAL.exec(text);
  return final === null
    ? ''
    : text
        .slice(final.index + final[0].length)
        .trimEnd()
        .replace(TURN_END, '');
}

function behindBlanks(text: string, at: number): number {
  BLANKS.lastIndex = at;
  return at + (BLANKS.exec(text)?.[0].length ?? 0);
}

/** Keeps the length, which lower case of some letters does not. */
const asciiLower = (text: string): string => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
