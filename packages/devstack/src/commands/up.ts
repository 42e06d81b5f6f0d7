import { runInForeground } from '@pressferry/admin';
import type { Command } from 'commander';
import { terminalReporter } from '../output/terminal.ts';
import { dataPaths } from '../paths.ts';
import { startStack } from '../stack/stack.ts';
import { type StackFlags, stackOf, stackOptions } from './options.ts';

export function addUp(program: Command): void {
  const command = program
    .command('up')
    .description('run everything on this machine: Postgres, NATS, two demo sites, all services, simulated vendors');
  for (const option of stackOptions()) command.addOption(option);
  command.action(async (flags: StackFlags) => {
    process.exitCode = await runInForeground(async ({ signal, resources, fail, onForce }) => {
      const reporter = terminalReporter(flags);
      const startedAt = performance.now();
      const stack = resources.use(await startStack({ ...stackOf(flags), reporter, signal, fail }));
      onForce(stack.kill);
      reporter.say(`Pressferry is up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      reporter.say(`events go to ${stack.file.ingressUrls.map((url) => `${url}/ingest`).join(', ')}`);
      reporter.say(`addresses, keys and samples: ${dataPaths(flags.dataDir).stack} (secret); Ctrl-C stops it all`);
      return 'stay';
    });
  });
}
