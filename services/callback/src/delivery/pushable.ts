import type { Site } from '@pressferry/sites';

export type PushableSite = Site & { callbackUrl: string };

/** Registered, active and not stopped. Deliveries of other sites are held, and can be polled. */
export const isPushable = (site: Site | undefined): site is PushableSite =>
  site !== undefined && site.status === 'active' && site.callbackUrl !== null;
