import type { Database } from './open.ts';

/** Rolls `work` back; rejects if the database refuses it. */
export async function tryOut(db: Database, work: (tx: Database) => Promise<unknown>): Promise<void> {
  const taken = new Error('taken');
  const trying = db.transaction().execute(async (tx) => {
    await work(tx);
    throw taken;
  });
  await trying.catch((error: unknown) => {
    if (error !== taken) throw error;
  });
}
