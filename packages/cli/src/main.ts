import { Command } from 'commander';
import { addClean } from './commands/clean.ts';
import { addUp } from './commands/up.ts';

const program = new Command('pressferry').description(
  'Carries events from WordPress sites to AI and CRM automations, and carries the results back.',
);
for (const add of [addUp, addClean]) add(program);
await program.parseAsync();
