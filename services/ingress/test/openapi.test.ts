import assert from 'node:assert/strict';
import { globSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BUILT_IN_EVENT_TYPES, envelopeSchema, loadCatalogue, PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import { buildOpenApi } from '../src/openapi/index.ts';
import { REFUSALS } from '../src/openapi/refusals.ts';
import { type Json, readDescription } from './description.ts';

const catalogue = loadCatalogue([BUILT_IN_EVENT_TYPES]);
const document = buildOpenApi(catalogue);
const description = readDescription(document);
const isEvent = description.schemaAt('/components/schemas/Event');
const examples = exampleEvents(document);

/** Refused for what no operation describes: there is no such path or method. */
const OUTSIDE: ProblemCode[] = ['not_found', 'method_not_allowed'];
/** Codes of polling and of enrolment, which callback serves. */
const OF_CALLBACK: ProblemCode[] = [
  'result_unknown',
  'results_unavailable',
  'enrolment_token_invalid',
  'enrolment_proof_invalid',
  'enrolment_token_used',
  'enrolment_refused',
  'site_request_refused',
];

/** What ingress itself would say to this event, except for its times. */
function isAccepted(event: Json): boolean {
  const parsed = envelopeSchema.safeParse(event);
  return parsed.success && catalogue.get(parsed.data.event_type)?.check(parsed.data.data).length === 0;
}

function exampleEvents(described: Json): Json[] {
  const { paths } = described as { paths: Record<string, { post?: { requestBody: { content: Json } } }> };
  const media = paths['/ingest']?.post?.requestBody.content['application/json'] as { examples: Record<string, Json> };
  return Object.values(media.examples).map(({ value }) => value as Json);
}

test('the description is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors));
  assert.equal(validator.version, '3.1');
});

test('every schema of it compiles, with no reference that leads nowhere', () => {
  const { components } = document as { components: { schemas: Json } };
  for (const name of Object.keys(components.schemas)) description.schemaAt(`/components/schemas/${name}`);
});

describe('refusals', () => {
  test('every code of the table is described by an operation, or belongs elsewhere', () => {
    const described = new Set<string>([...Object.values(REFUSALS).flat(), ...OUTSIDE, ...OF_CALLBACK]);
    assert.deepEqual(
      Object.keys(PROBLEMS).filter((code) => !described.has(code)),
      [],
    );
  });

  test('every code that the source of ingress refuses with is described', () => {
    const described = new Set<string>([...Object.values(REFUSALS).flat(), ...OUTSIDE]);
    const source = fileURLToPath(new URL('../src', import.meta.url));
    const codes = globSync('{http,ingest,limits,sites,.}/*.ts', { cwd: source, exclude: ['**/*.test.ts'] })
      .map((file) => readFileSync(join(source, file), 'utf8'))
      .flatMap((text) => [...text.matchAll(/'([a-z]+(?:_[a-z0-9]+)+)'/g)].map(([, word]) => word ?? ''))
      .filter((word) => Object.hasOwn(PROBLEMS, word));
    assert.ok(new Set(codes).size > 15, 'the source was not found');
    assert.deepEqual(
      [...new Set(codes)].filter((code) => !described.has(code)),
      [],
    );
  });

  test('are told with title, anchor and status by the table', () => {
    const { paths } = document as { paths: Record<string, Record<string, { responses: Record<string, Json> }>> };
    const responses = paths['/ingest']?.post?.responses ?? {};
    const [status] = PROBLEMS.data_invalid;
    assert.match(
      String(responses[status]?.description),
      /\[`data_invalid`\]\(https:\/\/pressferry\.dev\/problems#data_invalid\) \| The data does not match/,
    );
  });
});

describe('events', () => {
  test('there is an example of every type, and each is as ingress and the description want it', () => {
    assert.deepEqual(examples.map(({ event_type }) => event_type).sort(), [...catalogue.keys()].sort());
    for (const example of examples) {
      assert.ok(isAccepted(example), `${example.event_type}: ingress would refuse its own example`);
      assert.ok(isEvent(example), `${example.event_type}: ${JSON.stringify(isEvent.errors)}`);
    }
  });

  test('ingress and its description agree on what an event is', () => {
    const times = '2026-11-24T08:00:00Z 2026-02-30T08:00:00Z 2026-11-24T08:00:00+01:00 2026-11-24';
    const keys =
      '6F9619FF-8B86-4D01-B42D-00CF4FC964FF 6f9619ff-8b86-1d01-b42d-00cf4fc964ff 6f9619ff-8b86-4d01-c42d-00cf4fc964ff';
    const words = `x ${'x'.repeat(256)} post.published order.paid no.such https://x.example/ ftp://x EUR publish`;
    const texts = `${times} ${keys} ${words}`.split(' ');
    const other = ['', -1, 0, 1, 1.5, 1e300, null, true, [], [[]], {}, { id: 1 }, { a: { b: 'c' } }, undefined];
    const values = fc.constantFrom<unknown>(...texts, ...other);
    const names = fc.constantFrom(
      ...['event_type', 'object_ref', 'idempotency_key', 'occurred_at', 'sent_at', 'data', 'extra', 'constructor'],
    );
    const change = fc.record({ inData: fc.boolean(), name: names, member: fc.nat(), value: values });
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...examples),
        fc.array(change, { minLength: 1, maxLength: 2 }),
        (example, changes) => {
          const event = structuredClone(example);
          for (const { inData, name, member, value: shared } of changes) {
            // Each change gets its own value: the next one may write into it.
            const value = structuredClone(shared);
            const data = event.data as Json;
            const inner = inData && typeof data === 'object' && data !== null && !Array.isArray(data);
            if (inner) data[Object.keys(data)[member % Object.keys(data).length] ?? name] = value;
            else event[name] = value;
          }
          const sent = JSON.parse(JSON.stringify(event)) as Json;
          accepted += isAccepted(sent) ? 1 : 0;
          assert.equal(isEvent(sent), isAccepted(sent), JSON.stringify(sent));
        },
      ),
      { numRuns: 3_000 },
    );
    assert.ok(accepted > 100, `only ${accepted} events were accepted: the property says little`);
  });

  test('an operator’s type is described too, its references and its mode with it', () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'pressferry-openapi-'));
    const schema = {
      type: 'object',
      properties: { from: { $ref: '#/$defs/port' }, to: { $ref: '#/$defs/port' } },
      $defs: { port: { type: 'string', maxLength: 5 } },
      examples: [{ from: 'DEHAM', to: 'NLRTM' }],
      'x-pressferry-mode': 'dry_run',
    };
    writeFileSync(join(folder.path, 'ferry.booked.json'), JSON.stringify(schema));
    const described = buildOpenApi(loadCatalogue([BUILT_IN_EVENT_TYPES, folder.path]));
    const check = readDescription(described).schemaAt('/components/schemas/Event');
    const example = exampleEvents(described).find(({ event_type }) => event_type === 'ferry.booked');
    assert.ok(check(example), JSON.stringify(check.errors));
    assert.equal(check({ ...example, data: { from: 'Hamburg' } }), false);
    const { components } = described as { components: { schemas: Record<string, Json> } };
    assert.equal(components.schemas['data.ferry.booked']?.['x-pressferry-mode'], 'dry_run');
  });
});
