import { balanced, read, SOURCES, table } from './sections.ts';

/** What a span stands for; a name with a variable part is written as in the code. */
const MEANINGS: Record<string, string> = {
  'receive event': "a request to `/ingest`, from the end of its head to the answer; below the HTTP server's span",
  'publish ${stream}': 'an acknowledged write of ingress: the token id, then the event',
  'process enricher': 'a message of EVENTS taken in: stored with its runs',
  'step ${step.type}': 'one attempt at a step: a call of a vendor',
  'publish RESULTS': 'the acknowledged message of a result, which wakes callback',
  'process callback': 'a message of RESULTS: its delivery is claimed, or stored',
  'deliver result': 'one attempt to push a result to its site',
};

/** The table of the spans that our own code makes. */
export function spanTable(): string {
  const found = SOURCES.flatMap((path) => {
    const text = read(path);
    return [...text.matchAll(/\b(?:inSpan|traceWork)\(\s*(?:'([^']+)'|`([^`]+)`)/g)].map((match) => {
      const name = match[1] ?? match[2] ?? '';
      const call = balanced(text, match.index + match[0].indexOf('('));
      const kind = /SpanKind\.([A-Z]+)/.exec(call)?.[1]?.toLowerCase() ?? 'internal';
      const attributes = [...call.matchAll(/'([a-z]+(?:\.[a-z_]+)+)'(?=:)|setAttribute\('([a-z._]+)'/g)].map(
        ([, one, other]) => `\`${one ?? other}\``,
      );
      const service = path.split('/')[1] ?? '';
      return {
        name,
        row: [`\`${name}\``, service, kind, [...new Set(attributes)].join(', ') || '–', MEANINGS[name] ?? ''],
      };
    });
  });
  const unknown = found.filter(({ name }) => MEANINGS[name] === undefined).map(({ name }) => name);
  const gone = Object.keys(MEANINGS).filter((name) => !found.some((span) => span.name === name));
  if (unknown.length + gone.length > 0)
    throw new Error(`scripts/docs/spans.ts: say what these spans mean: [${unknown}]; these are no more: [${gone}]`);
  return table(
    ['span', 'service', 'kind', 'attributes', 'meaning'],
    found.map(({ row }) => row),
  );
}
