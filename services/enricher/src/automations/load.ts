import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '@pressferry/runtime';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { OWN_STEPS } from '../model.ts';
import { type Automation, compileAutomation } from './compile.ts';
import { faultLine, type Source } from './faults.ts';
import { type AutomationDefinition, type AutomationsFile, fileSchema, type VendorDefinition } from './schema.ts';
import { resolveVendor, type StandIn, type Vendor } from './vendors.ts';

/** By name. */
export interface Automations {
  automations: Map<string, Automation>;
  vendors: Map<string, Vendor>;
}

export interface LoadOptions {
  concurrency: number;
  /** Without it, an unset variable is a fault. */
  standIn?: StandIn;
  /** More faults of a definition. */
  check?: (definition: AutomationDefinition) => { path: string; text: string }[];
}

/**
 * Reads AUTOMATIONS_FILE, a YAML file or a folder of `.yaml` and `.yml` files, and the environment variables that it
 * names. Throws a `ConfigError` with every fault, its file and path, and no value.
 */
export function loadAutomations(path: string, env: NodeJS.ProcessEnv, limits: LoadOptions): Automations {
  const faults: string[] = [];
  const automations = new Map<string, Automation>();
  const vendors = new Map<string, Vendor>();
  const declared = new Map<string, VendorDefinition>();
  const files = filesOf(path, faults).flatMap((file) => parseFile(file, faults) ?? []);

  for (const { source, content } of files) {
    for (const [name, definition] of Object.entries(content.vendors)) {
      const fault = (at: string, text: string): unknown =>
        faults.push(faultLine(source, `vendors.${name}.${at}`, text));
      const before = declared.get(name);
      // Two files may repeat a definition, so each can be complete.
      if (isDeepStrictEqual(before, definition)) continue;
      if (before !== undefined) fault('kind', 'this vendor is declared twice, and differently');
      declared.set(name, definition);
      const vendor = resolveVendor(name, definition, { env, standIn: limits.standIn }, fault);
      if (vendor !== undefined) vendors.set(name, vendor);
    }
  }
  for (const { source, content } of files) {
    for (const [index, definition] of content.automations.entries()) {
      const fault = (at: string, text: string): unknown =>
        faults.push(faultLine(source, `automations[${index}].${at}`, text));
      if (automations.has(definition.name)) fault('name', `"${definition.name}" is declared twice`);
      const automation = compileAutomation(definition, fault);
      for (const found of limits.check?.(definition) ?? []) fault(found.path, found.text);
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
    // A mounted ConfigMap links its files to folders named `..data`.
    const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'));
    if (names.length === 0) faults.push(`${path}: holds no .yaml file`);
    return names.sort().map((name) => join(path, name));
  } catch (error) {
    faults.push(`${path}: cannot be read (${codeOf(error)})`);
    return [];
  }
}

interface ParsedFile {
  source: Source;
  content: AutomationsFile;
}

function parseFile(file: string, faults: string[]): ParsedFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    faults.push(`${file}: cannot be read (${codeOf(error)})`);
    return undefined;
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  const source = { file, document, lines };
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    faults.push(`${file}:${line}:${col}: ${error.code.toLowerCase().replaceAll('_', ' ')}`);
  }
  if (document.errors.length > 0) return undefined;
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 50 });
  } catch {
    const { line, col } = lines.linePos(text.search(/[*]\w/) + 1 || 1);
    faults.push(`${file}:${line}:${col}: an alias names no anchor, or aliases make too much of it`);
    return undefined;
  }
  if (content === null || content === undefined) faults.push(`${file}:1:1: is empty`);
  const parsed = fileSchema.safeParse(content ?? {});
  for (const issue of parsed.error?.issues ?? []) {
    const { path, message } = closest(issue);
    faults.push(faultLine(source, pathOf(path), message));
  }
  return parsed.data && { source, content: parsed.data };
}

/** Of all files' contents. */
export function fingerprintOf(path: string): string {
  const hash = createHash('sha256');
  for (const file of filesOf(path, [])) {
    try {
      hash.update(file).update(readFileSync(file));
    } catch (error) {
      hash.update(codeOf(error));
    }
  }
  return hash.digest('hex');
}

/** If a value fits none of several forms, reports the fault of the form that it comes closest to. */
function closest(
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[] = [],
): { path: PropertyKey[]; message: string } {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_key') return { path, message: issue.issues[0]?.message ?? issue.message };
  if (issue.code !== 'invalid_union') return { path, message: issue.message };
  const found = issue.errors.flatMap((issues) => issues.map((one) => closest(one, path)));
  const furthest = found.toSorted((one, other) => other.path.length - one.path.length)[0];
  return furthest !== undefined && furthest.path.length > path.length ? furthest : { path, message: issue.message };
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '');
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'error');

interface VendorChecks {
  vendors: ReadonlyMap<string, Vendor>;
  declared: ReadonlyMap<string, VendorDefinition>;
  fault: (path: string, text: string) => unknown;
}

function checkVendors(automation: Automation, { vendors, declared, fault }: VendorChecks): void {
  for (const [index, step] of automation.steps.entries()) {
    if (step.vendor === OWN_STEPS) continue;
    const vendor = vendors.get(step.vendor);
    const at = `steps[${index}].vendor`;
    if (!declared.has(step.vendor)) fault(at, `no vendor is named "${step.vendor}"`);
    if (vendor === undefined) continue;
    if (vendor.kind !== (step.type === 'llm' ? 'llm' : 'http'))
      fault(at, `"${step.vendor}" is of kind ${vendor.kind}, the step of type ${step.type}`);
    if (vendor.kind === 'llm' && step.type === 'llm' && step.model === undefined && vendor.model === undefined)
      fault(`steps[${index}].model`, 'neither the step nor its vendor names a model');
  }
}
