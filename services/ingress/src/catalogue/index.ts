export { type FollowedCatalogue, type FollowOptions, followCatalogue } from './follow.ts';
export { openCatalogue } from './open.ts';
