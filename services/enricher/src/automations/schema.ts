import { isSiteId } from '@pressferry/contracts';
import { z } from 'zod';
import { OWN_STEPS } from '../model.ts';
import { LONGEST_DELAY_MS, parseDuration } from './duration.ts';
import { httpVendor, llmVendor } from './vendors-schema.ts';

const vendorName = z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be lower case, up to 40 characters');
const stepName = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'must be lower case with underscores, up to 40 characters');
const automationName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case with dashes, up to 63 characters');
const eventType = z.string().regex(/^[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,3}$/, 'is not an event type');
const siteId = z.string().refine(isSiteId, 'is not a site id');
const template = z.string().max(100_000);

/**
 * A tree of JSON whose texts are templates; `{ $value: "<expression>" }` stands for the expression's value as it is, `{ $optional: … }`
 * leaves its member out if the value is empty.
 */
export type TemplateTree = string | number | boolean | null | TemplateTree[] | { [name: string]: TemplateTree };
const tree: z.ZodType<TemplateTree> = z.lazy(() =>
  z.union([template, z.number(), z.boolean(), z.null(), z.array(tree), z.record(z.string(), tree)]),
);

const everyStep = {
  name: stepName,
  /** What a failure makes of the run: its end, or the output `{ error: { code } }`, or this output. */
  on_error: z
    .union([z.enum(['fail', 'continue']), z.strictObject({ fallback: z.record(z.string(), z.unknown()) })])
    .default('fail'),
};

const step = {
  ...everyStep,
  vendor: vendorName,
  /** How secrets and personal data in a request are handled: sent, masked, or the step fails. */
  pii: z.enum(['allow', 'mask', 'refuse']).default('allow'),
  /** Of earlier releases, which masked answers; an answer is the work now and stays as it is. Accepted, and without effect. */
  keep_emails: z.boolean().optional(),
};

const modelNames = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(5)]);

const llmStep = z.strictObject({
  ...step,
  type: z.literal('llm'),
  /** One, or some that are asked in turn while those before are not there or too busy. */
  model: modelNames.optional(),
  system: template.optional(),
  prompt: template,
  max_output_tokens: z.int().min(1).max(100_000).default(1_024),
  /** `mark` puts each inserted value between delimiters of the call, and tells the model that it is material. */
  untrusted: z.enum(['plain', 'mark']).default('plain'),
  /** Left out if the model takes none. */
  temperature: z.number().min(0).max(2).optional(),
  /** `json` asks the model for JSON and parses it; a schema is sent if the vendor takes one, and the answer must meet it. */
  answer: z
    .union([z.enum(['text', 'json']), z.strictObject({ schema: z.record(z.string(), z.unknown()) })])
    .default('text'),
});

/** Set by enricher itself, or by the vendor's `auth`: a step may not. */
const RESERVED_HEADERS = new Set([
  ...['authorization', 'proxy-authorization', 'cookie', 'host', 'connection', 'content-length', 'content-type'],
  ...['transfer-encoding', 'upgrade', 'expect', 'te', 'trailer', 'idempotency-key', 'traceparent', 'tracestate'],
]);

const httpStep = z.strictObject({
  ...step,
  type: z.literal('http'),
  /** How the body of a 2xx is read: JSON if it is some and text if not, or one of them, or not at all. */
  answer: z.enum(['auto', 'json', 'text', 'ignore']).default('auto'),
  /** Statuses that are answers although they are not a 2xx: 409 for a thing that exists. */
  ok_statuses: z.array(z.int().min(300).max(499)).default([]),
  /** A condition (CEL) over `status`, `headers` and `body` that must hold, and one that must not. */
  expect: z.string().max(2_000).optional(),
  fail_if: z.string().max(2_000).optional(),
  /** What of a vendor's answers is a failure although its status is none. */
  preset: z.enum(['hubspot', 'salesforce', 'graphql', 'slack', 'mailchimp', 'zendesk']).optional(),
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
  path: template.refine((path) => path.startsWith('/'), 'must begin with a slash'),
  headers: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z0-9-]+$/, 'must be a header name')
        .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), 'is a header that a step may not set'),
      template,
    )
    .default({}),
  body: tree.optional(),
});

