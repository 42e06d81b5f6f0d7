import { type Child, type Exit, poll, type Server, startChild, startServer } from '@pressferry/embedded';
import { GRACE_MS } from './services.ts';

/** A Node program to run as its own server. */
export interface Program {
  name: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  port: number;
  /** Answers 200 once the program can be used. */
  readyPath: string;
  /** Answers 200 once the program runs, even without its dependencies; enough after a restart. */
  livePath: string;
  signal: AbortSignal;
  onLog: (line: string) => void;
  onUnexpectedExit: (exit: Exit) => void;
}

export class EndedError extends Error {
  override name = 'EndedError';
  readonly exit: Exit;

  constructor(message: string, exit: Exit) {
    super(message);
    this.exit = exit;
  }
}

const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;

/** Resolves once the program is ready, else rejects with its last lines of log. */
export async function startProgram(program: Program): Promise<Server> {
  let isFirst = true;
  return startServer({
    port: program.port,
    url: (port) => `http://127.0.0.1:${port}`,
    launch: async (port) => {
      if (port !== program.port)
        throw new Error(`port ${program.port} for ${program.name} was taken by another program`);
      const path = isFirst ? program.readyPath : program.livePath;
      const child = await launch(program, `http://127.0.0.1:${port}${path}`);
      isFirst = false;
      return child;
    },
    onUnexpectedExit: program.onUnexpectedExit,
  });
}

async function launch(program: Program, probeUrl: string): Promise<Child> {
  const { name, args, cwd, env, signal, onLog } = program;
  const child = await startChild({
    command: process.execPath,
    args,
    cwd,
    env,
    stopSignal: 'SIGTERM',
    graceMs: GRACE_MS + 2_000,
    onLog,
  });
  let lastAnswer = '';
  const probe = async (): Promise<true | undefined> => {
    signal.throwIfAborted();
    if (!child.running) {
      const exit = await child.exited;
      throw new EndedError(`${name} ended with ${describeExit(exit)}; it said:\n${child.recentLog()}`, exit);
    }
    const answer = await ask(probeUrl);
    lastAnswer = answer.text;
    return answer.ok ? true : undefined;
  };
  try {
    await poll(`${name} to be ready`, probe, { timeoutMs: READY_TIMEOUT_MS });
    return child;
  } catch (error) {
    await child.stop();
    if (error instanceof EndedError || signal.aborted) throw error;
    throw new Error(`${name} did not become ready: ${lastAnswer.trim()}\n${child.recentLog()}`, { cause: error });
  }
}

async function ask(url: string): Promise<{ ok: boolean; text: string }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return { ok: response.ok, text: await response.text() };
  } catch {
    return { ok: false, text: 'it does not answer' };
  }
}

export const describeExit = ({ code, signal }: Exit): string => (signal === null ? `code ${code}` : `signal ${signal}`);
