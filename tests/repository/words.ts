/** A turn of phrase that docs/writing.md advises against, and what to write in its place. */
export interface Rule {
  name: string;
  /** On a paragraph, with its line breaks as spaces. */
  pattern: RegExp;
  instead: string;
  /** The most that the repository may hold. It may only fall. */
  bound: number;
}

const REASON =
  'the|a|an|it|its|they|their|what|that|nobody|nothing|this|these|those|one|each|every|some|both|there|here|we|he|who|all|any|most|only|other|others|of';

const VERB =
  'is|are|was|were|has|have|had|can|cannot|could|may|does|do|did|will|would|must|needs|holds|costs|takes|keeps|comes|makes|says|came|allows';

export const RULES: readonly Rule[] = [
  { name: 'in hand', pattern: /\bin hand\b/gi, instead: 'in flight, claimed, being handled', bound: 0 },
  { name: 'anew', pattern: /\banew\b/gi, instead: 'again', bound: 0 },
  { name: 'of ours', pattern: /\bof ours\b/gi, instead: 'our; name the service', bound: 0 },
  {
    name: 'whoever, nobody, everybody',
    pattern: /\b(?:whoever|nobody|everybody|whomever)\b/gi,
    instead: 'name who: a caller, an operator, no process',
    bound: 0,
  },
  { name: 'stands for is', pattern: /\b(?:stands?|stood)\b(?! for\b|[ -]in\b)/gi, instead: 'is', bound: 0 },
  { name: 'beside', pattern: /\bbesides?\b/gi, instead: 'next to, in addition to, as well', bound: 0 },
  {
    name: 'is no X',
    pattern: /(?<!there )\b(?:is|are|was|were) no (?!(?:more|less|other|one|use|reason|matter|different|\w+er)\b)/gi,
    instead: 'is not a X',
    bound: 0,
  },
  {
    name: ', for … as because',
    pattern: new RegExp(`, for (?:${REASON})\\b(?=(?:\\s[^\\s,.;:]+){0,4}?(?<!that|which|who)\\s(?:${VERB})\\b)`, 'gi'),
    instead: 'because',
    bound: 0,
  },
  {
    name: 'two "so that" in a sentence',
    pattern: /\bso that\b[^.;:]*\bso that\b/gi,
    instead: 'two sentences',
    bound: 0,
  },
  { name: 'but for', pattern: /\bbut for\b/gi, instead: 'except for', bound: 0 },
  { name: 'kept back', pattern: /\b(?:kept|keeps?|keeping) back\b/gi, instead: 'delayed, held', bound: 0 },
  { name: 'Makes a', pattern: /^(?:Makes|Creates) an? /g, instead: 'say what it promises, or delete it', bound: 0 },
  { name: 'of its own', pattern: /\bof (?:its|their|our|his|one's) own\b/gi, instead: 'its own X', bound: 80 },
  { name: 'so that', pattern: /\bso that\b/gi, instead: 'so, because, to', bound: 24 },
  { name: 'what is', pattern: /\bwhat (?:is|was|are|were|has|had|have)\b/gi, instead: 'name the thing', bound: 235 },
];

/** At most so many of them in a thousand words of each kind of prose. */
export const MAX_CONDITIONAL_WHERE = 0.5;

// A place is told, asked for or returned to, or is a noun that "where" describes.
const BEFORE_A_PLACE =
  /(?:\b(?:say|says|said|saying|tell|tells|told|show|shows|know|knows|known|knowing|learn|learns|find|finds|found|see|sees|look|looks|looking|print|prints|set|sets|decide|decides|ask|asks|remember|remembers|note|notes|name|names|explain|explains|place|places|point|points|folder|line|lines|page|site|space|socket|request|network|position|with|and|or|of|from|to|is|are|be|stay|stays|stayed|stop|stops|stopped|begin|begins|began|goes|on|back|exactly|but|not)\s+|[|"“(–:]\s*)$/i;
const PLACE_AFTER = /^where (?:to|from)\b/i;
// "Where the metrics are served" is the title of a place; "Where it fails, …" is a condition.
const TITLE_OF_A_PLACE = /^Where [^,.;:]*(?:[.;:]|$|, (?:and|or|by|at|as|each|its|shared|in)\b)|^Where `x`/;

/** The places of each "where" that means "if" or "when". */
export function conditionalWheres(text: string): number[] {
  return [...text.matchAll(/(?<![$\w])where\b/gi)]
    .map(({ index }) => index)
    .filter((index) => {
      const before = text.slice(0, index);
      const after = text.slice(index);
      const isFirst = /(?:^\s*|[.;:|]\s+|–\s+|-- |@\w+ \S+\s+(?:\$\w+\s+)?)$/.test(before) && after.startsWith('W');
      if (PLACE_AFTER.test(after) || (before.trim() === '' && after.startsWith('w'))) return false;
      return isFirst ? !TITLE_OF_A_PLACE.test(after) : !BEFORE_A_PLACE.test(before);
    });
}
