export { AddressRefusedError } from './connector.ts';
export { OUTBOUND_FAULTS, type OutboundFault } from './fault.ts';
export { createResolve, type Resolve, ResolveError } from './resolve.ts';
export {
  createOutboundTransport,
  type OutboundAnswer,
  type OutboundOptions,
  type OutboundRequest,
  type OutboundTransport,
} from './transport.ts';
