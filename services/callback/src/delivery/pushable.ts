import type { Site } from '@pressferry/sites';

/** A site that results are pushed to. */
export type PushableSite = Site & { callbackUrl: string };

/** True for a registered, active site with a callback URL that was not stopped. Deliveries of all others are held, and can be polled. */
export const isPushable = (site: Site | undefined): site is PushableSite =>
  site !== undefined && site.status === 'active' && site.callbackUrl !== null;
