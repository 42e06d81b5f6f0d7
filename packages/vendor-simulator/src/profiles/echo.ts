import { jsonAnswer, type VendorEndpoint } from '../endpoints.ts';

// A vendor must not return these, because answers are stored.
const SECRET_HEADERS = new Set(['authorization', 'cookie', 'x-api-key', 'api-key']);

/** Answers with the request, without headers that hold secrets. */
export const echo: VendorEndpoint = {
  method: 'POST',
  path: '/http/echo',
  answer: ({ method, body, headers }) => {
    const shown = Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET_HEADERS.has(name)));
    return jsonAnswer(200, { method, headers: shown, body }, true);
  },
  error: (status, { message = '[simulated] error' } = {}) => jsonAnswer(status, { error: message }),
};
