/** A member's name that is one escape and nothing else, as in `"\u00e9":` or `"\n":`; or, inside a string, what looks like it. */
const ONE_ESCAPE_NAME = /"\\(?:u[0-9a-fA-F]{4}|[^u])"[ \t\r\n]*:/;
const STRING_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"([ \t\r\n]*:)?/g;

/** JSON.parse with every name as the text has it (see `withExactNames`). Throws a SyntaxError where the text is no JSON. */
export const parseJson = (text: string): unknown => withExactNames(text, JSON.parse(text));

/**
 * `value`, which JSON.parse made of `text`, with every member under the name that the text gives it. V8 (Node 24.21) can take a name
 * that is one escaped character for a backslash: `{"a":1,"\u0066":2}` then has the names `a` and `\`. Whether it does depends on what
 * the process parsed before. Recursive: how deep `text` nests must have been checked.
 */
export function withExactNames(text: string, value: unknown): unknown {
  if (!ONE_ESCAPE_NAME.test(text)) return value;
  const names: string[] = [];
  const numbered = text.replace(STRING_TOKEN, (token: string, colon: string | undefined) =>
    colon === undefined ? token : `"n${names.push(JSON.parse(token.slice(0, -colon.length))) - 1}":`,
  );
  return renamed(JSON.parse(numbered), names);
}

function renamed(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => renamed(element, names));
  // Defines members, so that one named __proto__ is a member like others.
  return Object.fromEntries(
    Object.entries(value).map(([number, member]) => [names[Number(number.slice(1))], renamed(member, names)]),
  );
}
