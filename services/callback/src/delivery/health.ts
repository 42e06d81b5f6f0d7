import type { Health } from '../model.ts';

/**
 * The health of an endpoint. `proven`: it acknowledged last time. `unproven`: nothing is known of it. `failing`: it failed last time.
 * `open`: it failed so often that it is only probed.
 */
export type Standing = 'proven' | 'unproven' | 'failing' | 'open';

/** When an endpoint counts as open, and how it is probed then. */
export interface BreakerSettings {
  /** Straight failures that open it. */
  failures: number;
  /** The pause between probes, doubled from the first to the second. */
  probeMinMs: number;
  probeMaxMs: number;
}

/** An endpoint that nothing is known of. */
export const unknownHealth = (callbackUrl: string): Health => ({
  callbackUrl,
  lastSuccessAtMs: null,
  straightFailures: 0,
  probePauseMs: null,
  nextProbeAtMs: null,
  goneSinceMs: null,
});

/** The health of an endpoint, by its record. */
export function standingOf(health: Health | undefined, { failures }: Pick<BreakerSettings, 'failures'>): Standing {
  if (health === undefined) return 'unproven';
  if (health.straightFailures >= failures) return 'open';
  if (health.straightFailures > 0) return 'failing';
  return health.lastSuccessAtMs === null ? 'unproven' : 'proven';
}

/** The endpoint acknowledged. */
export const afterSuccess = ({ callbackUrl }: Health, nowMs: number): Health => ({
  ...unknownHealth(callbackUrl),
  lastSuccessAtMs: nowMs,
});

/**
 * The endpoint failed as a whole. `isProbe` says that the attempt began while the breaker was open: only its failure lengthens the
 * pause, because what began before says nothing new. Pauses are spread by ±20 %; `random` gives [0, 1).
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

/** The endpoint answered 410 without a signature: a host or a CDN may have said it, so only the time over which it is seen counts. */
export const afterUnsignedGone = (health: Health, nowMs: number): Health => ({
  ...health,
  goneSinceMs: health.goneSinceMs ?? nowMs,
});

/** True once unsigned 410s have been seen over `holdMs` with no acknowledgement between them. */
export const isGoneFor = (health: Health | undefined, nowMs: number, holdMs: number): boolean =>
  health !== undefined && health.goneSinceMs !== null && nowMs - health.goneSinceMs >= holdMs;
