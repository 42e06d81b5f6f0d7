import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import testKeys from './test-keys.json' with { type: 'json' };

/** A fixed key pair. The private keys are public: never use them elsewhere. */
export interface TestKeyPair {
  kid: string;
  alg: 'RS256' | 'ES256' | 'EdDSA';
  privateKey: KeyObject;
  publicKey: KeyObject;
  publicJwk: JsonWebKey & { kid: string; alg: string; use: 'sig' };
  publicPem: string;
}

/** RSA-2048. There are two, to test rotation and wrong keys. */
export const rsaKeyPair = (number: 0 | 1 = 0): TestKeyPair => keyPair('RS256', testKeys.rsa, number);

export const ecKeyPair = (number: 0 | 1 = 0): TestKeyPair => keyPair('ES256', testKeys.ec, number);

export const edKeyPair = (number: 0 | 1 = 0): TestKeyPair => keyPair('EdDSA', testKeys.ed, number);

function keyPair(alg: TestKeyPair['alg'], jwks: JsonWebKey[], number: number): TestKeyPair {
  const jwk = jwks[number];
  if (!jwk) throw new Error(`there is no ${alg} test key ${number}`);
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  const publicKey = createPublicKey(privateKey);
  const kid = `test-${alg.toLowerCase()}-${number}`;
  return {
    kid,
    alg,
    privateKey,
    publicKey,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}
