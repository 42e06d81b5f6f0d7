import { createProgram } from '@pressferry/admin';
import type { Command } from 'commander';
import { addClean } from './commands/clean.ts';
import { addDemo } from './commands/demo.ts';
import { addUp } from './commands/up.ts';

/** `pressferry` in a checkout: the operator's commands, and those that run everything on this machine. */
export const createCheckoutProgram = (): Command => createProgram([addUp, addDemo, addClean]);
