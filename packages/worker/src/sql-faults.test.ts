import assert from 'node:assert/strict';
import test from 'node:test';
import { isDatabaseFault, isRowFault } from './sql-faults.ts';

const failure = (code?: unknown): Error => Object.assign(new Error('failed'), { code });

test('only data exceptions and violated constraints can be the fault of a row', () => {
  for (const code of ['22021', '22P02', '22001', '23502', '23505', '23514']) assert.ok(isRowFault(failure(code)), code);
});

test('a database that is read-only, full, locked, not migrated, short of a privilege or gone is at fault itself', () => {
  const codes = ['25006', '42703', '42P01', '42501', '53100', '53300', '55P03', '57014', '57P01', '40001', '08006'];
  for (const code of [...codes, 'ECONNREFUSED', 'ETIMEDOUT', 'XX000', '', undefined, 22021])
    assert.ok(!isRowFault(failure(code)), String(code));
  for (const thrown of [undefined, null, '22021', { code: '22021' }]) assert.ok(!isRowFault(thrown));
});

test('only what tells of the database itself is certainly not the fault of a row', () => {
  const codes = ['25006', '42703', '42501', '53100', '53400', '55P03', '57014', '40001', '40P01', '08006', 'XX001'];
  for (const code of [...codes, '0A000', '26000']) assert.ok(isDatabaseFault(failure(code)), code);
  for (const code of ['22021', '23505', '54000', 'P0001', 'XX000', '', undefined])
    assert.ok(!isDatabaseFault(failure(code)), String(code));
});
