import type { CallOutcome } from '../model.ts';
import { outputContext } from '../model.ts';
import { type Automation, compileAutomation, type Step } from './compile.ts';
import type { Automations } from './load.ts';
import { ownVendor, STEPS_VENDOR } from './own-vendor.ts';
import { fileSchema } from './schema.ts';

/** The dot keeps it apart from names in files. */
export const TEST_NAME = 'pressferry.test';

const STEP = { name: 'answer', type: 'http', vendor: 'pressferry', path: '/' };

/** Adds the vendor of enricher's own steps, and the automation that answers a site's test event. */
export function withOwn({ automations, vendors }: Automations): Automations {
  return {
    automations: new Map([...automations, [TEST_NAME, testAutomation()]]),
    vendors: new Map([...vendors, [TEST_NAME, ownVendor(TEST_NAME, 4)], [STEPS_VENDOR.name, STEPS_VENDOR]]),
  };
}

function testAutomation(): Automation {
  const result = { answered: true, plugin_version: '{{ event.data.plugin_version }}' };
  const file = fileSchema.parse({ automations: [{ name: 'test', on: [TEST_NAME], steps: [STEP], result }] });
  const [definition] = file.automations;
  if (definition === undefined) throw new Error('the test automation is not defined');
  const compiled = compileAutomation(definition, (path, text) => {
    throw new Error(`the test automation's ${path} ${text}`);
  });
  return {
    ...compiled,
    name: TEST_NAME,
    steps: compiled.steps.map((step) => ({ ...step, vendor: TEST_NAME }) as Step),
  };
}

export const answerTest = (
  { run_id: runId }: { run_id: string },
  position: number,
  keyring: { seal: (text: string, context: string) => string },
): CallOutcome => ({
  kind: 'succeeded',
  sealedOutput: keyring.seal(JSON.stringify({ status: 200, body: null }), outputContext(runId, position)),
  statusCode: 200,
});
