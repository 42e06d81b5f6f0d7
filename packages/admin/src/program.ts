import { REVISION, VERSION } from '@pressferry/runtime';
import { Command } from 'commander';
import { addAutomations } from './commands/automations.ts';
import { addBudgets } from './commands/budgets.ts';
import { addCheckoutOnly } from './commands/checkout-only.ts';
import { addDead } from './commands/dead.ts';
import { addDeliveries } from './commands/deliveries.ts';
import { addDoctor } from './commands/doctor.ts';
import { addErase } from './commands/erase.ts';
import { addEvents } from './commands/events.ts';
import { EXIT } from './commands/exit-codes.ts';
import { addMigrate } from './commands/migrate.ts';
import { addRetention } from './commands/retention.ts';
import { addRuns } from './commands/runs.ts';
import { addSeal } from './commands/seal.ts';
import { addSend } from './commands/send.ts';
import { addSites } from './commands/sites/index.ts';
import { addStreams } from './commands/streams.ts';
import { addTail } from './commands/tail.ts';

type Add = (program: Command) => void;

/** For operators, also in the image; a checkout replaces the refusals by its own commands. */
export function createProgram(checkoutCommands: readonly Add[] = [addCheckoutOnly]): Command {
  const program = new Command('pressferry')
    .description('Carries events from WordPress sites to AI and CRM automations, and carries the results back.')
    .version(`${VERSION} (${REVISION})`, '--version', 'the release, and the commit that it was built from')
    // Commander exits with 1 for a wrong option, which here means a failed command.
    .exitOverride(({ exitCode }) => process.exit(exitCode === EXIT.failed ? EXIT.usage : exitCode));
  for (const add of [
    ...checkoutCommands,
    addMigrate,
    addRetention,
    addErase,
    addStreams,
    addAutomations,
    addBudgets,
    addSites,
    addEvents,
    addRuns,
    addDead,
    addDeliveries,
    addDoctor,
    addSeal,
    addSend,
    addTail,
  ])
    add(program);
  return program;
}
