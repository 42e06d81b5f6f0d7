import {
  type DatabaseFault,
  full,
  type Owner,
  readOnly,
  refuse,
  TABLES,
  victimOf,
  withoutColumn,
  withoutPrivilege,
} from '../faults/index.ts';
import { signalTree } from '../journey/process-tree.ts';
import type { WorkerUnderTest } from './subject.ts';

export interface Outage {
  name: string;
  begin: (subject: WorkerUnderTest, owner: Owner) => Promise<void>;
  end: (subject: WorkerUnderTest, owner: Owner) => Promise<void>;
}

const outage = (
  name: string,
  faultOf: (subject: WorkerUnderTest, owner: Owner) => DatabaseFault | Promise<DatabaseFault>,
): Outage => ({
  name,
  begin: async (subject, owner) => owner.begin(await faultOf(subject, owner)),
  end: async (subject, owner) => owner.end(await faultOf(subject, owner)),
});

/** Failures of a database that no event or result caused. */
export const OUTAGES: Outage[] = [
  {
    name: 'is away',
    begin: ({ postgres }) => postgres.stop(),
    end: ({ postgres }) => postgres.restart(),
  },
  {
    name: 'hangs',
    begin: async ({ postgres }) => signalTree(postgres.pid, 'SIGSTOP'),
    end: async ({ postgres }) => signalTree(postgres.pid, 'SIGCONT'),
  },
  outage('is read-only', ({ databaseUrl }) => readOnly(victimOf(databaseUrl))),
  outage('is full', async (_subject, owner) =>
    full((await owner.read<{ name: string }>(TABLES)).map(({ name }) => name)),
  ),
  outage('misses a column', ({ queue }) => withoutColumn(queue.table, 'lease_until')),
  outage('misses a privilege', ({ queue, databaseUrl }) => withoutPrivilege(queue.table, victimOf(databaseUrl))),
];

export const refuseRow = ({ intake }: WorkerUnderTest, intakeId: string): DatabaseFault =>
  refuse(intake.table, { sqlState: '22021', condition: `new.${intake.key} = '${intakeId}'` });
