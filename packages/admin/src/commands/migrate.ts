import { migrate } from '@pressferry/database';
import type { Command } from 'commander';
import { databaseFrom } from './connections.ts';
import { runCommand } from './run.ts';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database (DATABASE_URL) to the schema of this release; harmless to run twice')
    .action(() =>
      runCommand(async () => {
        await using db = databaseFrom(process.env);
        const applied = await migrate(db);
        console.log(applied.length === 0 ? 'the schema is up to date' : `applied ${applied.join(', ')}`);
      }),
    );
}
