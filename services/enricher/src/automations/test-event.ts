import type { CallOutcome } from '../model.ts';
import { outputContext } from '../model.ts';
import { type Automation, compileAutomation } from './compile.ts';
import type { Automations } from './load.ts';
import { fileSchema } from './schema.ts';
import type { Vendor } from './vendors.ts';

/** The dot keeps it apart from the names that a file may give. */
export const TEST_NAME = 'pressferry.test';

const STEP = { name: 'answer', type: 'http', vendor: 'pressferry', path: '/' };

/** Adds the automation that answers a site's test event, with one step that this process does itself: no vendor is called. */
export function withTestEvent({ automations, vendors }: Automations): Automations {
  return {
    automations: new Map([...automations, [TEST_NAME, testAutomation()]]),
    vendors: new Map([...vendors, [TEST_NAME, TEST_VENDOR]]),
  };
}

const TEST_VENDOR: Vendor = {
  ...{ name: TEST_NAME, kind: 'http', baseUrl: 'https://test.invalid', auth: undefined },
  ...{ timeoutMs: 1_000, maxConcurrency: 4, breaker: { failures: 5, openMs: 1_000 } },
  retry: { maxAttempts: 5, baseMs: 100, capMs: 1_000, forMs: 60_000, waitMs: 60_000, holdMs: 60_000 },
};

function testAutomation(): Automation {
  const result = { answered: true, plugin_version: '{{ event.data.plugin_version }}' };
  const file = fileSchema.parse({ automations: [{ name: 'test', on: [TEST_NAME], steps: [STEP], result }] });
  const [definition] = file.automations;
  if (definition === undefined) throw new Error('the test automation is not defined');
  const compiled = compileAutomation(definition, (path, text) => {
    throw new Error(`the test automation's ${path} ${text}`);
  });
  return { ...compiled, name: TEST_NAME, steps: compiled.steps.map((step) => ({ ...step, vendor: TEST_NAME })) };
}

/** What the step of the test automation comes to. */
export const answerTest = (
  { run_id: runId }: { run_id: string },
  position: number,
  keyring: { seal: (text: string, context: string) => string },
): CallOutcome => ({
  kind: 'succeeded',
  sealedOutput: keyring.seal(JSON.stringify({ status: 200, body: null }), outputContext(runId, position)),
  statusCode: 200,
});
