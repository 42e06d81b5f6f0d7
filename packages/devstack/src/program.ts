import { createProgram } from '@pressferry/admin';
import type { Command } from 'commander';
import { addClean } from './commands/clean.ts';
import { addDemo } from './commands/demo.ts';
import { addUp } from './commands/up.ts';

/** The operator's commands, and those for this machine. */
export const createCheckoutProgram = (): Command => createProgram([addUp, addDemo, addClean]);
