import { readFileSync } from 'node:fs';
import { eventMessageId, requestId } from '@pressferry/contracts';
import type { Connection } from '@pressferry/jetstream';
import { openEventBody } from '@pressferry/runtime';
import { OUTCOME_BYTES } from '../load/plan.ts';
import { readPool } from '../load/pool.ts';
import { benchKeyring, benchSender } from '../load/site.ts';
import { readEvents } from './read-back.ts';

/** The stream against the answers. */
export interface Proof {
  /** Requests answered with 202. */
  accepted: number;
  /** Events in the stream. */
  stored: number;
  /** None means that both are the same set, byte for byte. */
  faults: string[];
}

/** The answered requests of several runs against one stack. */
export interface Ledger {
  add: (pool: readonly string[], outcomesFile: string) => void;
  prove: (connection: Connection, shards?: number) => Promise<Proof>;
}

const FAULTS_SHOWN = 5;

/** `keepBodies` also compares bodies, all in memory. */
export function createLedger({ keepBodies = true }: { keepBodies?: boolean } = {}): Ledger {
  const accepted = new Map<string, Buffer | null>();
  /** Without an answer: the event may or may not be in the stream. */
  const unknown = new Set<string>();
  const faults: string[] = [];
  const { siteId } = benchSender;

  return {
    add: (paths, outcomesFile) => {
      const pool = readPool(paths);
      const outcomes = readFileSync(outcomesFile);
      for (let index = 0; index < pool.count; index++) {
        const at = index * OUTCOME_BYTES;
        const status = outcomes.readUInt16LE(at);
        const key = pool.idempotencyKey(index);
        if (status === 202) accepted.set(key, keepBodies ? pool.body(index) : null);
        else unknown.add(key);
        const answered = outcomes.toString('latin1', at + 2, at + OUTCOME_BYTES);
        if (status === 202 && answered !== requestId(siteId, key)) faults.push(`key ${key} was answered ${answered}`);
      }
    },
    prove: async (connection, shards = 1) => {
      const missing = new Map(accepted);
      const seen = new Set<string>();
      const stored = await readEvents(connection, shards, (event, messageId) => {
        const key = event.idempotencyKey;
        const body = missing.get(key);
        missing.delete(key);
        if (seen.has(key)) faults.push(`key ${key} is stored twice`);
        else if (body === undefined && !unknown.has(key)) faults.push(`key ${key} was never sent`);
        else if (body?.equals(openEventBody(benchKeyring, event.body, event.requestId)) === false)
          faults.push(`key ${key} has another body`);
        if (event.requestId !== requestId(siteId, key)) faults.push(`key ${key} has request id ${event.requestId}`);
        if (messageId !== eventMessageId(siteId, key)) faults.push(`key ${key} has message id ${messageId}`);
        seen.add(key);
      });
      for (const key of missing.keys()) faults.push(`key ${key} was accepted and is not stored`);
      const more = faults.length - FAULTS_SHOWN;
      return {
        accepted: accepted.size,
        stored,
        faults: [...faults.slice(0, FAULTS_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])],
      };
    },
  };
}
