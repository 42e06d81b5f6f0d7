/** Opening and closing tags of thoughts: DeepSeek's and its followers', Magistral's, Kimi's, OpenThinker's, Cohere's, Apertus'. */
const TAGS: readonly [open: string, close: string][] = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'],
  ['<reasoning>', '</reasoning>'],
  ['<seed:think>', '</seed:think>'],
  ['[think]', '[/think]'],
  ['◁think▷', '◁/think▷'],
  ['<|begin_of_thought|>', '<|end_of_thought|>'],
  ['<|start_thinking|>', '<|end_thinking|>'],
  ['<|inner_prefix|>', '<|inner_suffix|>'],
];
/** Tags around the whole answer: GLM's, OpenThinker's, Cohere's. */
const WRAPPERS: readonly [open: string, close: string][] = [
  ['<|begin_of_box|>', '<|end_of_box|>'],
  ['<|begin_of_solution|>', '<|end_of_solution|>'],
  ['<|start_response|>', '<|end_response|>'],
];
/** Only behind thoughts: elsewhere a prompt may have asked for it. */
const ANSWER: readonly [open: string, close: string] = ['<answer>', '</answer>'];
/** gpt-oss' own format, if its server does not read it, or leaves its signs out: the last channel is for the user. */
const CHANNELS = /^(?:<\|start\|>assistant)?<\|channel\|>/;
const FINAL = /<\|channel\|>final[^<]{0,100}<\|message\|>/;
const BARE_CHANNELS = /^analysis(?=[^\s])/;
const BARE_FINAL = 'assistantfinal';
/** Signs of a turn's end that a server did not leave out: vLLM issue 46224. */
const TURN_END = /(?:\s{0,9}(?:<[|｜][\w▁]{1,40}[|｜]>|<\/s>|<end_of_turn>|<eos>)){1,9}$/;
const BLANKS = /\s*/y;

/**
 * Removes thoughts before the answer: blocks at the start, nested ones too, or all before a closing tag whose opening
 * one was in the template. An unclosed block is all thoughts. A later tag may be what the text is about.
 */
export function withoutThoughts(text: string): string {
  const spoken = text.trimEnd().replace(TURN_END, '');
  const start = text.trimStart();
  if (CHANNELS.test(start)) return ofLastChannel(spoken);
  if (BARE_CHANNELS.test(start) && spoken.includes(BARE_FINAL))
    return spoken.slice(spoken.lastIndexOf(BARE_FINAL) + BARE_FINAL.length);
  const answer = behindThoughts(spoken);
  const unwrapped = [...WRAPPERS, ...(answer === spoken ? [] : [ANSWER])]
    .map((tags) => withoutWrapper(answer.trim(), tags))
    .find((inner) => inner !== undefined);
  if (unwrapped !== undefined) return unwrapped;
  // Nothing to leave out: the text as it is, with its blanks.
  return answer === text.trimEnd() ? text : answer;
}

/** A closing sign may have gone as one of a turn's end. */
function withoutWrapper(text: string, [open, close]: readonly [string, string]): string | undefined {
  const lower = asciiLower(text);
  const end = lower.lastIndexOf(close);
  const isClosed = end < 0 ? close.startsWith('<|') : end + close.length === text.length;
  return lower.startsWith(open) && isClosed ? text.slice(open.length, end < 0 ? text.length : end).trim() : undefined;
}

function behindThoughts(text: string): string {
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
  return final === null ? '' : text.slice(final.index + final[0].length);
}

function behindBlanks(text: string, at: number): number {
  BLANKS.lastIndex = at;
  return at + (BLANKS.exec(text)?.[0].length ?? 0);
}

/** Keeps the length, which lower case of some letters does not. */
const asciiLower = (text: string): string => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
