import { compileExpression } from './cel-values.ts';
import type {
  ApproveStep,
  CallingStep,
  DelayStep,
  HubSpotStep,
  LlmStep,
  SalesforceStep,
  Step,
  TransformStep,
} from './compile.ts';
import type { TemplateTree } from './schema.ts';
import {
  type Attempt,
  type CompiledTree,
  compileHeader,
  compileMarked,
  compilePath,
  compileText,
  compileTree,
  type Read,
  TemplateSyntax,
  type TextTemplate,
} from './template.ts';
import type { Upsert } from './upsert.ts';
import { hubspotUpsert } from './upsert-hubspot.ts';
import { salesforceUpsert } from './upsert-salesforce.ts';

export interface LlmTemplates {
  system: TextTemplate | undefined;
  prompt: TextTemplate;
}

export interface HttpTemplates {
  path: TextTemplate;
  headers: [name: string, value: TextTemplate][];
  body: CompiledTree | undefined;
}

const plainly: Attempt = (compile) => compile();

/** Throws a `TemplateSyntax`, unless `attempt` handles it. */
export function compileLlm({ system, prompt, untrusted }: LlmStep, attempt = plainly): LlmTemplates {
  const compile = untrusted === 'mark' ? compileMarked : compileText;
  return {
    system: system === undefined ? undefined : attempt(() => compile(system, 'system')),
    prompt: attempt(() => compile(prompt, 'prompt')),
  };
}

/** A kind of upsert: its request, and how to read its answers. */
export const upsertOf = ({ type }: HubSpotStep | SalesforceStep): Pick<Upsert<never>, 'method' | 'read'> =>
  type === 'hubspot' ? hubspotUpsert : salesforceUpsert;

export function compileHttp(step: CallingStep, attempt = plainly): HttpTemplates {
  if (step.type === 'hubspot') return hubspotUpsert.templates(step, attempt);
  if (step.type === 'salesforce') return salesforceUpsert.templates(step, attempt);
  const { path, headers, body } = step;
  return {
    path: attempt(() => compilePath(path, 'path')),
    headers: Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      attempt(() => compileHeader(value, `headers.${name}`)),
    ]),
    body: body === undefined ? undefined : attempt(() => compileTree(body, { at: 'body', strictIds: true })),
  };
}

export const compileTransform = ({ value }: TransformStep, attempt = plainly): CompiledTree =>
  attempt(() => compileTree(value, { at: 'value', cel: compileExpression }));

/** For a delay until an instant; undefined for one of a length. */
export function compileDelay({ until }: DelayStep, attempt = plainly): CompiledTree | undefined {
  if (until === undefined) return undefined;
  return attempt(() => {
    const instant = compileExpression(until, 'until');
    if (!INSTANTS.has(instant.type))
      throw new TemplateSyntax('until', `gives no instant, but a value of type ${instant.type}`);
    return instant;
  });
}

export const compileApprove = ({ show = null }: ApproveStep, attempt = plainly): CompiledTree =>
  attempt(() => compileTree(show, { at: 'show', cel: compileExpression }));

const INSTANTS = new Set(['dyn', 'string', 'google.protobuf.Timestamp']);

export const compileResult = (tree: TemplateTree, attempt = plainly): CompiledTree =>
  attempt(() => compileTree(tree, { at: 'result' }));

/** Caches compiled templates as long as their definitions exist. */
export interface Compiler {
  llm: (step: LlmStep) => LlmTemplates;
  http: (step: CallingStep) => HttpTemplates;
  transform: (step: TransformStep) => CompiledTree;
  approve: (step: ApproveStep) => CompiledTree;
  delay: (step: DelayStep) => { until: CompiledTree | undefined };
  result: (tree: TemplateTree & object) => CompiledTree;
}

const MAX_KEPT = 500;

/** `byContent`: equal definitions share their templates, because a thread gets a new copy each time. */
export function createCompiler({ byContent = false } = {}): Compiler {
  const cached = <D extends object, C>(compile: (definition: D) => C): ((definition: D) => C) => {
    const byIdentity = new WeakMap<D, C>();
    const byText = new Map<string, C>();
    return (definition) => {
      const key = byContent ? JSON.stringify(definition) : '';
      const known = byContent ? byText.get(key) : byIdentity.get(definition);
      if (known !== undefined) return known;
      const compiled = compile(definition);
      if (!byContent) byIdentity.set(definition, compiled);
      else {
        if (byText.size >= MAX_KEPT) byText.clear();
        byText.set(key, compiled);
      }
      return compiled;
    };
  };
  return {
    llm: cached((step: LlmStep) => compileLlm(step)),
    http: cached((step: CallingStep) => compileHttp(step)),
    transform: cached((step: TransformStep) => compileTransform(step)),
    approve: cached((step: ApproveStep) => compileApprove(step)),
    delay: cached((step: DelayStep) => ({ until: compileDelay(step) })),
    result: cached((tree: TemplateTree & object) => compileResult(tree)),
  };
}

/** The steps whose outputs are read; null if any may be. */
export function stepsRead(reads: readonly Read[]): ReadonlySet<string> | null {
  const names = reads.filter(({ path: [root] }) => root === 'steps').map(({ path: [, name] }) => name);
  return names.includes(undefined) ? null : new Set(names.filter((name) => name !== undefined));
}

export const readsOf = (step: Step, compiler: Compiler): Read[] => {
  if (step.type === 'llm') {
    const { system, prompt } = compiler.llm(step);
    return [...(system?.reads ?? []), ...prompt.reads];
  }
  if (step.type === 'transform') return compiler.transform(step).reads;
  if (step.type === 'approve') return compiler.approve(step).reads;
  if (step.type === 'delay') return compiler.delay(step).until?.reads ?? [];
  const { path, headers, body } = compiler.http(step);
  return [...path.reads, ...headers.flatMap(([, { reads }]) => reads), ...(body?.reads ?? [])];
};
