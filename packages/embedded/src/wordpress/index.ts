export { installWordPress, type WordPressInstallation } from './install.ts';
export { playgroundArgs } from './playground.ts';
export { type SiteConfig, startWordPress, type WordPress, type WordPressOptions } from './server.ts';
export type { EventState, PublishedPost, ResultState, SiteStatus } from './site.ts';
