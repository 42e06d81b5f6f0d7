import { fileURLToPath } from 'node:url';
import { type CommandRun, startCommand } from '@pressferry/testing';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Starts the `pressferry` of operators. */
export const pressferry = (args: string[], env: Record<string, string> = {}, input?: string): CommandRun =>
  startCommand(MAIN, args, env, input);
