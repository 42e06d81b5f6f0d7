import assert from 'node:assert/strict';
import { createKeyring, eventBodyContext } from '@pressferry/runtime';
import { type Behaviours, startVendorSimulator, type VendorSimulator } from '@pressferry/vendor-simulator';
import { compileAutomation, type Step } from '../src/automations/compile.ts';
import { fileSchema } from '../src/automations/schema.ts';
import { resolveVendor } from '../src/automations/vendors.ts';
import { createContent } from '../src/content/content.ts';
import { outputContext } from '../src/model.ts';
import { freeSpend } from '../src/spend/spend.ts';
import { callVendor } from '../src/vendors/call.ts';
import { createDialects } from '../src/vendors/dialect.ts';
import { UNRATED } from '../src/vendors/rates.ts';
import { createTransport } from '../src/vendors/transport.ts';

const SEALING_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const REQUEST = '0c1f2f6e-6d5b-5d43-8f51-5d6b7f6d1a11';
const RUN = '5d1f2f6e-6d5b-5d43-8f51-5d6b7f6d1a11';

/** What a step came to at the simulated vendor. */
export interface Came {
  kind: string;
  code?: string;
  detail?: string;
  statusCode?: number | null;
  output?: Record<string, unknown>;
}

/** A vendor of the configuration, and calls of its steps at the simulator: without NATS and Postgres. */
export interface Profile extends AsyncDisposable {
  simulator: VendorSimulator;
  /** Makes the call of one step, whose templates read `event.data`. */
  call: (step: Record<string, unknown>, data?: Record<string, unknown>) => Promise<Came>;
  /** The bodies that the vendor was sent. */
  bodies: () => Record<string, unknown>[];
  behave: (behaviours: Behaviours) => void;
}

/** Starts the simulator and makes a vendor whose `base_url` is the simulator's with `path` behind it. */
export async function startProfile(path: string, settings: Record<string, unknown>): Promise<Profile> {
  await using stack = new AsyncDisposableStack();
  const simulator = stack.use(await startVendorSimulator());
  const transport = stack.use(createTransport());
  const content = stack.use(createContent({ sealingKeys: SEALING_KEYS, secrets: () => ['the-key-of-the-vendor'] }));
  const { vendor: definition } = fileSchema.parse({
    vendors: { vendor: { base_url: `${simulator.url}${path}`, timeout_ms: 60_000, ...settings } },
  }).vendors;
  assert.ok(definition);
  const env = { KEY: 'the-key-of-the-vendor' };
  const vendor = resolveVendor('vendor', definition, { env }, (at, text) => assert.fail(`${at}: ${text}`));
  assert.ok(vendor);
  const keyring = createKeyring(SEALING_KEYS);
  const signal = new AbortController().signal;
  const deps = {
    transport,
    content,
    dialects: createDialects(),
    spend: freeSpend,
    rated: () => UNRATED,
    vendors: new Map([['vendor', vendor]]),
    signal,
    isHeld: () => true,
  };
  const resources = stack.move();
  return {
    simulator,
    behave: (behaviours) => simulator.setBehaviours(behaviours),
    bodies: () => simulator.ledger().entries.map(({ body }) => body as Record<string, unknown>),
    call: async (step, data = { title: 'Harbour news' }) => {
      const run = {
        ...{ run_id: RUN, request_id: REQUEST, site_id: 'site-a', event_type: 'post.published', object_ref: '1' },
        automation: 'a',
        sealed_body: keyring.seal(
          JSON.stringify({ occurred_at: '2026-11-24T05:00:00Z', data }),
          eventBodyContext(REQUEST),
        ),
        steps: [{ name: 'step', position: 0, sealed_output: null }],
        traceparent: null,
      };
      const outcome = await callVendor(compiled(step, definition.kind), run, 0, deps);
      if (outcome.kind !== 'succeeded') return outcome;
      const output = keyring.open(outcome.sealedOutput, outputContext(RUN, 0)).toString('utf8');
      return { kind: outcome.kind, statusCode: outcome.statusCode, output: JSON.parse(output) };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function compiled(step: Record<string, unknown>, type: string): Step {
  const prompt = type === 'llm' ? { system: 'Be brief.', prompt: 'Sum up {{ event.data.title }}' } : {};
  const [definition] = fileSchema.parse({
    automations: [
      { name: 'a', on: ['post.published'], steps: [{ name: 'step', type, vendor: 'vendor', ...prompt, ...step }] },
    ],
  }).automations;
  assert.ok(definition);
  const [made] = compileAutomation(definition, (at, text) => assert.fail(`${at}: ${text}`)).steps;
  assert.ok(made);
  return made;
}

/** A schema that OpenAI takes in its strict mode. */
export const SCORE = {
  type: 'object',
  properties: {
    rating: { type: 'string', enum: ['hot', 'warm', 'cold'] },
    reasons: { type: 'array', items: { type: 'string' } },
  },
  required: ['rating', 'reasons'],
  additionalProperties: false,
};

export const ratingOf = ({ output }: Came): unknown => (output?.json as { rating: unknown } | undefined)?.rating;
