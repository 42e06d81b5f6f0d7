import { type Refusal, refuse } from '../model.ts';

export function refuseRoute(path: string): Refusal {
  if (path === '/ingest') return refuse('method_not_allowed', { headers: { allow: 'POST' } });
  const isKnown = path === '/openapi.json' || path.startsWith('/ingest/');
  return isKnown ? refuse('method_not_allowed', { headers: { allow: 'GET' } }) : refuse('not_found');
}
