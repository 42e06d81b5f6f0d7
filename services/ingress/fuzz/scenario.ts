import type { SiteRecord } from '@pressferry/sites';
import fc from 'fast-check';
import { type Alg, type Draft, draftOf, finish, NOW_MS } from './draft.ts';
import { alg, type Mutation, mutation } from './mutations.ts';
import { type Case, SAMPLES } from './oracle.ts';

const setHeader = (name: string, value: string) => (headers: string[]) =>
  headers.map((old, at) => (at % 2 === 1 && headers[at - 1] === name ? value : old));
const without = (name: string) => (headers: string[]) => headers.filter((_old, at) => headers[at - (at % 2)] !== name);

type Apply = (draft: Draft, ...details: never[]) => void;

/** What each layer's mutations do. */
const LAYERS: Readonly<Record<string, Apply>> = {
  status: ({ record }, status: SiteRecord['status']) => {
    record.status = status;
  },
  secret: ({ record }, expires_at: string | null) => {
    record.secrets = record.secrets.map((old) => ({ ...old, expires_at }));
  },
  'another secret': ({ record }, isFirst: boolean) => {
    const other = { sealed_secret: 'another', expires_at: null };
    record.secrets = isFirst ? [other, ...record.secrets] : [other];
  },
  key: ({ record }, expires_at: string | null) => {
    record.keys = record.keys.map((old) => ({ ...old, expires_at }));
  },
  'key algorithm': ({ record }, from: Alg, to: Alg) => {
    record.keys = record.keys.map((old) =>
      old.kid === from ? ({ ...record.keys.find(({ kid }) => kid === to), ...{ kid: from } } as typeof old) : old,
    );
  },
  identity: ({ record }, member: 'issuer' | 'audience' | 'site_id', value: string) => {
    record[member] = value;
  },
  'ip allow': ({ record }, ranges: string[]) => {
    record.settings = { ...record.settings, ip_allow: ranges };
  },
  mode: (draft, mode: 'live' | 'dry_run' | 'off') => {
    draft.record.settings = {
      ...draft.record.settings,
      event_types: { [String(draft.event.event_type)]: mode },
    };
  },
  world: ({ world }, part: keyof Case['world']) => {
    world[part] = false;
  },
  'no HS256': (draft) => {
    draft.allowHs256 = false;
  },
  address: (draft, address: string) => {
    draft.address = address;
  },
  clock: (draft, seconds: number) => {
    draft.nowMs += seconds * 1000;
  },
  member: ({ event }, name: string, value: unknown) => {
    event[name] = value;
  },
  time: ({ event }, name: string, ms: number) => {
    event[name] = new Date(NOW_MS + ms).toISOString();
  },
  data: (draft, name: string, value: unknown) => {
    draft.event.data = { ...(draft.event.data as object), [name]: value };
  },
  'raw data': (draft, json: string) =>
    void draft.respell.push((text) => text.replace('"data":{', () => `"data":{"meta":{"m":${json}},`)),
  'raw member': (draft, json: string) => void draft.respell.push((text) => `${text.slice(0, -1)},${json}}`),
  spelling: (draft, before: string, after: string) =>
    void draft.respell.push((text) => before + text.replaceAll('":', '" :\n') + after),
  size: (draft, bytes: number) =>
    void draft.respell.push((text) => text + ' '.repeat(Math.max(0, bytes - Buffer.byteLength(text)))),
  header: ({ header }, name: string, value: unknown) => {
    header[name] = value;
  },
  claim: ({ claims }, name: string, value: unknown) => {
    claims[name] = value;
  },
  'signing key': (draft, alg: Alg) => {
    draft.alg = alg;
  },
  'token bit': (draft, bit: number) => void draft.signature.push((bytes) => flip(bytes, bit)),
  'signed with': (draft, secret: string) => {
    draft.secret = secret;
  },
  'http header': (draft, name: string, value: string) => void draft.headers.push(setHeader(name, value)),
  'http header end': (draft, name: string, end: string) =>
    void draft.headers.push((all) => all.map((old, at) => (at % 2 === 1 && all[at - 1] === name ? old + end : old))),
  'http header case': (draft) =>
    void draft.headers.push((all) => all.map((old, at) => (at % 2 === 0 ? old.toUpperCase() : old))),
  'http header gone': (draft, name: string) => void draft.headers.push(without(name)),
  'http header more': (draft, name: string, value: string) => void draft.headers.push((all) => [...all, name, value]),
  'http header twice': (draft, name: string) =>
    void draft.headers.push((all) => [...all, name.toLowerCase(), all[all.indexOf(name) + 1] ?? '']),
  'body bit': (draft, bit: number) => void draft.tamper.push((bytes) => flip(bytes, bit)),
  'body cut': (draft, bytes: number) => void draft.tamper.push((body) => body.subarray(0, -bytes)),
  'body more': (draft, text: string) => void draft.tamper.push((body) => Buffer.concat([body, Buffer.from(text)])),
};

function flip(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  const at = bit % Math.max(1, bytes.length * 8);
  changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
  return changed;
}

/** A valid signed request with none, one or several mutations, at whatever layer. */
export interface Scenario {
  alg: Alg;
  eventType: string;
  mutations: readonly Mutation[];
}

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  alg,
  eventType: fc.constantFrom(...SAMPLES.keys()),
  mutations: fc.array(mutation, { maxLength: 3 }),
});

/** Makes the request of a scenario, signed again. */
export function build({ alg: name, eventType, mutations }: Scenario): Case {
  const draft = draftOf(name, eventType);
  for (const [layer, ...details] of mutations)
    (LAYERS[layer] as (draft: Draft, ...rest: unknown[]) => void)(draft, ...details);
  return finish(draft);
}
