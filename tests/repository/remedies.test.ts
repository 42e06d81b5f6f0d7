import assert from 'node:assert/strict';
import test from 'node:test';
import { REMEDIES } from '../../packages/admin/src/operate/remedies.ts';
import { FAILURE_CODES as ofDeliveries } from '../../services/callback/src/model.ts';
import { FAILURE_CODES as ofSteps } from '../../services/enricher/src/model.ts';

test('every reason for which a step or a delivery fails has its remedy', () => {
  const missing = [...ofSteps, ...ofDeliveries].filter((code) => REMEDIES[code] === undefined);
  assert.deepEqual(missing, [], 'write it in packages/admin/src/operate/remedies.ts');
});
