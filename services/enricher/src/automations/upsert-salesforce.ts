import type { SalesforceStep } from './compile.ts';
import { compilePath, compileTree } from './template.ts';
import { memberOf, type Upsert, wordOf } from './upsert.ts';

/**
 * Upsert by external id: 201 new, 200 known; before version 46 an empty 204. Two records with the id give 300, and
 * faults are lists with an `errorCode`: `refusal` reads both.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm
 */
export const salesforceUpsert: Upsert<SalesforceStep> = {
  method: 'PATCH',
  templates: ({ api_version: version, object, external_id_field: field, external_id: id, fields }, attempt) => ({
    path: attempt(() => compilePath(`/services/data/${version}/sobjects/${object}/${field}/${id}`, 'external_id')),
    headers: [],
    body: attempt(() => compileTree(fields, { at: 'fields', strictIds: true })),
  }),
  read: ({ status, body }) => {
    if (status === 204) return { id: null, is_new: false };
    if (memberOf(body, 'success') !== true) {
      const errors = memberOf(body, 'errors');
      const [first] = Array.isArray(errors) ? errors : [];
      return { unwritten: `Salesforce wrote nothing: ${wordOf(memberOf(first, 'statusCode'))}` };
    }
    const [id, created] = [memberOf(body, 'id'), memberOf(body, 'created')];
    return {
      id: typeof id === 'string' ? id : null,
      is_new: typeof created === 'boolean' ? created : status === 201,
    };
  },
};
