import type { RequestListener } from 'node:http';
import { PROBLEMS } from '@pressferry/contracts';
import { ConfigError, errorFields, type Logger } from '@pressferry/runtime';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { type HttpServer, listen } from './server.ts';

/** Listens as the configuration says; rejects with a `ConfigError` where its TLS files are missing or cannot be used. */
export async function openServer(
  config: Config,
  handle: RequestListener,
  { metrics, logger }: { metrics: Pick<Metrics, 'handled' | 'reloaded' | 'certificate'>; logger: Logger },
): Promise<HttpServer> {
  const { TLS_CERT_PATH: certPath, TLS_KEY_PATH: keyPath, TLS_CLIENT_CA_PATH: clientCaPath } = config;
  if ((certPath === undefined) !== (keyPath === undefined) || (clientCaPath !== undefined && certPath === undefined)) {
    throw new ConfigError('TLS_CERT_PATH and TLS_KEY_PATH go together, and TLS_CLIENT_CA_PATH with both');
  }
  if (config.HEADERS_TIMEOUT_MS > config.REQUEST_TIMEOUT_MS) {
    throw new ConfigError(
      'HEADERS_TIMEOUT_MS must not be above REQUEST_TIMEOUT_MS: the headers are part of the request',
    );
  }
  return listen(handle, {
    host: config.HTTP_HOST,
    port: config.HTTP_PORT,
    tls: certPath === undefined || keyPath === undefined ? undefined : { certPath, keyPath, clientCaPath },
    headersTimeoutMs: config.HEADERS_TIMEOUT_MS,
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT_MS,
    maxConnections: config.MAX_CONNECTIONS,
    onRefused: (code) => {
      metrics.handled(code, 0);
      logger.info({ outcome: code, status: PROBLEMS[code][0] }, 'request.handled');
    },
    onTls: (event) => {
      if (event.kind !== 'first') metrics.reloaded('certificate', event.kind);
      if (event.kind === 'refused') return logger.error(errorFields(event.fault), 'certificate.refused');
      metrics.certificate(event.expiresAtMs / 1000);
      if (event.kind === 'changed') logger.info('certificate.changed');
    },
  });
}
