import { BUILT_IN_EVENT_TYPES, CatalogueError } from '@pressferry/contracts';
import { ConfigError, errorFields, type Logger } from '@pressferry/runtime';
import type { Metrics } from '../metrics.ts';
import { type FollowedCatalogue, followCatalogue } from './follow.ts';

/** The built-in event types and an operator's; throws a `ConfigError` if they are unusable at the start. */
export function openCatalogue(
  folders: readonly string[],
  metrics: Pick<Metrics, 'reloaded'>,
  logger: Logger,
): FollowedCatalogue {
  try {
    return followCatalogue([BUILT_IN_EVENT_TYPES, ...folders], {
      onChange: (changed) => {
        metrics.reloaded('catalogue', 'changed');
        logger.info({ event_types: changed.size }, 'catalogue.changed');
      },
      onFault: (error) => {
        metrics.reloaded('catalogue', 'refused');
        logger.error(errorFields(error), 'catalogue.refused');
      },
    });
  } catch (error) {
    throw error instanceof CatalogueError ? new ConfigError(error.message) : error;
  }
}
