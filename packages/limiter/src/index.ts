export type { Allowed, Decision, Rate, RefusalCause, Refused, Scope } from './decision.ts';
export { limitHeaders } from './headers.ts';
export { type Limiter, type LimiterOptions, openLimiter } from './limiter.ts';
export type { LimiterState } from './model.ts';
export { memberIdOf, replicasOf } from './replica.ts';
