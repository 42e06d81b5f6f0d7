import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorFields } from './logger.ts';

const parseFault = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
};

test('an error is logged by name, message, code and cause', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = Object.assign(new Error('no answer', { cause }), { code: 'E1', detail: 'ada@example.com' });
  assert.deepEqual(errorFields(error), {
    error: 'Error: no answer',
    error_code: 'E1',
    cause: 'Error: connect ECONNREFUSED',
  });
});

test('a message that quotes its input is not logged, neither of an error nor of its cause', () => {
  const fault = parseFault('ada@example.com');
  assert.match(String(fault), /ada@/);
  assert.deepEqual(errorFields(fault), { error: 'SyntaxError' });
  assert.deepEqual(errorFields(new Error('the body', { cause: fault })), {
    error: 'Error: the body',
    cause: 'SyntaxError',
  });
  const value = Object.assign(new Error('invalid input syntax for type uuid: "ada@example.com"'), { code: '22P02' });
  assert.deepEqual(errorFields(value), { error: 'Error', error_code: '22P02' });
});
