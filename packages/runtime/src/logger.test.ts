import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, errorFields } from './logger.ts';

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

/** The fields of the one line that a call writes. */
function written(fields: object): Record<string, unknown> {
  const lines: string[] = [];
  createLogger('test', 'info', { write: (line) => void lines.push(line) }).info(fields, 'one');
  assert.equal(lines.length, 1);
  const { level: _level, time: _time, service: _service, msg: _msg, ...rest } = JSON.parse(lines[0] ?? '');
  return rest;
}

test('a field that must never be printed is not, at any depth, in a list, or as a header in any spelling', () => {
  const secret = 'ada@example.com';
  const fields = {
    site_id: 'site-a',
    email: secret,
    request: { headers: { Authorization: secret, 'X-Signature': secret, accept: '*/*' }, body: { text: secret } },
    tries: [{ status: 503, data: secret }, 'plain'],
  };
  assert.deepEqual(written(fields), {
    site_id: 'site-a',
    email: '[redacted]',
    request: {
      headers: { Authorization: '[redacted]', 'X-Signature': '[redacted]', accept: '*/*' },
      body: '[redacted]',
    },
    tries: [{ status: 503, data: '[redacted]' }, 'plain'],
  });
  assert.equal(fields.request.headers.Authorization, secret, 'what was given to the logger stays as it is');
});

test('a line that was given a circle, a date or nothing is written anyway', () => {
  const circle: Record<string, unknown> = { name: 'x' };
  circle.self = circle;
  assert.match(JSON.stringify(written({ circle })), /too deep/);
  assert.deepEqual(written({ at: new Date(0), none: undefined, nil: null }), {
    at: '1970-01-01T00:00:00.000Z',
    nil: null,
  });
});
