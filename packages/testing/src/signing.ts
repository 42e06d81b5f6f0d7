export { type JourneySite, journeySites } from './journey/sites.ts';
export { ecKeyPair, edKeyPair, rsaKeyPair, type TestKeyPair } from './keys.ts';
export {
  type RequestOverrides,
  type SignedRequest,
  signedRequest,
  signedToken,
  type TestSender,
} from './signed-request.ts';
