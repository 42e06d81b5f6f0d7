import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';

const NAMES = ['up', 'demo', 'clean'];

/** Refuses commands that need a checkout: the image has no servers for them and no writable folder. */
export function addCheckoutOnly(program: Command): void {
  for (const name of NAMES)
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        console.error(`pressferry ${name} runs in a checkout of the repository only: run \`make ${name}\` there`);
        process.exitCode = EXIT.usage;
      });
}
