import { verifyBodySignature } from '@pressferry/contracts';
import type { Moved, MoveRequest, Rotated, RotateRequest, SiteRefusal, SiteReport } from '@pressferry/registry';
import { errorFields, type Logger } from '@pressferry/runtime';
import { liveSecrets, type Site } from '@pressferry/sites';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Metrics } from '../metrics.ts';
import { type Refusal, SITE_ROUTES, type SiteRoute } from '../model.ts';
import { type AuthenticateDeps, authenticate } from './authenticate.ts';
import { sendRefusal } from './respond.ts';

export interface SiteDeps extends AuthenticateDeps {
  rotate: (siteId: string, request: RotateRequest) => Promise<Rotated | SiteRefusal>;
  move: (siteId: string, request: MoveRequest) => Promise<Moved | SiteRefusal>;
  publish: (siteId: string) => Promise<void>;
  heartbeat: (siteId: string, said: { homeUrl: string; report: SiteReport }) => Promise<void>;
  copySeen: (siteId: string, said: { homeUrl: string; report: SiteReport }) => Promise<void>;
  metrics: Pick<Metrics, 'siteRequest'>;
  logger: Logger;
}

const MAX_BODY_BYTES = 16_384;

type Work = (site: Site, body: unknown, how: { isSecretNewest: boolean }) => Promise<Record<string, unknown> | Refusal>;

/** `POST /heartbeat`, `/rotate`, `/move`, with token and `X-Signature` as for an event. */
export async function registerSite(app: FastifyInstance, deps: SiteDeps): Promise<void> {
  await app.register(async (scope) => {
    // The signature covers the raw bytes.
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    const works = { '/heartbeat': takeHeartbeat(deps), '/rotate': rotateKeys(deps), '/move': moveSite(deps) };
    for (const route of SITE_ROUTES)
      scope.post(route, { bodyLimit: MAX_BODY_BYTES }, (request, reply) =>
        serve(request, reply, { route, work: works[route], deps }),
      );
  });
}

interface Served {
  route: SiteRoute;
  work: Work;
  deps: SiteDeps;
}

async function serve(request: FastifyRequest, reply: FastifyReply, { route, work, deps }: Served) {
  const begun = performance.now();
  const caller = await authenticate(request.headers.authorization, deps);
  const answer = 'site' in caller ? await answerTo(request, caller.site, work, deps) : caller;
  const outcome = isRefusal(answer) ? answer.code : 'answered';
  deps.metrics.siteRequest(route, outcome === 'answered' ? 'answered' : 'refused');
  const site_id = 'site' in caller ? caller.site.siteId : undefined;
  deps.logger.info({ site_id, route, outcome, duration_ms: Math.round(performance.now() - begun) }, 'site.asked');
  if (isRefusal(answer)) return sendRefusal(reply, answer);
  return reply.header('content-type', 'application/json').send(JSON.stringify(answer));
}

const isRefusal = (answer: Record<string, unknown> | Refusal): answer is Refusal => 'code' in answer;

async function answerTo(
  { headers, body }: FastifyRequest,
  site: Site,
  work: Work,
  deps: SiteDeps,
): Promise<Record<string, unknown> | Refusal> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const signature = headers['x-signature'];
  if (typeof signature !== 'string') return { code: 'header_missing', detail: 'X-Signature' };
  const secrets = liveSecrets(site, deps.now());
  const at = secrets.findIndex((secret) => verifyBodySignature([secret], bytes, signature));
  if (at < 0) return { code: 'signature_mismatch' };
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { code: 'body_not_json' };
  }
  try {
    return await work(site, parsed, { isSecretNewest: at === 0 });
  } catch (error) {
    deps.logger.error({ ...errorFields(error), site_id: site.siteId }, 'site.request_failed');
    return { code: 'registry_unavailable', retryAfterSeconds: 5 };
  }
}

const invalid = ({ issues }: z.ZodError): Refusal => ({
  code: 'site_request_refused',
  detail: issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`).join('; '),
});

const seconds = z.number().min(0).max(1e10);
const version = z.string().max(40);
const reportSchema = z.object({
  plugin_version: version,
  wordpress_version: version,
  php_version: version,
  counts: z.record(z.string().max(20), z.int().min(0)).refine((counts) => Object.keys(counts).length <= 20),
  oldest_pending_s: seconds.nullable(),
  clock_offset_ms: z.number().nullable(),
  key_age_s: seconds.nullable(),
  cron_late_s: seconds,
});
const heartbeatSchema = reportSchema.extend({ home_url: z.string().max(2_048), is_copy: z.boolean() });

const takeHeartbeat =
  ({ heartbeat, copySeen }: SiteDeps): Work =>
  async (site, body, { isSecretNewest }) => {
    const parsed = heartbeatSchema.safeParse(body);
    if (!parsed.success) return invalid(parsed.error);
    const { home_url: homeUrl, is_copy: isCopy, ...report } = parsed.data;
    await (isCopy ? copySeen : heartbeat)(site.siteId, { homeUrl, report });
    return { status: isCopy ? 'copy' : site.status, home_url: site.issuer, rotate_secret: !isSecretNewest };
  };

const rotateSchema = z.strictObject({
  key: z.strictObject({ public_key: z.string().max(10_000), proof: z.string().max(4_096) }).optional(),
  secret: z.boolean().default(false),
});

const rotateKeys =
  ({ rotate, publish }: SiteDeps): Work =>
  async ({ siteId }, body) => {
    const parsed = rotateSchema.safeParse(body);
    if (!parsed.success) return invalid(parsed.error);
    const { key, secret } = parsed.data;
    const rotated = await rotate(siteId, {
      secret,
      key: key && { publicKey: key.public_key, proof: key.proof },
    });
    if (rotated.kind === 'refused') return { code: 'site_request_refused', detail: rotated.detail };
    await publish(siteId);
    const { kid, secret: drawn, formerUntil } = rotated;
    return {
      ...(kid !== undefined && { kid }),
      ...(drawn !== undefined && { secret: drawn }),
      former_valid_until: formerUntil.toISOString(),
    };
  };

const moveSchema = z.strictObject({
  home_url: z.string().max(2_048),
  callback_url: z.string().max(2_048).nullable(),
});

const moveSite =
  ({ move, publish }: SiteDeps): Work =>
  async ({ siteId }, body) => {
    const parsed = moveSchema.safeParse(body);
    if (!parsed.success) return invalid(parsed.error);
    const moved = await move(siteId, { homeUrl: parsed.data.home_url, callbackUrl: parsed.data.callback_url });
    if (moved.kind === 'refused') return { code: 'site_request_refused', detail: moved.detail };
    await publish(siteId);
    return { issuer: moved.issuer };
  };
