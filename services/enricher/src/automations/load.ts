import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@pressferry/runtime';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type Automation, compileAutomation } from './compile.ts';
import { type AutomationsFile, fileSchema } from './schema.ts';
import { resolveVendor, type Vendor } from './vendors.ts';

/** The automations and vendors that this process knows, by name. */
export interface Automations {
  automations: ReadonlyMap<string, Automation>;
  vendors: ReadonlyMap<string, Vendor>;
}

/**
 * Reads AUTOMATIONS_FILE – a YAML file, or a folder whose `.yaml` and `.yml` files are taken together – and the environment
 * variables that it names. Throws a `ConfigError` with every fault, each with its file and path, and no value of any.
 */
export function loadAutomations(path: string, env: NodeJS.ProcessEnv, limits: { concurrency: number }): Automations {
  const faults: string[] = [];
  const automations = new Map<string, Automation>();
  const vendors = new Map<string, Vendor>();
  const declared = new Set<string>();
  const files = filesOf(path, faults).map((file) => ({ file, content: parseFile(file, faults) }));

  for (const { file, content } of files) {
    for (const [name, definition] of Object.entries(content?.vendors ?? {})) {
      const fault = (at: string, text: string): unknown => faults.push(`${file}: vendors.${name}.${at}: ${text}`);
      if (declared.has(name)) fault('kind', 'this vendor is declared twice');
      declared.add(name);
      const vendor = resolveVendor(name, definition, env, fault);
      if (vendor !== undefined) vendors.set(name, vendor);
    }
  }
  for (const { file, content } of files) {
    for (const [index, definition] of (content?.automations ?? []).entries()) {
      const fault = (at: string, text: string): unknown => faults.push(`${file}: automations[${index}].${at}: ${text}`);
      if (automations.has(definition.name)) fault('name', `"${definition.name}" is declared twice`);
      const automation = compileAutomation(definition, fault);
      checkVendors(automation, { vendors, declared, fault });
      automations.set(automation.name, automation);
    }
  }
  const inAll = [...vendors.values()].reduce((sum, vendor) => sum + vendor.maxConcurrency, 0);
  if (inAll > limits.concurrency)
    faults.push(
      `the vendors' max_concurrency add up to ${inAll}, more than WORKER_CONCURRENCY (${limits.concurrency})`,
    );
  if (faults.length > 0) throw new ConfigError(`the automations cannot be used:\n  ${faults.join('\n  ')}`);
  return { automations, vendors };
}

function filesOf(path: string, faults: string[]): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    // A mounted ConfigMap shows its files as links next to folders named `..data`.
    const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'));
    if (names.length === 0) faults.push(`${path}: holds no .yaml file`);
    return names.sort().map((name) => join(path, name));
  } catch (error) {
    faults.push(`${path}: cannot be read (${codeOf(error)})`);
    return [];
  }
}

function parseFile(file: string, faults: string[]): AutomationsFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    faults.push(`${file}: cannot be read (${codeOf(error)})`);
    return undefined;
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter });
  for (const error of document.errors) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    faults.push(`${file}:${line}:${col}: ${error.code.toLowerCase().replaceAll('_', ' ')}`);
  }
  if (document.errors.length > 0) return undefined;
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 50 });
  } catch {
    faults.push(`${file}: an alias names no anchor, or aliases make too much of it`);
    return undefined;
  }
  if (content === null || content === undefined) faults.push(`${file}: is empty`);
  const parsed = fileSchema.safeParse(content ?? {});
  for (const issue of parsed.error?.issues ?? []) faults.push(`${file}: ${pathOf(issue)}: ${issue.message}`);
  return parsed.data;
}

function pathOf({ path }: z.core.$ZodIssue): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || '(top)';
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'error');

interface VendorChecks {
  vendors: ReadonlyMap<string, Vendor>;
  declared: ReadonlySet<string>;
  fault: (path: string, text: string) => unknown;
}

function checkVendors(automation: Automation, { vendors, declared, fault }: VendorChecks): void {
  for (const [index, step] of automation.steps.entries()) {
    const vendor = vendors.get(step.vendor);
    const at = `steps[${index}].vendor`;
    if (!declared.has(step.vendor)) fault(at, `no vendor is named "${step.vendor}"`);
    if (vendor === undefined) continue;
    if (vendor.kind !== step.type)
      fault(at, `"${step.vendor}" is of kind ${vendor.kind}, the step of type ${step.type}`);
    if (vendor.kind === 'llm' && step.type === 'llm' && step.model === undefined && vendor.model === undefined)
      fault(`steps[${index}].model`, 'neither the step nor its vendor names a model');
  }
}
