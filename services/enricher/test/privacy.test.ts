import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { serve, type TestPostgres } from '@pressferry/testing';
import { outputContext } from '../src/model.ts';
import { CRM_KEY, FORM, LEAD, LLM_KEY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** The stored outputs of a run's steps, opened. */
async function outputs({ db, keyring }: World): Promise<string[]> {
  const steps = await db.selectFrom('steps').selectAll().orderBy('position').execute();
  return steps.map(({ run_id, position, sealed_output }) =>
    keyring.open(sealed_output ?? '', outputContext(run_id, position)).toString('utf8'),
  );
}

test('no vendor secret and no event data is in the logs, in a table in the clear, or in the stored outputs', async () => {
  await using world = await startWorld(postgres);
  // The vendor's error carries its key, as some do.
  world.vendors.setBehaviours({ contacts: [{ status: 500 }], chat: [{ malformed: true }] });
  await world.start(`${vendorsYaml()}${LEAD}`);
  const request = await world.send(FORM);
  assert.equal((await world.result(request, 'lead-to-crm')).status, 'succeeded');

  const tables = ['events', 'runs', 'steps', 'step_attempts', 'results'] as const;
  const rows = await Promise.all(tables.map((table) => world.db.selectFrom(table).selectAll().execute()));
  const stored = await outputs(world);
  // The work goes on with what the vendor said.
  assert.ok(stored[1]?.includes('ada@example.com'));
  for (const secret of [LLM_KEY, CRM_KEY])
    assert.ok(!stored.join('').includes(secret), `${secret} is in a stored output`);
  for (const secret of [LLM_KEY, CRM_KEY, 'ada@example.com']) {
    assert.ok(!world.log.join('').includes(secret), `${secret} is in the logs`);
    assert.ok(!JSON.stringify(rows).includes(secret), `${secret} is in a table`);
  }
  assert.ok(!world.log.join('').includes('yearly'), 'event data is in the logs');
});

test('a vendor that gives its own secret back has it taken out, and whatever else it says stays for later steps and the result', async () => {
  await using leaky = await startLeaky();
  await using world = await startWorld(postgres);
  await world.start(`${vendorsYaml()}${LEAK}`, { CRM_BASE_URL: leaky.url });
  const request = await world.send();
  const { output } = await world.result(request, 'leak');
  assert.equal(output.said, 'your key is [secret], call ada@example.com and pay with 4242 4242 4242 4242');
  assert.deepEqual(leaky.bodies[1], { said: output.said });
  assert.ok(!(await outputs(world)).join('').includes(CRM_KEY));
});

test('a step sends personal data as it is, masked, or not at all, as its `pii` says', async () => {
  await using world = await startWorld(postgres);
  const steps = (pii: string) => `
automations:
  - name: ask
    on: [form.submitted]
    steps: [{ name: ask, type: llm, vendor: llm, pii: ${pii}, prompt: '{{ event.data.fields.email }} says hello' }]
`;
  for (const [pii, prompt] of [
    ['allow', 'ada@example.com says hello'],
    ['mask', '[email] says hello'],
  ] as const) {
    const enricher = await world.start(`${vendorsYaml()}${steps(pii)}`);
    await world.result(await world.send(FORM), 'ask');
    const body = world.vendors.ledger().entries.at(-1)?.body as { messages: { content: string }[] };
    assert.equal(body.messages[0]?.content, prompt);
    await enricher[Symbol.asyncDispose]();
  }
  await world.start(`${vendorsYaml()}${steps('refuse')}`);
  const { error } = await world.result(await world.send(FORM), 'ask');
  assert.deepEqual(error, { code: 'pii_refused', step: 'ask' });
  assert.equal(world.vendors.ledger().calls, 2);
});

const LEAK = `
automations:
  - name: leak
    on: [post.published]
    steps:
      - { name: first, type: http, vendor: crm, path: /, body: {} }
      - { name: second, type: http, vendor: crm, path: /, body: { said: '{{ steps.first.output.body.said }}' } }
    result: { said: '{{ steps.first.output.body.said }}' }
`;

async function startLeaky() {
  const bodies: unknown[] = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    bodies.push(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    const key = request.headers.authorization?.replace('Bearer ', '');
    const said = `your key is ${key}, call ada@example.com and pay with 4242 4242 4242 4242`;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ said }));
  });
  return {
    bodies,
    ...(await serve(server)),
  };
}
