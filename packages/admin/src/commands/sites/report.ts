import type { Change } from '@pressferry/registry';
import { EXIT } from '../exit-codes.ts';

/** `unpublished` is why replicas do not know of the change; null if they do. */
export interface Told {
  siteId: string;
  change: Change;
  unpublished: string | null;
  /** Text for people, and members of the JSON document. */
  more?: { text: string; json: Record<string, unknown> } | undefined;
}

export function tell({ siteId, change, unpublished, more }: Told, json: boolean): number {
  const exitCode = change.kind === 'refused' ? EXIT.failed : unpublished === null ? EXIT.done : EXIT.unpublished;
  if (json) {
    console.log(
      JSON.stringify({
        site_id: siteId,
        result: change.kind,
        ...(change.kind === 'refused' ? { why: change.why } : { says: change.says, in_force: unpublished === null }),
        ...(unpublished === null ? {} : { unpublished }),
        ...more?.json,
      }),
    );
    return exitCode;
  }
  if (change.kind === 'refused') {
    for (const why of change.why) console.error(why);
    return exitCode;
  }
  console.log(more === undefined ? change.says : `${change.says}; ${more.text}`);
  if (unpublished !== null) console.error(notYet(unpublished));
  return exitCode;
}

/** For a change that could not be published. */
export const notYet = (why: string): string =>
  `Postgres has it, but the services do not know it yet: ${why}\n` +
  'callback publishes it within a minute of NATS and itself being well; pressferry sites publish does it at once';