const members = z.record(z.string().min(1), tree);

/** One record of HubSpot, written by the value of a property that is unique: new, or changed if it is there. */
const hubspotStep = z.strictObject({
  ...step,
  type: z.literal('hubspot'),
  object: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$/, 'must be a type of object: contacts, companies, 2-123456')
    .default('contacts'),
  id_property: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,99}$/, 'must be the name of a property')
    .default('email'),
  id: template.min(1),
  properties: members.default({}),
});

/** One record of Salesforce, written by its external id. */
const salesforceStep = z.strictObject({
  ...step,
  type: z.literal('salesforce'),
  object: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_]{0,79}$/, 'must be the API name of an object')
    .default('Contact'),
  external_id_field: z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,79}$/, 'must be the API name of a field'),
  external_id: template.min(1),
  fields: members,
  api_version: z
    .string()
    .regex(/^v\d\d\.0$/, 'must be a version like v60.0')
    .default('v60.0'),
});

const ownStep = { ...everyStep, vendor: z.literal(OWN_STEPS).default(OWN_STEPS) };

const transformStep = z.strictObject({
  ...ownStep,
  type: z.literal('transform'),
  /** The output: a tree, in which `{ $cel: "<expression>" }` stands for the value of an expression in CEL. */
  value: tree,
});

const duration = z.string().refine((text) => {
  const ms = parseDuration(text);
  return ms !== undefined && ms > 0 && ms <= LONGEST_DELAY_MS;
}, 'must be a duration of at most 30 days, like 10m, 1h30m or PT10M');

const delayStep = z
  .strictObject({
    ...ownStep,
    type: z.literal('delay'),
    /** How long the run waits, from when the step before ended. */
    for: duration.optional(),
    /** An expression in CEL that gives the instant, as a timestamp or as a text in ISO form. */
    until: z.string().min(1).max(2_000).optional(),
  })
  .refine((delay) => (delay.for === undefined) !== (delay.until === undefined), {
    path: ['for'],
    message: 'either for or until must be given, and not both',
  });

const approveStep = z.strictObject({
  ...ownStep,
  type: z.literal('approve'),
  /** What the person who decides is shown; it is stored sealed, and never masked. */
  show: tree.optional(),
  /** How long a decision is waited for. */
  timeout: duration.default('30d'),
  on_timeout: z.enum(['reject', 'approve']).default('reject'),
});

/** `off`: no run; `dry_run`: a run that is stored and calls no vendor. */
export const MODES = ['live', 'dry_run', 'off'] as const;
const mode = z.enum(MODES);

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
/** Asks whether there is something at all: text that is not blank, a number, a list or an object with members. */
const presence = z.strictObject({ present: z.boolean() });

export const automationSchema = z.strictObject({
  name: automationName,
  on: z.array(eventType).min(1),
  /**
   * A condition in CEL over `event` and `site`; or paths into the event (`data.status`), each of which must equal its value, or one of
   * its values, or be there (`{ present: true }`).
   */
  when: z
    .union([
      z.string().min(1).max(2_000),
      z.record(z.string().min(1), z.union([scalar, z.array(scalar).min(1), presence])),
    ])
    .default({}),
  /** For all sites, or by site. */
  mode: z
    .union([mode, z.strictObject({ default: mode.default('live'), sites: z.record(siteId, mode) })])
    .default('live'),
  /** Runs for these sites only. */
  sites: z.array(siteId).min(1).optional(),
  steps: z
    .array(
      z.discriminatedUnion('type', [
        llmStep,
        httpStep,
        hubspotStep,
        salesforceStep,
        transformStep,
        delayStep,
        approveStep,
      ]),
    )
    .min(1)
    .max(20),
  /** The result's output. */
  result: z.record(z.string(), tree).default({}),
});

export const fileSchema = z.strictObject({
  vendors: z.record(vendorName, z.discriminatedUnion('kind', [llmVendor, httpVendor])).default({}),
  automations: z.array(automationSchema).default([]),
});

export type AutomationsFile = z.output<typeof fileSchema>;
export type VendorDefinition = AutomationsFile['vendors'][string];
export type AutomationDefinition = AutomationsFile['automations'][number];
export type StepDefinition = AutomationDefinition['steps'][number];
