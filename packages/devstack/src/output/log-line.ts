const PLAIN = /^[\w.:/@+-]+$/;
// Control characters in a logged text could control the terminal.
const CONTROL = /[\p{Cc}\p{Cf}]/gu;
/** Postgres' log of a readiness check. */
const PASSING = /FATAL: {2}the database system is (starting up|shutting down)/;

/** Keeps every field of a JSON log line. Other lines stay unchanged. */
export function readableLogLine(line: string): string {
  const record = parse(line);
  if (record === undefined)
    return line.replace(CONTROL, (character) => (character === '\t' ? ' ' : escaped(character)));
  const { time, level, msg, service: _service, ...fields } = record;
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${readableValue(value)}`);
  return [clock, String(level ?? '').padEnd(5), readableValue(msg ?? ''), ...pairs]
    .filter((part) => part !== '')
    .join(' ');
}

export function isWarning(line: string): boolean {
  const level = parse(line)?.level;
  if (level !== undefined) return level === 'warn' || level === 'error' || level === 'fatal';
  if (PASSING.test(line)) return false;
  return /\b(WARNING|ERROR|FATAL|PANIC)\b|\[(WRN|ERR|FTL)\]/.test(line);
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function readableValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return PLAIN.test(text) || text === '' ? text : JSON.stringify(value).replace(CONTROL, escaped);
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
