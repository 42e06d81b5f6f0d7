import { randomUUID } from 'node:crypto';
import type { ResultBody } from '@pressferry/contracts';
import type { TestPostgres } from '@pressferry/testing';
import { startWorld, vendorsYaml, type World } from '../../services/enricher/test/world.ts';
import { type Call, type Said, startVendor } from './vendor.ts';

/** What one answer came to. */
export interface Came {
  code: string | undefined;
  output: Record<string, unknown>;
  calls: Call[];
}

/** One enricher and one vendor for many answers. */
export interface Table extends AsyncDisposable {
  world: World;
  /** Sends an event for the automation of this name, whose vendor answers as told. */
  ask: (automation: string, answer: Said | ((call: Call, number: number) => Said), data?: object) => Promise<Came>;
}

/** An automation of one step, and its result. What the vendor is sent must hold `{{ event.data.title }}`, which names the case. */
export interface Row {
  step: string;
  result: string;
}

/** Starts a table whose automations are `rows`, by name; `vendors` replaces the usual ones. */
export async function startTable(
  postgres: TestPostgres,
  rows: Record<string, Row>,
  vendors: (url: string) => string = () => vendorsYaml(),
): Promise<Table> {
  await using stack = new AsyncDisposableStack();
  const cases = new Map<string, { answer: (call: Call, number: number) => Said; calls: Call[] }>();
  const vendor = stack.use(
    await startVendor((call) => {
      const [id = ''] = /case-[0-9a-f-]{36}/.exec(`${call.url} ${call.body}`) ?? [];
      const asked = cases.get(id);
      if (asked === undefined) return { status: 404, body: 'no such case' };
      asked.calls.push(call);
      return asked.answer(call, asked.calls.length);
    }),
  );
  const world = stack.use(await startWorld(postgres));
  const automations = Object.entries(rows).map(
    ([name, { step, result }]) =>
      `  - { name: ${name}, on: [post.published], when: { data.automation: ${name} }, steps: [{ name: s, ${step} }], result: { ${result} } }`,
  );
  const yaml = `${vendors(vendor.url)}\nautomations:\n${automations.join('\n')}\n`;
  await world.start(yaml, { LLM_BASE_URL: `${vendor.url}/v1`, CRM_BASE_URL: vendor.url });
  const resources = stack.move();
  return {
    world,
    ask: async (automation, answer, data = {}) => {
      const id = `case-${randomUUID()}`;
      const calls: Call[] = [];
      cases.set(id, { answer: typeof answer === 'function' ? answer : () => answer, calls });
      const request = await world.send({ data: { title: id, automation, ...data } });
      const result: ResultBody = await world.result(request, automation);
      return { code: result.error?.code, output: result.output as Record<string, unknown>, calls };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
