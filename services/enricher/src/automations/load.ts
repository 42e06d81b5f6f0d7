import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BUILT_IN_EVENT_TYPES, type Catalogue, CatalogueError, loadCatalogue } from '@pressferry/contracts';
import { ConfigError } from '@pressferry/runtime';
import type { z } from 'zod';
import { OWN_STEPS } from '../model.ts';
import { type Automation, compileAutomation, type Step } from './compile.ts';
import { undeclaredPaths } from './data-paths.ts';
import { faultLine, type Source } from './faults.ts';
import { type NamedSite, namedSites } from './named-sites.ts';
import { readYaml } from './read-yaml.ts';
import { type AutomationDefinition, type AutomationsFile, fileSchema, type VendorDefinition } from './schema.ts';
import { resolveVendor, type StandIn, type Vendor } from './vendors.ts';

/** By name. */
export interface Automations {
  automations: Map<string, Automation>;
  vendors: Map<string, Vendor>;
}

export interface Loaded extends Automations {
  sites: NamedSite[];
}

export interface LoadOptions {
  concurrency: number;
  /** Further folders of event types, as ingress has them. */
  eventTypes?: readonly string[];
  /** Without it, an unset variable is a fault. */
  standIn?: StandIn;
  /** Without it, reading a member of an event's data that no event type declares is a fault. */
  anyData?: boolean;
  /** Those that are registered, if they are known. */
  isSite?: (siteId: string) => boolean;
}

/**
 * Reads AUTOMATIONS_FILE, a YAML file or a folder of `.yaml` and `.yml` files, and the environment variables that it
 * names. Throws a `ConfigError` with every fault, its file and path, and no value.
 */
export function loadAutomations(path: string, env: NodeJS.ProcessEnv, limits: LoadOptions): Loaded {
  const faults: string[] = [];
  const automations = new Map<string, Automation>();
  const vendors = new Map<string, Vendor>();
  const declared = new Map<string, VendorDefinition>();
  const sites: NamedSite[] = [];
  const files = filesOf(path, faults).flatMap((file) => parseFile(file, faults) ?? []);
  const catalogue = catalogueOf(limits.eventTypes ?? [], faults);

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
      checkEventTypes(definition, catalogue, fault);
      for (const found of limits.anyData ? [] : undeclaredPaths(definition, catalogue)) fault(found.path, found.text);
      sites.push(...namedSites(definition, (at, text) => faultLine(source, `automations[${index}].${at}`, text)));
      checkVendors(automation, { vendors, declared, fault });
      automations.set(automation.name, automation);
    }
  }
  const { isSite = () => true } = limits;
  faults.push(...sites.flatMap(({ siteId, fault }) => (isSite(siteId) ? [] : [fault])));
  const inAll = [...vendors.values()].reduce((sum, vendor) => sum + vendor.maxConcurrency, 0);
  if (inAll > limits.concurrency)
    faults.push(
      `the vendors' max_concurrency add up to ${inAll}, more than WORKER_CONCURRENCY (${limits.concurrency})`,
    );
  if (faults.length === 0 && !files.some(({ isListed }) => isListed))
    faults.push(
      `${path}: has no list of automations, so no event would run any: write "automations: []" if that is meant`,
    );
  if (faults.length > 0) throw new ConfigError(`the automations cannot be used:\n  ${faults.join('\n  ')}`);
  return { automations, vendors, sites };
}

function catalogueOf(folders: readonly string[], faults: string[]): Catalogue {
  try {
    return loadCatalogue([BUILT_IN_EVENT_TYPES, ...folders]);
  } catch (error) {
    if (!(error instanceof CatalogueError)) throw error;
    faults.push(...error.faults);
    return loadCatalogue([BUILT_IN_EVENT_TYPES]);
  }
}

/** A mistyped type would silently match no event. */
function checkEventTypes(
  { on }: AutomationDefinition,
  catalogue: Catalogue,
  fault: (path: string, text: string) => unknown,
): void {
  for (const [index, name] of on.entries())
    if (!catalogue.has(name))
      fault(`on[${index}]`, `no event type is named "${name}"; one of your own is read from EVENT_TYPES_DIRS`);
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

function schemasIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

interface ParsedFile {
  source: Source;
  content: AutomationsFile;
  /** It has a list of automations, perhaps an empty one. */
  isListed: boolean;
}

function parseFile(file: string, faults: string[]): ParsedFile | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    faults.push(`${file}: cannot be read (${codeOf(error)})`);
    return undefined;
  }
  const read = readYaml(file, bytes, faults);
  if (read === undefined) return undefined;
  const { source, value } = read;
  const parsed = fileSchema.safeParse(value);
  for (const issue of parsed.error?.issues ?? []) {
    const { path, message } = closest(issue);
    faults.push(faultLine(source, pathOf(path), message));
  }
  const isListed = typeof value === 'object' && value !== null && 'automations' in value;
  return parsed.data && { source, content: parsed.data, isListed };
}

/** Of all files' contents, event types' too. */
export function fingerprintOf(path: string, eventTypes: readonly string[] = []): string {
  const hash = createHash('sha256');
  for (const file of [...filesOf(path, []), ...eventTypes.flatMap(schemasIn)]) {
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
    checkHeaders(step, vendor, (name, text) => fault(`steps[${index}].headers.${name}`, text));
    if (vendor.kind !== (step.type === 'llm' ? 'llm' : 'http'))
      fault(at, `"${step.vendor}" is of kind ${vendor.kind}, the step of type ${step.type}`);
    if (vendor.kind === 'llm' && step.type === 'llm' && step.model === undefined && vendor.model === undefined)
      fault(`steps[${index}].model`, 'neither the step nor its vendor names a model');
  }
}

/** Names of headers are case-insensitive. */
function checkHeaders(step: Step, vendor: Vendor, fault: (name: string, text: string) => void): void {
  const seen = new Set<string>(vendor.kind === 'http' && vendor.auth !== undefined ? [vendor.auth.header] : []);
  for (const name of step.type === 'http' ? Object.keys(step.headers) : []) {
    const lower = name.toLowerCase();
    if (vendor.kind === 'http' && lower === vendor.auth?.header)
      fault(name, `is the header of the credential of "${vendor.name}"`);
    else if (seen.has(lower)) fault(name, 'is given twice');
    seen.add(lower);
  }
}
