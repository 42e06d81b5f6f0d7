export * from './changes/add.ts';
export * from './changes/change.ts';
export * from './changes/endpoint.ts';
export { addKey, expireKey, MAX_LIVE } from './changes/keys.ts';
export * from './changes/members.ts';
export * from './changes/remove.ts';
export * from './changes/secrets.ts';
export * from './check/callback-url.ts';
export { type Labels, labelFault } from './check/labels.ts';
export * from './check/public-key.ts';
export * from './check/secret.ts';
export * from './check/settings.ts';
export * from './check/site.ts';
export * from './effective.ts';
export { type EnrolDeps, type Enrolled, type EnrolRefusal, type EnrolRequest, enrol } from './enrolment/enrol.ts';
export * from './enrolment/move.ts';
export { ENROLMENT_AUDIENCE } from './enrolment/proof.ts';
export * from './enrolment/rotate.ts';
export {
  hashOf as enrolmentTokenHash,
  isToken,
  makeTokens,
  revokeTokens,
  type TokenOrder,
} from './enrolment/tokens.ts';
export * from './health.ts';
export * from './heartbeats.ts';
export * from './publish.ts';
export * from './read.ts';
export * from './rounds.ts';
export * from './write.ts';
