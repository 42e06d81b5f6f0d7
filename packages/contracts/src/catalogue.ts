import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { type CatalogueFile, readFolder } from './catalogue/folder.ts';
import { type EventTypeMode, isEventTypeMode, MODE_FAULT } from './catalogue/modes.ts';
import { compileSchema } from './catalogue/schema.ts';
import { isEventType } from './ids.ts';
import type { Fault } from './problems.ts';

export type { EventTypeMode } from './catalogue/modes.ts';

/** One JSON Schema 2020-12 file each, named after its type. */
export const BUILT_IN_EVENT_TYPES = fileURLToPath(new URL('./event-types/', import.meta.url));

/** Sets modes: `{"order.paid": "dry_run"}`. */
const MODES_FILE = 'modes.json';

export interface EventType {
  name: string;
  schema: Record<string, unknown>;
  /** The default for sites whose settings do not name the type. */
  mode: EventTypeMode;
  check: (data: unknown) => Fault[];
  /** A valid `data`, from the schema's `examples`. */
  sample: Record<string, unknown> | undefined;
}

export type Catalogue = ReadonlyMap<string, EventType>;

/** Each fault is one line with the file, the place in it and the error. */
export class CatalogueError extends Error {
  override name = 'CatalogueError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the event-type catalogue cannot be used:\n  ${faults.join('\n  ')}`);
    this.faults = faults;
  }
}

/**
 * Compiles every `<event type>.json` of the folders and their `modes.json`; later folders replace types and modes of
 * earlier ones. Reuses types of `previous` whose schema is the same. Throws `CatalogueError`.
 */
export function loadCatalogue(folders: readonly string[], previous: Catalogue = new Map()): Catalogue {
  const types = new Map<string, EventType>();
  const faults: string[] = [];
  const files = folders.flatMap((folder) => listed(folder, faults));
  for (const file of files.filter(({ name }) => name !== MODES_FILE)) {
    const type = attempt(file, faults, () => readType(file, previous));
    if (type !== undefined) types.set(type.name, type);
  }
  for (const file of files.filter(({ name }) => name === MODES_FILE)) {
    attempt(file, faults, () => applyModes(file, types));
  }
  if (faults.length > 0) throw new CatalogueError(faults);
  return types;
}

function listed(folder: string, faults: string[]): CatalogueFile[] {
  try {
    return readFolder(folder);
  } catch (error) {
    faults.push(`${folder}: cannot be read: ${messageOf(error)}`);
    return [];
  }
}

function attempt<T>(file: CatalogueFile, faults: string[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const found = error instanceof CatalogueError ? error.faults : [`: ${messageOf(error)}`];
    faults.push(...found.map((fault) => `${file.path}${fault}`));
    return undefined;
  }
}

function readType(file: CatalogueFile, previous: Catalogue): EventType {
  const name = file.name.slice(0, -'.json'.length);
  if (!isEventType(name))
    throw new Error(`"${name}" is not an event type name (two to four lower-case words with dots between them)`);
  const schema = parseObject(file.text);
  const mode = schema['x-pressferry-mode'] ?? 'live';
  if (!isEventTypeMode(mode)) throw new CatalogueError([`#/x-pressferry-mode: ${MODE_FAULT}`]);
  const same = previous.get(name);
  if (same !== undefined && isDeepStrictEqual(same.schema, schema)) return { ...same, mode };
  const compiled = compileSchema(schema);
  if ('faults' in compiled)
    throw new CatalogueError(compiled.faults.map(({ pointer, fault }) => `#${pointer}: ${fault}`));
  const [sample] = (schema.examples ?? []) as Record<string, unknown>[];
  return { name, schema, mode, check: compiled.check, sample };
}

function applyModes({ text }: CatalogueFile, types: Map<string, EventType>): void {
  const faults: string[] = [];
  for (const [name, mode] of Object.entries(parseObject(text))) {
    const type = types.get(name);
    if (type === undefined) faults.push(`#/${name}: is not an event type of the catalogue`);
    else if (!isEventTypeMode(mode)) faults.push(`#/${name}: ${MODE_FAULT}`);
    else types.set(name, { ...type, mode });
  }
  if (faults.length > 0) throw new CatalogueError(faults);
}

function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('must hold a JSON object');
  return value as Record<string, unknown>;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
