import { spawn } from 'node:child_process';

// Reads from a pipe that only we hold open: end of file means that this process is gone, even by SIGKILL.
const SCRIPT = `
read -r _
kill -s "$2" "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt "$3" ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL "$1" 2>/dev/null
`;

/** When this process ends, stops `pid`, and kills it after `graceMs`; returns a cancel function. */
export function watchParent(child: { pid: number; stopSignal: NodeJS.Signals; graceMs: number }): () => void {
  const args = [String(child.pid), child.stopSignal.replace(/^SIG/, ''), String(Math.ceil(child.graceMs / 100))];
  const watchdog = spawn('sh', ['-c', SCRIPT, 'pressferry-watchdog', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell there is no watchdog; the child still runs.
  watchdog.on('error', () => {});
  watchdog.stdin?.on('error', () => {});
  return () => watchdog.kill('SIGKILL');
}
