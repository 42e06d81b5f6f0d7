export type { Allowed, Decision, Rate, RefusalCause, Refused, Scope } from './decision.ts';
export { limitHeaders } from './headers.ts';
export { type Limiter, type LimiterOptions, type LimiterState, openLimiter } from './limiter.ts';
