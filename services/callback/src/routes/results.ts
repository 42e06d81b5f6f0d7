import type { Database } from '@pressferry/database';
import { errorFields, type Keyring, type Logger } from '@pressferry/runtime';
import type { Site } from '@pressferry/sites';
import type { DatabaseHealth } from '@pressferry/worker';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type PolledResult, pollRequest, pollResults } from '../db/poll.ts';
import type { Metrics } from '../metrics.ts';
import type { Refusal } from '../model.ts';
import { type AuthenticateDeps, authenticate } from './authenticate.ts';
import { encodeCursor } from './cursor.ts';
import { parsePage, parseRequestId } from './parameters.ts';
import { sendRefusal } from './respond.ts';

export interface ResultsDeps extends AuthenticateDeps {
  db: Database;
  health: Pick<DatabaseHealth, 'suspect'>;
  keyring: Pick<Keyring, 'open'>;
  metrics: Pick<Metrics, 'poll' | 'deliveries'>;
  logger: Logger;
}

/** The answer's JSON, how many results it holds, and how many deliveries it ended. */
interface Shown {
  json: string;
  results: number;
  polled: number;
}

type Work = (site: Site, request: FastifyRequest) => Promise<Shown | Refusal>;

const UNAVAILABLE: Refusal = { code: 'results_unavailable', retryAfterSeconds: 5 };

/** `GET /results?since=&limit=` and `GET /results/{request_id}`, for the site that the token names. */
export function registerResults(app: FastifyInstance, deps: ResultsDeps): void {
  app.get('/results', serve(showPage(deps), deps));
  app.get('/results/:requestId', serve(showRequest(deps), deps));
}

const showPage =
  ({ db, keyring }: ResultsDeps): Work =>
  async (site, request) => {
    const parameters = parsePage(request.query as Record<string, unknown>);
    if (parameters === null) return { code: 'parameter_invalid' };
    const page = await pollResults(db, site.siteId, parameters);
    if (page.kind === 'cursor_unknown') return { code: 'parameter_invalid' };
    const { results, hasMore, polled } = page;
    const cursor = encodeCursor(results.at(-1)?.cursor ?? parameters.since);
    const json = `{"results":${openAll(results, keyring)},"cursor":"${cursor}","has_more":${hasMore}}`;
    return { json, results: results.length, polled };
  };

const showRequest =
  ({ db, keyring }: ResultsDeps): Work =>
  async (site, request) => {
    const requestId = parseRequestId((request.params as { requestId: string }).requestId);
    if (requestId === null) return { code: 'parameter_invalid' };
    const { results, polled } = await pollRequest(db, site.siteId, requestId);
    if (results.length === 0) return { code: 'result_unknown' };
    const json = `{"request_id":"${requestId}","results":${openAll(results, keyring)}}`;
    return { json, results: results.length, polled };
  };

/**
 * The bodies as they were sealed: compact JSON. Throws if one does not open: a poll must not skip a result silently.
 */
const openAll = (results: readonly PolledResult[], keyring: Pick<Keyring, 'open'>): string =>
  `[${results.map(({ resultId, sealedBody }) => keyring.open(sealedBody, `result:${resultId}`).toString('utf8')).join(',')}]`;

/** Also writes the log line and the metrics of a poll. */
function serve(work: Work, deps: ResultsDeps) {
  const { metrics, logger } = deps;
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const begun = performance.now();
    const caller = await authenticate(request.headers.authorization, deps);
    const site = 'site' in caller ? caller.site : undefined;
    const answer = 'site' in caller ? await attemptWork(work, caller.site, request, deps) : caller;
    const durationMs = performance.now() - begun;
    const isRefusal = 'code' in answer;
    metrics.poll(isRefusal ? answer.code : 'answered', durationMs / 1000);
    if (!isRefusal) metrics.deliveries('polled', answer.polled);
    const line = {
      // Only a verified token names its site.
      site_id: site?.siteId,
      outcome: isRefusal ? answer.code : 'answered',
      ...(isRefusal ? {} : { results: answer.results, polled_deliveries: answer.polled }),
      duration_ms: Math.round(durationMs),
    };
    logger.info(line, 'results.polled');
    if (isRefusal) return sendRefusal(reply, answer);
    return reply.header('content-type', 'application/json').send(answer.json);
  };
}

/** If Postgres or a sealed body fails, the results exist and cannot be shown now. */
async function attemptWork(
  work: Work,
  site: Site,
  request: FastifyRequest,
  { health, logger }: ResultsDeps,
): Promise<Shown | Refusal> {
  try {
    return await work(site, request);
  } catch (error) {
    health.suspect();
    logger.error({ ...errorFields(error), site_id: site.siteId }, 'results.unavailable');
    return UNAVAILABLE;
  }
}
