export { childrenOf, signalTree, statFields } from './process-tree.ts';
export type { ServiceProcess } from './service.ts';
export { type Arrival, type Sink, type SinkOptions, startSink } from './sink.ts';
export { type JourneySite, journeySites } from './sites.ts';
export {
  JOURNEY_SERVICES,
  type JourneyService,
  type JourneyStack,
  type JourneyStackOptions,
  newSealingKeys,
  startJourneyStack,
} from './stack.ts';
export { startVendor, type VendorCall, type VendorOptions, type VendorStub } from './vendor.ts';
