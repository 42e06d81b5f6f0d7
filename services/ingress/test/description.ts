import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { get, type Target } from './world.ts';

export type Json = Record<string, unknown>;

/** An answer of ingress as a test sees it; header names in lower case. */
export interface Answered {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: unknown;
}

/** An OpenAPI description, ready to judge by. */
export interface Description {
  /** The compiled schema at a JSON pointer into the description. */
  schemaAt: (pointer: string) => ValidateFunction;
  /** Fails unless the operation describes this answer: its status, media type, headers and body. */
  assertDescribes: (path: string, method: string, answer: Answered) => void;
}

const NAME = 'https://pressferry.test/openapi.json';
const escapePointer = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

/** Reads the description that ingress serves, which describes itself too. */
export async function descriptionOf(ingress: Target): Promise<Description> {
  const answer = await get(ingress, '/openapi.json');
  const description = readDescription(answer.body as Json);
  description.assertDescribes('/openapi.json', 'get', answer);
  return description;
}

/** Reads a description as a client would: by its text alone. */
export function readDescription(document: Json): Description {
  const ajv = formats.default(new Ajv2020({ strict: false }));
  ajv.addSchema(document, NAME);
  const schemaAt = (pointer: string): ValidateFunction => {
    const found = ajv.getSchema(`${NAME}#${pointer.split('/').map(encodeURIComponent).join('/')}`);
    assert.ok(found !== undefined, `the description has nothing at ${pointer}`);
    return found;
  };
  const lookUp = (pointer: string): Json | undefined => {
    let value: unknown = document;
    for (const part of pointer.split('/').slice(1)) {
      value = (value as Json | undefined)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')];
    }
    return value as Json | undefined;
  };
  return {
    schemaAt,
    assertDescribes(path, method, { status, headers, body }) {
      const text = JSON.stringify(body);
      const at = `/paths/${escapePointer(path)}/${method}/responses/${status}`;
      const response = lookUp(at);
      assert.ok(response !== undefined, `${method} ${path} does not describe status ${status}: ${text}`);
      const media = String(headers['content-type']);
      assert.ok(lookUp(`${at}/content/${escapePointer(media)}`) !== undefined, `${status} does not describe ${media}`);
      const check = schemaAt(`${at}/content/${escapePointer(media)}/schema`);
      assert.ok(check(body), `${text} is not as described: ${JSON.stringify(check.errors)}`);
      for (const [name, { $ref }] of Object.entries((response.headers ?? {}) as Record<string, { $ref: string }>)) {
        const { required, schema } = lookUp($ref.slice(1)) as { required: boolean; schema: Json };
        const value = headers[name.toLowerCase()];
        assert.ok(value !== undefined || !required, `${status} has no ${name}`);
        if (value === undefined) continue;
        const typed = schema.type === 'integer' ? Number(value) : value;
        assert.ok(ajv.validate(schema, typed), `${name}: ${value} is not as described`);
      }
    },
  };
}
