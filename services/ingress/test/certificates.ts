import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its key as PEM, made for one test run. */
export interface Identity {
  cert: string;
  key: string;
}

/**
 * Makes a certificate for localhost and 127.0.0.1, signed by another one or by itself: what X.509 (RFC 5280) asks of one at least,
 * so that no key has to lie in the repository and nothing expires there.
 */
export function makeIdentity(name: string, issuer?: Identity & { name: string }): Identity & { name: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer: KeyObject = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const signed = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    commonName(issuer?.name ?? name),
    sequence(utcTime(-HOUR_MS), utcTime(24 * HOUR_MS)),
    commonName(name),
    publicKey.export({ format: 'der', type: 'spki' }),
    tlv(0xa3, sequence(isAuthority, alternativeNames)),
  );
  const signature = sign('sha256', signed, signer);
  const certificate = sequence(signed, ECDSA_SHA256, tlv(0x03, Buffer.from([0]), signature));
  return { name, cert: pem(certificate), key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) };
}

const HOUR_MS = 3_600_000;

/** A DER element: tag, length, contents. */
function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const lengthBytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), content]);
}

const sequence = (...contents: Buffer[]): Buffer => tlv(0x30, ...contents);
const integer = (bytes: Buffer): Buffer => tlv(0x02, bytes);
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
const TRUE = tlv(0x01, Buffer.from([0xff]));

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const commonName = (name: string): Buffer =>
  sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(name, 'utf8')))));
/** `YYMMDDHHMMSSZ`, so far from now. */
const utcTime = (offsetMs: number): Buffer => {
  const digits = new Date(Date.now() + offsetMs).toISOString().replaceAll(/\D/g, '');
  return tlv(0x17, Buffer.from(`${digits.slice(2, 14)}Z`));
};
const isAuthority = sequence(oid('551d13'), TRUE, tlv(0x04, sequence(TRUE)));
const alternativeNames = sequence(
  oid('551d11'),
  tlv(0x04, sequence(tlv(0x82, Buffer.from('localhost')), tlv(0x87, Buffer.from([127, 0, 0, 1])))),
);

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
