export { type FollowedCatalogue, type FollowOptions, followCatalogue } from './follow.ts';
