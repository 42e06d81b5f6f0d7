import type { Health } from '../model.ts';

/**
 * By the last attempt: acknowledged (`proven`), none (`unproven`), failed (`failing`); `open` failed so often that it
 * is only probed.
 */
export type Standing = 'proven' | 'unproven' | 'failing' | 'open';

export interface BreakerSettings {
  failures: number;
  /** The pause between probes doubles from the first to the second. */
  probeMinMs: number;
  probeMaxMs: number;
}

export const unknownHealth = (callbackUrl: string): Health => ({
  callbackUrl,
  lastSuccessAtMs: null,
  straightFailures: 0,
  probePauseMs: null,
  nextProbeAtMs: null,
  goneSinceMs: null,
});

export function standingOf(health: Health | undefined, { failures }: Pick<BreakerSettings, 'failures'>): Standing {
  if (health === undefined) return 'unproven';
  if (health.straightFailures >= failures) return 'open';
  if (health.straightFailures > 0) return 'failing';
  return health.lastSuccessAtMs === null ? 'unproven' : 'proven';
}

export const afterSuccess = ({ callbackUrl }: Health, nowMs: number): Health => ({
  ...unknownHealth(callbackUrl),
  lastSuccessAtMs: nowMs,
});

/**
 * `isProbe`: the attempt began while the breaker was open. Only a probe's failure lengthens the pause. Pauses have ±20
 * % jitter; `random` gives [0, 1).
 */
export function afterFailure(
  health: Health,
  failure: { nowMs: number; isProbe: boolean },
  settings: BreakerSettings,
  random: () => number,
): Health {
  const straightFailures = health.straightFailures + 1;
  const { probePauseMs } = health;
  if (straightFailures < settings.failures) return { ...health, straightFailures };
  if (probePauseMs !== null && !failure.isProbe) return { ...health, straightFailures };
  const pauseMs = probePauseMs === null ? settings.probeMinMs : Math.min(probePauseMs * 2, settings.probeMaxMs);
  const spreadMs = Math.round(pauseMs * (0.8 + 0.4 * random()));
  return { ...health, straightFailures, probePauseMs: pauseMs, nextProbeAtMs: failure.nowMs + spreadMs };
}

/** A host or a CDN may answer an unsigned 410, so only its duration counts. */
export const afterUnsignedGone = (health: Health, nowMs: number): Health => ({
  ...health,
  goneSinceMs: health.goneSinceMs ?? nowMs,
});

/** True once unsigned 410s have been seen over `holdMs` without an acknowledgement between. */
export const isGoneFor = (health: Health | undefined, nowMs: number, holdMs: number): boolean =>
  health !== undefined && health.goneSinceMs !== null && nowMs - health.goneSinceMs >= holdMs;
