/** Around inserted values of a prompt, until the call's delimiter is known; no text may hold them. */
export const [MARK_START, MARK_END] = ['\u0001', '\u0002'];

/**
 * Characters that a model reads and a person does not see: controls, and what fonts ignore (zero-width, direction, tags,
 * fillers, variation selectors).
 */
const INVISIBLE = /[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;
const KEPT = new Set([...'\t\n\r\u180b\u180c\u180d\u180e\u180f\u200c\u200d\ufe0e\ufe0f', MARK_START, MARK_END]);
/** Persian, Hindi, Mongolian and many emoji need single ones; runs, and ones between ASCII, carry hidden text. */
const HIDDEN =
  /(?:\u200c|\u200d|[\u180b-\u180f]){2,}|(?:\ufe0e|\ufe0f){2,}|(?<=[ -~])(?:\u200c|\u200d|[\u180b-\u180f])(?=[ -~])/gu;

export const withoutInvisible = (text: string): string =>
  text.replaceAll(INVISIBLE, (found) => (KEPT.has(found) ? found : '')).replaceAll(HIDDEN, '');
