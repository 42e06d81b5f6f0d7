interface Live {
  what: string;
  kill: () => unknown;
}

const live = new Set<Live>();
/** A busy machine takes long to dispose. */
const GRACE_MS = Number(process.env.LEAK_GRACE_MS ?? 60_000);

/** Tracks a child process; the test file fails unless `release` is called by the end of its tests. */
export function trackLive(what: string, kill: () => unknown): { release: () => void } {
  const entry = { what, kill };
  live.add(entry);
  return { release: () => live.delete(entry) };
}

// This hook runs before the test file's own, so the file gets a moment to dispose. A leaked child keeps the process
// alive until the timer rings; without one nothing is delayed.
if (isTestFile())
  process.getBuiltinModule('node:test').after(() => {
    setTimeout(failOnLeaks, GRACE_MS).unref();
  });

/** Benchmarks use this package too: a hook would have them report on no tests. */
function isTestFile(): boolean {
  return process.env.NODE_TEST_CONTEXT !== undefined || /\.(test|live)\.ts$/.test(process.argv[1] ?? '');
}

function failOnLeaks(): void {
  if (live.size === 0) return;
  const leaked = [...live].map(({ what }) => what).join(', ');
  process.stderr.write(`leaked by this test file, never disposed: ${leaked}\n`);
  process.exitCode = 1;
  for (const { kill } of live) kill();
}
