import { KEYS, MESSAGES } from './log-words.ts';
import { balanced, read, SOURCES, table } from './sections.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'];
/** In every line, or in every line of an error. */
const EVERYWHERE = ['level', 'time', 'service', 'msg', 'trace_id', 'error', 'error_code', 'cause'];
/** Parts of a key, which are not keys themselves. */
const INPUTS = ['traceparent', 'loop'];

interface Line {
  message: string;
  service: string;
  levels: string[];
  keys: string[];
}

/** The tables of log lines of docs/observability.md, read off the calls in the sources. */
export function logTables(): Record<string, string> {
  const lines = merged(SOURCES.flatMap(linesOf));
  agree(
    'lines',
    MESSAGES,
    lines.map(({ message }) => message),
  );
  agree('keys', KEYS, [...EVERYWHERE, ...lines.flatMap(({ keys }) => keys)]);
  return {
    'log lines': table(
      ['line (`msg`)', 'written by', 'level', 'keys of its own', 'it says'],
      lines.map(({ message, service, levels, keys }) => [
        `\`${message}\``,
        service,
        levels.join(', '),
        keys.map((key) => `\`${key}\``).join(', ') || '–',
        MESSAGES[message] ?? '',
      ]),
    ),
    'log keys': table(
      ['key', 'meaning'],
      Object.entries(KEYS).map(([key, meaning]) => [`\`${key}\``, meaning]),
    ),
  };
}

function agree(what: string, words: Record<string, string>, found: readonly string[]): void {
  const unknown = [...new Set(found)].filter((name) => words[name] === undefined);
  const gone = Object.keys(words).filter((name) => !found.includes(name));
  if (unknown.length + gone.length > 0)
    throw new Error(
      `scripts/docs/log-words.ts: say what these ${what} mean: [${unknown}]; these are no more: [${gone}]`,
    );
}

function linesOf(path: string): Line[] {
  const text = read(path);
  const service = path.startsWith('services/') ? (path.split('/')[1] ?? '') : 'every service';
  const calls = [...text.matchAll(/\blogger(?:\.(debug|info|warn|error)|\[([^\]]+)\])(?=\()/g)];
  const lines = calls.flatMap((match) => {
    const call = balanced(text, match.index + match[0].length);
    const levels = match[1] === undefined ? levelsIn(`${match[2]} ${definitionOf(match[2], text)}`, text) : [match[1]];
    const keys = keysOf(call, text);
    return messagesIn(call).map((message) => ({ message, service, levels, keys }));
  });
  return [...lines, ...byHelper(text, service)];
}

/** A message, literal or ended by a variable that names a loop. */
const messagesIn = (call: string): string[] => [
  ...[...call.matchAll(/'([a-z]+\.[a-z_]+)'/g)].map(([, message = '']) => message),
  ...[...call.matchAll(/`\$\{loop\}\.([a-z_]+)`/g)].flatMap(([, event]) => [
    `worker.${event}`,
    `housekeeping.${event}`,
    `reconciler.${event}`,
  ]),
];

/** `const warn = (message) => (error) => logger.warn(…)`, and `warn('intake.interrupted')`. */
const byHelper = (text: string, service: string): Line[] =>
  [...text.matchAll(/\bwarn\('([a-z]+\.[a-z_]+)'\)/g)].map(([, message = '']) => ({
    message,
    service,
    levels: ['warn'],
    keys: [],
  }));

const levelsIn = (expression: string, text: string): string[] => {
  const named = (where: string): string[] => LEVELS.filter((level) => where.includes(`'${level}'`));
  const found = named(expression);
  return found.length > 1 ? found : named(text);
};

/** Keys that a call gives, those of the constants and functions of the same file that it spreads or passes included. */
function keysOf(call: string, text: string, seen: ReadonlySet<string> = new Set()): string[] {
  const own = [...call.matchAll(/(?:^|[{,(\n]|\? \{)\s*([a-z][a-z0-9]*(?:_[a-z0-9]+)*)(?=\s*[:,}\n])/g)].map(
    ([, key = '']) => key,
  );
  const named = [...call.matchAll(/(?:\.\.\.|^\(|\{ \.\.\.)(?:deps\.)?([a-z][A-Za-z]+)/g)].map(([, name = '']) => name);
  const below = named
    .filter((name) => !seen.has(name))
    .flatMap((name) => keysOf(definitionOf(name, text), text, new Set([...seen, name])));
  return ownKeys([...own.filter((key) => !call.startsWith(`(${key},`) && !INPUTS.includes(key)), ...below]);
}

const ownKeys = (keys: readonly string[]): string[] =>
  [...new Set(keys)].filter((key) => !EVERYWHERE.includes(key)).sort();

/** What a constant of a file is set to, or the body of its arrow function. */
function definitionOf(name: string | undefined, text: string): string {
  const at = new RegExp(`\\bconst ${name}\\b[^;]*?=[^;]*?(?=\\{)`).exec(text);
  return at === null ? '' : (/[^;]*?;\n/s.exec(text.slice(at.index))?.[0] ?? '').replace(/^[^=]*=/, '');
}

function merged(lines: readonly Line[]): Line[] {
  const groups = Object.groupBy(lines, ({ message, service }) => `${service} ${message}`);
  return Object.values(groups)
    .flatMap((group = []) => {
      const [first] = group;
      if (first === undefined) return [];
      const all = (of: (line: Line) => string[]): string[] => [...new Set(group.flatMap(of))];
      return [
        {
          ...first,
          levels: LEVELS.filter((level) => all(({ levels }) => levels).includes(level)),
          keys: all(({ keys }) => keys).sort(),
        },
      ];
    })
    .sort((a, b) => a.service.localeCompare(b.service) || a.message.localeCompare(b.message));
}
