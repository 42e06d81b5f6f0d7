import type { Catalogue } from '@pressferry/contracts';
import { ConfigError, errorFields, type Logger } from '@pressferry/runtime';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import { type AdmitDeps, addAdmission } from './http/admit.ts';
import { type AnswerDeps, addAnswers } from './http/answer.ts';
import type { BodyDeps } from './http/body.ts';
import type { Connections } from './http/connections.ts';
import { logRefusedBytes } from './http/request-log.ts';
import { buildServer, urlOf } from './http/server.ts';
import type { TlsEvent, TlsFiles } from './http/tls.ts';
import type { FindSiteDeps, IngestDeps } from './ingest/handle.ts';
import type { StateDeps } from './ingest/state.ts';
import type { Metrics } from './metrics.ts';
import { addDescription } from './routes/description.ts';
import { addEvents } from './routes/events.ts';
import { addState } from './routes/state.ts';
import { refuseRoute } from './routes/unknown.ts';

export interface ApiDeps {
  http: Omit<AdmitDeps, 'refuseRoute'> & Omit<AnswerDeps, 'metrics'>;
  metrics: Metrics;
  ingest: IngestDeps & FindSiteDeps & BodyDeps;
  state: StateDeps;
  catalogue: () => Catalogue;
  logger: Logger;
}

/** Disposal answers requests in flight, then closes every connection. */
export interface Api extends AsyncDisposable {
  url: string;
}

/** Rejects with a `ConfigError` if its TLS files are missing or unusable. */
export async function openApi(config: Config, deps: ApiDeps): Promise<Api> {
  const { connections } = deps.http;
  const tls = tlsFiles(config);
  const app = await openServer(config, tls, connections, deps);
  const isTls = tls !== undefined;
  addAnswers(app, { ...deps.http, metrics: deps.metrics });
  addAdmission(app, { ...deps.http, refuseRoute });
  app.register((events) => addEvents(events, deps.ingest));
  app.register((state) => addState(state, deps.state));
  app.register((description) => addDescription(description, deps.catalogue));
  const close = { [Symbol.asyncDispose]: () => app.close() };
  try {
    await app.listen({ host: config.HTTP_HOST, port: config.HTTP_PORT });
  } catch (error) {
    await app.close();
    throw error;
  }
  return { url: urlOf(app.server, isTls), ...close };
}

function openServer(
  config: Config,
  tls: TlsFiles | undefined,
  connections: Connections,
  { metrics, logger }: ApiDeps,
): Promise<FastifyInstance> {
  if (config.HEADERS_TIMEOUT_MS > config.REQUEST_TIMEOUT_MS) {
    throw new ConfigError(
      'HEADERS_TIMEOUT_MS must not be above REQUEST_TIMEOUT_MS: the headers are part of the request',
    );
  }
  return buildServer({
    ...{ tls, connections },
    headersTimeoutMs: config.HEADERS_TIMEOUT_MS,
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: config.KEEP_ALIVE_TIMEOUT_MS,
    maxConnections: config.MAX_CONNECTIONS,
    onRefused: (code) => {
      metrics.handled(code, 0);
      logRefusedBytes(logger, code);
    },
    onTls: (event) => tellOfTls(event, metrics, logger),
  });
}

function tlsFiles(config: Config): TlsFiles | undefined {
  const { TLS_CERT_PATH: certPath, TLS_KEY_PATH: keyPath, TLS_CLIENT_CA_PATH: clientCaPath } = config;
  if ((certPath === undefined) !== (keyPath === undefined) || (clientCaPath !== undefined && certPath === undefined)) {
    throw new ConfigError('TLS_CERT_PATH and TLS_KEY_PATH go together, and TLS_CLIENT_CA_PATH with both');
  }
  return certPath === undefined || keyPath === undefined ? undefined : { certPath, keyPath, clientCaPath };
}

function tellOfTls(event: TlsEvent, metrics: Metrics, logger: Logger): void {
  if (event.kind !== 'first') metrics.reloaded('certificate', event.kind);
  if (event.kind === 'refused') logger.error(errorFields(event.fault), 'certificate.refused');
  else metrics.certificate(event.expiresAtMs / 1000);
  if (event.kind === 'changed') logger.info('certificate.changed');
}
