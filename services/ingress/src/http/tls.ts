import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server as HttpServer, ServerOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ConfigError } from '@pressferry/runtime';

/** PEM files: the chain, its key and, for mTLS, the clients' CA. */
export interface TlsFiles {
  certPath: string;
  keyPath: string;
  clientCaPath?: string | undefined;
}

/** `refused` leaves the previous certificate in force. */
export type TlsEvent = { kind: 'first' | 'changed'; expiresAtMs: number } | { kind: 'refused'; fault: unknown };

/** Follows the files until `resources` are disposed of. Rejects with a `ConfigError` on unusable files. */
export async function createTlsServer(
  settings: ServerOptions,
  files: TlsFiles,
  resources: DisposableStack,
  onTls: (event: TlsEvent) => void,
): Promise<HttpServer> {
  const inForce = await readTls(files);
  const mutual = files.clientCaPath === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const server = createServer({
    ...settings,
    ...mutual,
    ...inForce,
    honorCipherOrder: true,
    handshakeTimeout: Math.min(HANDSHAKE_TIMEOUT_MS, settings.headersTimeout ?? HANDSHAKE_TIMEOUT_MS),
    ALPNProtocols: ['http/1.1'],
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  onTls({ kind: 'first', expiresAtMs: expiryOf(inForce) });
  const followed = followTls(
    server,
    { files, inForce },
    {
      onReload: (renewed) => onTls({ kind: 'changed', expiresAtMs: expiryOf(renewed) }),
      onFault: (fault) => onTls({ kind: 'refused', fault }),
    },
  );
  resources.use(followed);
  return server;
}

const HANDSHAKE_TIMEOUT_MS = 5_000;

/** TLS 1.2 with forward secrecy and authenticated ciphers only, and all of TLS 1.3. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const CHECK_MS = 1_000;

/** Throws a `ConfigError` if the files do not make a usable context. */
async function readTls(files: TlsFiles): Promise<SecureContextOptions> {
  try {
    const options = await readFiles(files);
    createSecureContext(options);
    return options;
  } catch (error) {
    throw new ConfigError(`the TLS files cannot be used: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

async function readFiles({ certPath, keyPath, clientCaPath }: TlsFiles): Promise<SecureContextOptions> {
  const [cert, key, ca] = await Promise.all([
    readFile(certPath),
    readFile(keyPath),
    clientCaPath === undefined ? undefined : readFile(clientCaPath),
  ]);
  return { cert, key, ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2', ciphers: CIPHERS };
}

/**
 * Puts renewed certificates in force without a restart. Polls each second, because a mounted Secret is swapped by a
 * link that no file watch follows. Unusable files are reported once; the old ones stay in force.
 */
function followTls(
  server: Server,
  { files, inForce }: { files: TlsFiles; inForce: SecureContextOptions },
  events: { onReload: (options: SecureContextOptions) => void; onFault: (error: unknown) => void },
): Disposable {
  let current = contentOf(inForce);
  let refused: string | undefined;
  let lastFault = '';
  const check = async (): Promise<void> => {
    const options = await readFiles(files);
    const content = contentOf(options);
    if (content === refused) return;
    if (content !== current) {
      refused = content;
      server.setSecureContext(options);
      current = content;
      events.onReload(options);
    }
    refused = undefined;
    lastFault = '';
  };
  const tick = (): void => {
    check().catch((error: unknown) => {
      const fault = error instanceof Error ? error.message : '';
      if (fault !== lastFault) events.onFault(error);
      lastFault = fault;
    });
  };
  const timer = setInterval(tick, CHECK_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const contentOf = ({ cert, key, ca }: SecureContextOptions): string => [cert, key, ca].map(String).join('\n');

/** When the first certificate of the chain ends, ms since the epoch. */
const expiryOf = ({ cert }: SecureContextOptions): number => new X509Certificate(String(cert)).validToDate.getTime();
