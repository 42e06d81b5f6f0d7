import { isEventType, isSiteId } from '@pressferry/contracts';
import { z } from 'zod';
import { OWN_STEPS } from '../model.ts';
import { LONGEST_DELAY_MS, parseDuration } from './duration.ts';
import { httpVendor, llmVendor } from './vendors-schema.ts';

const vendorName = z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be lower case, up to 40 characters');
const stepName = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'must be lower case with underscores, up to 40 characters');
const automationName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case with dashes, up to 63 characters');
const eventType = z.string().refine(isEventType, 'is not an event type');
const siteId = z.string().refine(isSiteId, 'is not a site id');
const template = z.string().max(100_000);

/**
 * JSON whose texts are templates; `{ $value: "<expression>" }` is replaced by the expression's value, `{ $optional: …
 * }` leaves its member out if empty.
 */
export type TemplateTree = string | number | boolean | null | TemplateTree[] | { [name: string]: TemplateTree };
const tree: z.ZodType<TemplateTree> = z.lazy(() =>
  z.union([template, z.number(), z.boolean(), z.null(), z.array(tree), z.record(z.string(), tree)]),
);

const everyStep = {
  name: stepName,
  /** A failure ends the run, or gives the output `{ error: { code } }`, or this output. */
  on_error: z
    .union([z.enum(['fail', 'continue']), z.strictObject({ fallback: z.record(z.string(), z.unknown()) })])
    .default('fail'),
};

const step = {
  ...everyStep,
  vendor: vendorName,
  /** Secrets and personal data in a request are sent, masked, or fail the step. */
  pii: z.enum(['allow', 'mask', 'refuse']).default('allow'),
  /** Without effect, accepted for files of earlier releases, which masked answers. */
  keep_emails: z.boolean().optional(),
};

const modelNames = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(5)]);

const llmStep = z.strictObject({
  ...step,
  type: z.literal('llm'),
  /** One, or several: the next is asked if the ones before are missing or too busy. */
  model: modelNames.optional(),
  system: template.optional(),
  prompt: template,
  max_output_tokens: z.int().min(1).max(100_000).default(1_024),
  /** `mark` puts each inserted value between delimiters and tells the model that it is untrusted material. */
  untrusted: z.enum(['plain', 'mark']).default('plain'),
  /** Absent if the model takes none. */
  temperature: z.number().min(0).max(2).optional(),
  /** `json` asks for JSON and parses it; the answer must meet a given schema, which is sent if the vendor takes one. */
  answer: z
    .union([z.enum(['text', 'json']), z.strictObject({ schema: z.record(z.string(), z.unknown()) })])
    .default('text'),
});

/** Set by enricher, or by the vendor's `auth`. */
const RESERVED_HEADERS = new Set([
  ...['authorization', 'proxy-authorization', 'cookie', 'host', 'connection', 'content-length', 'content-type'],
  ...['transfer-encoding', 'upgrade', 'expect', 'te', 'trailer', 'idempotency-key', 'traceparent', 'tracestate'],
  ...['keep-alive', 'proxy-connection', 'proxy-authenticate', 'cookie2', 'accept-encoding', 'http2-settings'],
]);

const httpStep = z.strictObject({
  ...step,
  type: z.literal('http'),
  /** How the body of a 2xx is read: JSON if possible and else text, or one of them, or not at all. */
  answer: z.enum(['auto', 'json', 'text', 'ignore']).default('auto'),
  /** Statuses that count as success although not 2xx: 409 for a thing that exists. */
  ok_statuses: z.array(z.int().min(300).max(499)).default([]),
  /** CEL conditions over `status`, `headers` and `body`: one must hold, one must not. */
  expect: z.string().max(2_000).optional(),
  fail_if: z.string().max(2_000).optional(),
  /** A vendor's known failures in spite of their status. */
  preset: z
    .enum(['hubspot', 'salesforce', 'graphql', 'slack', 'mailchimp', 'zendesk', 'zoho', 'teams', 'json-rpc'])
    .optional(),
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

/** Upserts one HubSpot record by a unique property. */
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

/** Upserts one Salesforce record by its external id. */
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
  /** The output: a tree, in which `{ $cel: "<expression>" }` is replaced by a CEL expression's value. */
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
    /** From the end of the previous step. */
    for: duration.optional(),
    /** A CEL expression for the instant: a timestamp, or ISO text. */
    until: z.string().min(1).max(2_000).optional(),
  })
  .refine((delay) => (delay.for === undefined) !== (delay.until === undefined), {
    path: ['for'],
    message: 'either for or until must be given, and not both',
  });

const approveStep = z.strictObject({
  ...ownStep,
  type: z.literal('approve'),
  /** Shown to the person who decides; stored sealed, never masked. */
  show: tree.optional(),
  timeout: duration.default('30d'),
  on_timeout: z.enum(['reject', 'approve']).default('reject'),
});

/** `off`: no run; `dry_run`: a run that is stored and calls no vendor. */
export const MODES = ['live', 'dry_run', 'off'] as const;
const mode = z.enum(MODES);

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
/** True for text that is not blank, a number, or a list or object with members. */
const presence = z.strictObject({ present: z.boolean() });

export const automationSchema = z.strictObject({
  name: automationName,
  on: z.array(eventType).min(1),
  /**
   * A CEL condition over `event` and `site`; or paths into the event (`data.status`), each with its value, a list of
   * values, or `{ present: true }`.
   */
  when: z
    .union([
      z.string().min(1).max(2_000),
      z.record(z.string().min(1), z.union([scalar, z.array(scalar).min(1), presence])),
    ])
    .default({}),
  /** For all sites, or by site. */
  mode: z
    .union([mode, z.strictObject({ default: mode.default('live'), sites: z.record(siteId, mode).default({}) })])
    .default('live'),
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
