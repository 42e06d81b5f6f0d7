import assert from 'node:assert/strict';
import test from 'node:test';
import { isRowFault } from './sql-faults.ts';

const failure = (code?: unknown): Error => Object.assign(new Error('failed'), { code });

test('only data exceptions and violated constraints can be the fault of a row', () => {
  for (const code of ['22021', '22P02', '22001', '23502', '23505', '23514']) assert.ok(isRowFault(failure(code)), code);
});

test('a database that is read-only, full, locked, not migrated, short of a privilege or gone is at fault itself', () => {
  const codes = [
    '25006',
    '42703',
    '42P01',
    '42501',
    '53100',
    '53300',
    '55P03',
    '57014',
    '57P01',
    '40001',
    '08006',
    'P0001',
    '54000',
  ];
  for (const code of [...codes, 'ECONNREFUSED', 'ETIMEDOUT', 'XX000', '', undefined, 22021])
    assert.ok(!isRowFault(failure(code)), String(code));
  for (const thrown of [undefined, null, '22021', { code: '22021' }]) assert.ok(!isRowFault(thrown));
});
