import { acceptance } from './match.ts';
import type { AutomationDefinition, StepDefinition } from './schema.ts';
import {
  type CompiledTree,
  compilePath,
  compileText,
  compileTree,
  type TextTemplate,
  templateFault,
} from './template.ts';

interface StepBase {
  name: string;
  vendor: string;
  pii: StepDefinition['pii'];
}

export interface LlmStep extends StepBase {
  type: 'llm';
  model: string | undefined;
  system: TextTemplate | undefined;
  prompt: TextTemplate;
  maxOutputTokens: number;
  answer: 'text' | 'json';
}

export interface HttpStep extends StepBase {
  type: 'http';
  method: string;
  path: TextTemplate;
  headers: [name: string, value: TextTemplate][];
  body: CompiledTree | undefined;
}

export type Step = LlmStep | HttpStep;
export type StepType = Step['type'];

/** An automation, its templates parsed and what they read checked. */
export interface Automation {
  name: string;
  on: ReadonlySet<string>;
  when: { path: string[]; accepts: (value: unknown) => boolean }[];
  sites: ReadonlySet<string> | null;
  steps: Step[];
  result: CompiledTree;
}

const EVENT_FIELDS = new Set(['event_type', 'object_ref', 'occurred_at', 'data']);

/** Compiles a definition; calls `fault` with the path and what is wrong for every fault there is. */
export function compileAutomation(
  definition: AutomationDefinition,
  fault: (path: string, text: string) => void,
): Automation {
  const earlier = new Set<string>();
  /** Compiles one template; where that fails the fault is noted, and a template that is never rendered takes its place. */
  const attempt = <T extends { reads: string[][] }>(path: string, compile: () => T): T => {
    try {
      const template = compile();
      for (const text of template.reads.flatMap((read) => misreading(read, earlier))) fault(path, text);
      return template;
    } catch (error) {
      fault(path, templateFault(error));
      return { reads: [], render: () => '' } as unknown as T;
    }
  };
  const steps = definition.steps.map((step, index) => {
    const path = `steps[${index}]`;
    if (earlier.has(step.name)) fault(`${path}.name`, `"${step.name}" is used twice`);
    const compiled = compileStep(step, (field, compile) => attempt(`${path}.${field}`, compile));
    earlier.add(step.name);
    return compiled;
  });
  const when = Object.entries(definition.when).map(([path, value]) => ({
    path: path.split('.'),
    accepts: acceptance(value),
  }));
  for (const { path } of when) {
    if (path[0] !== 'data' && path[0] !== 'object_ref')
      fault(`when.${path.join('.')}`, 'must begin with "data." or be "object_ref"');
  }
  return {
    name: definition.name,
    on: new Set(definition.on),
    when,
    sites: definition.sites === undefined ? null : new Set(definition.sites),
    steps,
    result: attempt('result', () => compileTree(definition.result)),
  };
}

type Attempt = <T extends { reads: string[][] }>(field: string, compile: () => T) => T;

function compileStep(step: StepDefinition, attempt: Attempt): Step {
  const base = { name: step.name, vendor: step.vendor, pii: step.pii };
  if (step.type === 'llm') {
    const { system } = step;
    return {
      ...base,
      type: 'llm',
      model: step.model,
      system: system === undefined ? undefined : attempt('system', () => compileText(system)),
      prompt: attempt('prompt', () => compileText(step.prompt)),
      maxOutputTokens: step.max_output_tokens,
      answer: step.answer,
    };
  }
  const { body } = step;
  return {
    ...base,
    type: 'http',
    method: step.method,
    path: attempt('path', () => compilePath(step.path)),
    headers: Object.entries(step.headers).map(([name, value]) => [
      name,
      attempt(`headers.${name}`, () => compileText(value)),
    ]),
    body: body === undefined ? undefined : attempt('body', () => compileTree(body)),
  };
}

/** Says what is wrong with a path into the context: a misspelt one would render as nothing, silently. */
function misreading([root, name, member]: string[], earlier: ReadonlySet<string>): string[] {
  if (root === 'event')
    return name === undefined || EVENT_FIELDS.has(name) ? [] : [`an event has no "${name}" (its data is event.data)`];
  if (root === 'site') return name === undefined || name === 'id' ? [] : [`a site has no "${name}"`];
  if (root !== 'steps') return [`"${root}" is not there to be read: only event, site and steps are`];
  if (name === undefined) return [];
  if (!earlier.has(name)) return [`no earlier step is named "${name}"`];
  return member === undefined || member === 'output' ? [] : [`a step has no "${member}": only output`];
}
