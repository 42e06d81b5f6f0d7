import { createHash } from 'node:crypto';
import { conditionFault } from './answer-conditions.ts';
import { schemaFault } from './answer-schema.ts';
import { acceptance, checkWhen } from './match.ts';
import type { AutomationDefinition, MODES, StepDefinition, TemplateTree } from './schema.ts';
import {
  compileApprove,
  compileDelay,
  compileHttp,
  compileLlm,
  compileResult,
  compileTransform,
} from './step-templates.ts';
import { type Attempt, TemplateSyntax } from './template.ts';

/** With defaults filled in. Plain data, so it can go to another thread. */
export type Step = StepDefinition;
export type LlmStep = Extract<Step, { type: 'llm' }>;
export type HttpStep = Extract<Step, { type: 'http' }>;
export type HubSpotStep = Extract<Step, { type: 'hubspot' }>;
export type SalesforceStep = Extract<Step, { type: 'salesforce' }>;
export type CallingStep = HttpStep | HubSpotStep | SalesforceStep;
export type TransformStep = Extract<Step, { type: 'transform' }>;
export type DelayStep = Extract<Step, { type: 'delay' }>;
export type ApproveStep = Extract<Step, { type: 'approve' }>;
export type StepType = Step['type'];

/** Its templates and what they read are checked. */
export interface Automation {
  name: string;
  on: ReadonlySet<string>;
  /** A hash of the definition; a run finds by it the one that it began under. */
  version: string;
  definition: AutomationDefinition;
  when: string | { path: string[]; accepts: (value: unknown) => boolean }[];
  modeFor: (siteId: string) => (typeof MODES)[number];
  sites: ReadonlySet<string> | null;
  steps: Step[];
  result: TemplateTree & object;
}

const MATCHED_FIELDS = new Set(['event_type', 'object_ref', 'data']);
const EVENT_FIELDS = new Set(['event_type', 'object_ref', 'occurred_at', 'data']);

/** Calls `fault` with path and text for every fault. */
export function compileAutomation(
  definition: AutomationDefinition,
  fault: (path: string, text: string) => void,
): Automation {
  const earlier = new Set<string>();
  /** Reports a template that does not compile or reads an unknown path, and goes on. */
  const attempt = (path: string): Attempt => {
    return (compile) => {
      try {
        const template = compile();
        for (const read of template.reads)
          for (const text of misreading(read.path, earlier)) fault(`${path}${read.at}`, text);
        return template;
      } catch (error) {
        if (!(error instanceof TemplateSyntax)) throw error;
        fault(`${path}${error.at}`, error.message);
        return { reads: [] } as unknown as ReturnType<typeof compile>;
      }
    };
  };
  for (const [index, step] of definition.steps.entries()) {
    const path = `steps[${index}].`;
    if (earlier.has(step.name)) fault(`${path}name`, `"${step.name}" is used twice`);
    compileStep(step, attempt(path), (at, text) => fault(`${path}${at}`, text));
    earlier.add(step.name);
  }
  compileResult(definition.result, attempt(''));
  const when = compileWhen(definition.when, fault);
  const { mode } = definition;
  return {
    name: definition.name,
    version: versionOf(definition),
    definition,
    modeFor: (siteId) => (typeof mode === 'string' ? mode : (mode.sites[siteId] ?? mode.default)),
    on: new Set(definition.on),
    when,
    sites: definition.sites === undefined ? null : new Set(definition.sites),
    steps: definition.steps,
    result: definition.result,
  };
}

function compileStep(step: Step, attempt: Attempt, fault: (path: string, text: string) => void): void {
  if (step.type === 'transform') compileTransform(step, attempt);
  if (step.type === 'delay') compileDelay(step, attempt);
  if (step.type === 'approve') compileApprove(step, attempt);
  if (step.type === 'llm') {
    compileLlm(step, attempt);
    const text = typeof step.answer === 'object' ? schemaFault(step.answer.schema) : undefined;
    if (text !== undefined) fault('answer.schema', text);
  }
  if (step.type === 'hubspot' || step.type === 'salesforce') compileHttp(step, attempt);
  if (step.type !== 'http') return;
  compileHttp(step, attempt);
  for (const name of ['expect', 'fail_if'] as const) {
    const text = step[name] === undefined ? undefined : conditionFault(step[name]);
    if (text !== undefined) fault(name, text);
  }
}

function compileWhen(
  when: AutomationDefinition['when'],
  fault: (path: string, text: string) => void,
): Automation['when'] {
  if (typeof when === 'string') {
    const checked = checkWhen(when);
    if ('fault' in checked) fault('when', checked.fault);
    else for (const path of checked.reads) for (const text of misreadingWhen(path)) fault('when', text);
    return when;
  }
  const paths = Object.entries(when).map(([path, value]) => ({ path: path.split('.'), accepts: acceptance(value) }));
  for (const { path } of paths) {
    if (path[0] !== 'data' && path[0] !== 'object_ref')
      fault(`when.${path.join('.')}`, 'must begin with "data." or be "object_ref"');
  }
  return paths;
}

/** A condition reads less of an event than a template, and a site's labels. */
function misreadingWhen([root, name]: string[]): string[] {
  if (name === undefined) return [];
  if (root === 'event' && !MATCHED_FIELDS.has(name))
    return [`a condition cannot read event.${name}: an event has event_type, object_ref and data`];
  if (root === 'site' && name !== 'id' && name !== 'labels') return [`a site has no "${name}": only id and labels`];
  return [];
}

/** SHA-256 of the definition with defaults, independent of the order of members. */
export const versionOf = (definition: AutomationDefinition): string =>
  createHash('sha256').update(canonical(definition)).digest('hex').slice(0, 32);

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** The fault of a path into the context: a misspelt one would silently render as nothing. */
function misreading([root, name, member]: string[], earlier: ReadonlySet<string>): string[] {
  if (root === 'event')
    return name === undefined || EVENT_FIELDS.has(name) ? [] : [`an event has no "${name}" (its data is event.data)`];
  if (root === 'run') return name === undefined || name === 'id' ? [] : [`a run has no "${name}"`];
  if (root === 'site') return name === undefined || name === 'id' ? [] : [`a site has no "${name}"`];
  if (root !== 'steps') return [`"${root}" is not there to be read: only event, site, run and steps are`];
  if (name === undefined) return [];
  if (!earlier.has(name)) return [`no earlier step is named "${name}"`];
  return member === undefined || member === 'output' ? [] : [`a step has no "${member}": only output`];
}
