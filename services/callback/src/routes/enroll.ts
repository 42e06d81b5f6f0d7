import type { Limiter } from '@pressferry/limiter';
import type { Enrolled, EnrolRefusal, EnrolRequest } from '@pressferry/registry';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { EnrolmentRefusal, Metrics } from '../metrics.ts';
import type { Refusal } from '../model.ts';
import { refuseBeyond } from './limit.ts';
import { sendRefusal } from './respond.ts';

export interface EnrollDeps {
  enrol: (request: EnrolRequest) => Promise<Enrolled | EnrolRefusal>;
  publish: (siteId: string) => Promise<void>;
  limiter: Pick<Limiter, 'take'>;
  /** The addresses of this deployment that a site is told. */
  addresses: { ingressUrl: string | undefined; resultsUrl: string | undefined };
  metrics: Pick<Metrics, 'enrolment'>;
  logger: Logger;
}

const MAX_BODY_BYTES = 16_384;
/** Per address: enough for a script that enrols a fleet from one address. */
const RATE = { perMinute: 600, burst: 600 };

const bodySchema = z.strictObject({
  token: z.string().max(200),
  home_url: z.string().max(2_048),
  callback_url: z.string().max(2_048).nullable().default(null),
  public_key: z.string().max(10_000),
  proof: z.string().max(4_096),
});

/** `POST /enroll`: a site registers with a one-time token and its public key. */
export function registerEnroll(app: FastifyInstance, deps: EnrollDeps): void {
  app.post('/enroll', { bodyLimit: MAX_BODY_BYTES }, async (request, reply) => {
    const begun = performance.now();
    const answer = await answerTo(request, deps);
    const outcome = 'code' in answer ? answer.code : 'enrolled';
    deps.metrics.enrolment(outcome);
    const durationMs = Math.round(performance.now() - begun);
    const siteId = 'siteId' in answer ? answer.siteId : undefined;
    deps.logger.info({ site_id: siteId, outcome, duration_ms: durationMs }, 'site.enrolled');
    return send(reply, answer, deps);
  });
}

type Answer = Enrolled | (Refusal & { code: EnrolmentRefusal });

async function answerTo(request: FastifyRequest, deps: EnrollDeps): Promise<Answer> {
  const limited = await refuseBeyond<EnrolmentRefusal>(deps.limiter, {
    scope: 'ip',
    key: request.ip,
    rate: RATE,
    spent: 'rate_limited_ip',
    unavailable: 'registry_unavailable',
  });
  if (limited !== null) return limited;
  const parsed = bodySchema.safeParse(request.body);
  if (!parsed.success) return { code: 'enrolment_refused', detail: describe(parsed.error) };
  const { token, home_url: homeUrl, callback_url: callbackUrl, public_key: publicKey, proof } = parsed.data;
  try {
    const outcome = await deps.enrol({ token, homeUrl, callbackUrl, publicKey, proof });
    if (outcome.kind === 'refused') return { code: outcome.code, detail: outcome.detail };
    await deps.publish(outcome.siteId);
    return outcome;
  } catch (error) {
    // The token may be spent on this key; a repeat is answered with the same ids.
    deps.logger.error(errorFields(error), 'enrolment.failed');
    return { code: 'registry_unavailable', retryAfterSeconds: 5 };
  }
}

const describe = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`).join('; ');

function send(reply: FastifyReply, answer: Answer, { addresses }: EnrollDeps): FastifyReply {
  if ('code' in answer) return sendRefusal(reply, answer);
  const { siteId, kid, secret, issuer, audience } = answer;
  return reply
    .code(201)
    .header('content-type', 'application/json')
    .send(
      JSON.stringify({
        site_id: siteId,
        kid,
        secret,
        issuer,
        audience,
        ...(addresses.ingressUrl === undefined ? {} : { ingress_url: addresses.ingressUrl }),
        ...(addresses.resultsUrl === undefined ? {} : { results_url: addresses.resultsUrl }),
      }),
    );
}
