import type { HubSpotStep } from './compile.ts';
import { compilePath, compileTree } from './template.ts';
import { memberOf, type Upsert, wordOf } from './upsert.ts';

/**
 * A batch upsert with one input. It answers 207 with `numErrors` for what it did not write, or 200 without results.
 * https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-upsert
 */
export const hubspotUpsert: Upsert<HubSpotStep> = {
  method: 'POST',
  templates: ({ object, id_property: idProperty, id, properties }, attempt) => {
    const key = attempt(() => compileTree(id, { at: 'id', strictIds: true, isId: true }));
    const others = attempt(() => compileTree(properties, { at: 'properties', strictIds: true }));
    return {
      path: attempt(() => compilePath(`/crm/v3/objects/${object}/batch/upsert`, 'object')),
      headers: [],
      body: {
        reads: [...key.reads, ...others.reads],
        render: (context, limits) => {
          const made = String(key.render(context, limits));
          const given = others.render(context, limits) as Record<string, unknown>;
          return { inputs: [{ id: made, idProperty, properties: { [idProperty]: made, ...given } }] };
        },
      },
    };
  },
  read: ({ body }) => {
    const [numErrors, errors, results] = ['numErrors', 'errors', 'results'].map((name) => memberOf(body, name));
    const faults = Array.isArray(errors) ? errors : [];
    if (Number(numErrors ?? 0) > 0 || faults.length > 0)
      return { unwritten: `HubSpot wrote nothing: ${wordOf(memberOf(faults[0], 'category'))}` };
    const [record] = Array.isArray(results) ? results : [];
    const [id, isNew] = [memberOf(record, 'id'), memberOf(record, 'new')];
    if (typeof id !== 'string' && typeof id !== 'number') return { unwritten: 'HubSpot wrote nothing: no results' };
    return { id: String(id), is_new: typeof isNew === 'boolean' ? isNew : null };
  },
};
