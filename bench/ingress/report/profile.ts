/** What V8's `--cpu-prof` writes, as far as it is read here. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
  /** Microseconds on a clock of V8's own. */
  startTime: number;
  endTime: number;
}

export interface SelfTime {
  name: string;
  ms: number;
}

const NOT_BUSY = new Set(['(idle)', '(root)']);

/**
 * Time in each function itself, without those it calls, most first; `groups` sums it up by package or part of the service.
 * Looks at the span that began `fromMs` before the end and lasted `forMs`, so neither the start nor the warm-up counts.
 */
export function selfTimes(
  { nodes, samples, timeDeltas, startTime, endTime }: CpuProfile,
  { fromMs, forMs }: { fromMs: number; forMs: number },
): {
  rows: SelfTime[];
  groups: SelfTime[];
  busyMs: number;
} {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const rows = new Map<string, number>();
  const groups = new Map<string, number>();
  let busyMs = 0;
  const add = (sums: Map<string, number>, name: string, ms: number): void =>
    void sums.set(name, (sums.get(name) ?? 0) + ms);
  let atMs = (startTime - endTime) / 1000 + fromMs;
  samples.forEach((id, at) => {
    const frame = frames.get(id);
    const ms = (timeDeltas[at] ?? 0) / 1000;
    atMs += ms;
    if (frame === undefined || NOT_BUSY.has(frame.functionName) || atMs < 0 || atMs > forMs) return;
    busyMs += ms;
    const place = frame.url === '' ? '' : `  ${shorten(frame.url)}:${frame.lineNumber + 1}`;
    add(rows, `${frame.functionName || '(anonymous)'}${place}`, ms);
    add(groups, origin(frame.functionName, frame.url), ms);
  });
  return { rows: byTime(rows), groups: byTime(groups), busyMs };
}

const byTime = (sums: Map<string, number>): SelfTime[] =>
  [...sums].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);

const shorten = (url: string): string => url.replace(/^file:\/\/.*?\/(?=node_modules\/|services\/|packages\/)/, '');

function origin(functionName: string, url: string): string {
  const path = shorten(url);
  if (path === '') {
    if (functionName.startsWith('(')) return functionName;
    return /^write(Buffer|v|\w+String)$/.test(functionName) ? 'native: socket writes' : 'native: other';
  }
  if (path.startsWith('node:')) return path.split('/').slice(0, 2).join('/');
  const parts = path.split('/');
  if (parts[0] === 'node_modules') return parts.slice(1, parts[1]?.startsWith('@') ? 3 : 2).join('/');
  return parts.slice(0, 4).join('/');
}
