import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAgenda } from './agenda.ts';

test('a site that is announced while a round claims stays on the agenda, whatever that round found', () => {
  const agenda = createAgenda();
  void agenda.announce('site-a', 'result-1');
  agenda.begin().answer(new Set(['result-1']));
  void agenda.announce('site-a', 'result-2');
  agenda.remove(['site-a']);
  assert.deepEqual(agenda.begin().siteIds, ['site-a']);
  agenda.remove(['site-a']);
  assert.equal(agenda.isOpen(), false);
});
