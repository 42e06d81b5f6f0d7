import { createHash } from 'node:crypto';
import { isSiteId } from './ids.ts';

/** A stable hash of the site id, 0 … shards − 1. */
export function shardOf(siteId: string, shards: number): number {
  return shards === 1 ? 0 : createHash('sha256').update(siteId).digest().readUInt32BE(0) % shards;
}

/** `pf.event.<shard>.<site>.<event type>` */
export const eventSubject = (shard: number, siteId: string, eventType: string): string =>
  `pf.event.${shard}.${siteId}.${eventType}`;

/** `pf.result.<shard>.<site>` */
export const resultSubject = (shard: number, siteId: string): string => `pf.result.${shard}.${siteId}`;

/** Of a subject of EVENTS or RESULTS; `unknown` if it names none. */
export function siteOfSubject(subject: string): string {
  const [, , , site = ''] = subject.split('.');
  return isSiteId(site) ? site : 'unknown';
}

/** `pf.dead.<stage>.<site>` */
export const deadLetterSubject = (stage: string, siteId: string): string => `pf.dead.${stage}.${siteId}`;

/** `pf.jti.<site>` */
export const replaySubject = (siteId: string): string => `pf.jti.${siteId}`;
