/**
 * What chat templates put between messages: ChatML and its like, DeepSeek's with wide bars, Llama 2's and Mistral's, Gemma's. Some model
 * servers read them in a message's text, too, where they would begin another message.
 */
const SPECIAL_TOKENS = [
  /<(?=\|[\w-]{1,40}\|>)/g,
  /<(?=\uff5c[^<>\n]{1,40}\uff5c>)/g,
  /<(?=\/?(?:start_of_turn|end_of_turn|bos|eos|begin_of_text|end_of_text)>)/g,
  /<(?=\/s>)/g,
  /\[(?=\/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])/g,
  /<(?=<\/?SYS>>)/g,
];

/** A text in which special tokens are none any more: a blank follows their first character. */
export const withoutSpecialTokens = (text: string): string =>
  SPECIAL_TOKENS.reduce((made, token) => made.replace(token, '$& '), text);
